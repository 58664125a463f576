// The wired process: a server, a client, or both, with the HTTP API before them, on one loop.
//
// Loop thread only. Life: create() (reads disks, opens the listeners, starts the parts; blocks for milliseconds), then the loop runs,
// co_await stop(), destroy. A dev agent's stop() ends its tasks and removes its data directory; any other leaves both.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/config.h"
#include "base/log.h"
#include "client/client.h"
#include "net/http_server.h"
#include "server/server.h"

namespace drover::agent {

class agent {
 public:
  // Requires: finish(config) succeeded. Errors say what could not be done and which key to change.
  static result<std::unique_ptr<agent>> create(net::loop& loop, agent_config config);
  ~agent();
  agent(const agent&) = delete;
  agent& operator=(const agent&) = delete;

  net::awaitable<void> stop();
  // Before stop(), when this agent goes for good: its node is drained if the configuration says so, its server leaves the cluster.
  net::awaitable<void> leave();
  // Called when the agent cannot do what it was told to and its process should end with an error.
  void on_fatal(std::function<void(error)> function);
  // Takes over what may change while running: the log level and the TLS files.
  result<> reload(const agent_config& fresh);
  // What POST /v1/agent/reload does; set by whoever knows where the configuration came from.
  void on_reload(std::function<result<>()> function);

  const agent_config& config() const;
  // As bound: with real ports where the configuration said 0.
  const std::vector<std::string>& http_addresses() const;
  client::client* client() const;
  server::cluster_server* server() const;
  // Returns when the servers know this agent's node as ready; at once without a client.
  net::awaitable<void> wait_ready();

 private:
  struct parts;
  explicit agent(std::unique_ptr<parts> p);
  std::unique_ptr<parts> parts_;
};

}  // namespace drover::agent
