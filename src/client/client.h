// The node agent: keeps this machine registered with the servers and runs the allocations they place here.
//
// Talks to servers only through the rpc::channel it is given, or through one of its own that finds servers in the network (server_channel.h) with the
// dial function it is given; that one outlives this object. Thread rule: made, used and destroyed on the loop. Lifecycle: create() reads
// the disk and the machine (milliseconds), start() begins, stop() must have returned before it is destroyed. Tasks run on after stop(),
// also when the process is killed; the next agent with the same data directory finds them again. In dev mode stop() ends them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/options.h"
#include "client/server_channel.h"
#include "net/http_server.h"
#include "net/loop.h"
#include "rpc/channel.h"
#include "schema/node.h"

namespace drover::client {

class alloc_runner;
struct log_sink_counters;
class task_driver;

class client {
 public:
  // Fails with a sentence when the data directory cannot be used.
  static result<std::unique_ptr<client>> create(client_options options, rpc::channel& servers, net::loop& loop);
  // Servers elsewhere: options.servers, options.server_join and what earlier runs learned say where. invalid, unsupported: an address is none.
  static result<std::unique_ptr<client>> create(client_options options, dial_function dial, net::loop& loop);
  ~client();
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  void start();
  net::awaitable<void> stop();
  // Before stop(), when options.drain_on_shutdown is set: asks the servers to move everything elsewhere and returns when they have, or the deadline
  // has passed, or they cannot be asked (the error says which). Without the option: at once.
  net::awaitable<result<>> drain_for_shutdown();
  // Called at most once, when this agent must end with an error: no server answered in server_join.retry_max tries. Set before start().
  void on_fatal(std::function<void(error)> function);
  // Who answers what tasks ask through the API sockets in their secrets directories. Set before start(); without it they have none.
  void serve_task_api(net::http_handler handler);
  // How HTTPS of other nodes is spoken, asked each time. Set before start(); without it only by what the machine itself trusts.
  void reach_nodes(std::function<std::shared_ptr<const net::tls_context>()> tls);
  // Adds the methods that servers and the HTTP API call on a node: Allocations.*, FileSystem.*, ClientStats.*, NodeMeta.* (streams.h says
  // what the streams carry). The table must not be used after this object is gone.
  void register_methods(rpc::method_table& table);

  // The way to the servers, for others in this process.
  rpc::channel& servers() const;
  // host:port of those known, sorted; empty when the server is in this process.
  std::vector<std::string> known_servers() const;
  // How long the servers wait for the next heartbeat, and how long ago they answered one; nothing: never.
  duration heartbeat_ttl() const;
  std::optional<duration> since_heartbeat() const;
  // Replaces them. Those that do not answer are left out; when none does, or the server is in this process, nothing changes and the error says why.
  net::awaitable<result<>> set_servers(std::vector<std::string> addresses);

  const std::string& node_id() const;
  const std::string& secret_id() const;
  // The record as last registered.
  schema::ref<schema::node> node() const;
  // Returns when the servers know this node as ready.
  net::awaitable<void> wait_ready();
  // Null: not on this node. Valid until the next await.
  alloc_runner* find(const std::string& alloc_id) const;
  std::vector<alloc_runner*> runners() const;
  // Which addresses tasks here may have and why, as the machine is now: sentences for people.
  std::vector<std::string> explain_networks() const;
  // How this agent stands, for `agent-info` and tests.
  size_t running_allocations() const;
  // What the log sinks of its tasks have done since this agent began (logs/log_sink.h).
  log_sink_counters log_sinks() const;

  // Inside: see client_state.h.
  struct state;

 private:
  explicit client(std::unique_ptr<state> s);
  std::unique_ptr<state> state_;
};

}  // namespace drover::client
