// The HTTP API of an agent: finds the route of a request, decodes, calls, encodes.
//
// Loop thread only. Life: construct with everything it serves, give handler() to a net::http_server, stop that server before destroying.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "api/limits.h"
#include "base/log.h"
#include "base/value.h"
#include "client/client.h"
#include "codec/json.h"
#include "net/http_server.h"
#include "rpc/channel.h"
#include "schema/operator_rpc.h"
#include "server/server.h"

namespace drover::api {

// What the telemetry block asks for.
struct telemetry_options {
  // The label "host" of every metric; empty: none.
  std::string host{};
  bool publish_allocations = false, publish_node = false, dispatched_job_summaries = true;
  // A task's meta as labels of its metrics; those keys only, or all if there are none.
  bool allocation_meta = false;
  std::vector<std::string> allocation_meta_keys{};
  // Names that begin with one of them are left out, or are shown although the default is to leave out.
  std::vector<std::string> shown_prefixes{}, hidden_prefixes{};
  bool shown_by_default = true;
};

// What this agent has; pointers are null where it lacks the part. All of it outlives the http_api.
struct services {
  net::loop& loop;
  log::logger logger;
  std::string region = "global", datacenter = "dc1", node_name{};
  // Reaches the servers: in process, or over the network.
  rpc::channel* servers = nullptr;
  server::cluster_server* server = nullptr;
  // This agent's node; and what this agent answers itself: the methods of that node, its log.
  client::client* client = nullptr;
  rpc::channel* own = nullptr;
  // "server address" list that a client agent knows.
  std::vector<std::string> server_addresses{};
  // The effective configuration without secrets, for agent/self: as it is now.
  std::function<value()> config{};
  // Added to every answer.
  std::map<std::string, std::string> response_headers{};
  // Requests are checked; what an agent without a server has learned of a token it believes for so long.
  bool acl_enabled = false;
  duration acl_ttl = seconds(30);
  bool prometheus_metrics = false;
  telemetry_options telemetry{};
  // Of the listeners of this API; may be null.
  std::function<net::http_server_stats()> http_stats{};
  // Profiles are shown to whoever may ask (enable_debug).
  bool enable_debug = false;
  // Where the log is written, besides standard output; empty: nowhere.
  std::string log_file{};
  bool ui_enabled = true;
  // Rereads the configuration, as SIGHUP does.
  std::function<result<>()> reload{};
  // When this agent began.
  timestamp started{};
  // JSON of stored records that were shown lately: they never change, only their successors differ.
  std::shared_ptr<codec::fragment_cache> fragments = std::make_shared<codec::fragment_cache>(fragment_bytes_max);
};

class router;
class agent_access;
struct reply;
struct route;
struct route_match;

class http_api {
 public:
  explicit http_api(services with);
  ~http_api();
  http_api(const http_api&) = delete;
  http_api& operator=(const http_api&) = delete;

  net::http_handler handler();
  // The same for requests of tasks, by the sockets of their own: each must show a token that the servers know, whatever is asked.
  net::http_handler task_handler();

 private:
  net::awaitable<void> serve(net::http_exchange& exchange);
  net::awaitable<void> serve_task(net::http_exchange& exchange);
  net::awaitable<void> call_from_page(net::http_exchange& exchange);
  net::awaitable<void> call_route(net::http_exchange& exchange, route_match found);
  bool is_checked_here(const route& row) const;
  net::awaitable<void> call_agent_route(net::http_exchange& exchange, route_match found);
  net::http_response finish(reply answer) const;
  net::awaitable<void> answer(net::http_exchange& exchange, result<reply> outcome) const;
  services with_;
  std::unique_ptr<router> router_;
  std::unique_ptr<agent_access> access_;
};

}  // namespace drover::api
