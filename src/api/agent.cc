// What this agent says about itself, its metrics, and the door to the UI.
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "api/call.h"
#include "api/http_api.h"
#include "api/metrics.h"
#include "api/monitor.h"
#include "base/text.h"
#include "codec/json.h"
#include "schema/operator_rpc.h"
#include "server/shown_member.h"

namespace drover::api {
namespace {

using net::awaitable;

value texts(std::initializer_list<std::pair<std::string, std::string>> entries) {
  value::object out;
  for (const auto& [name, text] : entries) out.append(name, text);
  return value(std::move(out));
}

reply value_reply(const call& c, const value& v) { return {.body = codec::value_to_json(v, {.pretty = is_pretty(c)})}; }

value server_stats(const call& c) {
  auto stats = c.with.server->stats();
  const auto* own = c.with.server->known_servers().by_name(c.with.node_name + "." + c.with.region);
  return texts({{"server", "true"},
                {"leader", c.with.server->is_leader() ? "true" : "false"},
                {"leader_addr", stats.leader_rpc_address},
                {"known_regions", fmt::format("{}", c.with.server->known_servers().regions().size())},
                {"bootstrap", own == nullptr || own->bootstrap ? "true" : "false"}});
}

// As Go prints a list of structures, which is how tools know it. Servers are where gossip says they are.
std::string configuration_text(const call& c, const std::vector<raft::server>& servers) {
  std::vector<std::string> out;
  for (const auto& each : servers) {
    const auto* known = c.with.server->known_servers().by_raft_id(each.id);
    auto address = known != nullptr ? known->rpc_address : join(c.with.server_addresses, ",");
    out.push_back(fmt::format("{{Suffrage:{} ID:{} Address:{}}}", each.role == raft::role::voter ? "Voter" : "Nonvoter", each.address, address));
  }
  return "[" + join(out, " ") + "]";
}

value raft_stats(const call& c) {
  auto stats = c.with.server->stats().raft;
  return texts({{"applied_index", fmt::format("{}", stats.handled_index)},
                {"commit_index", fmt::format("{}", stats.commit_index)},
                {"last_log_index", fmt::format("{}", stats.last_log_index)},
                {"last_log_term", fmt::format("{}", stats.last_log_term)},
                {"last_snapshot_index", fmt::format("{}", stats.last_snapshot_index)},
                {"last_snapshot_term", fmt::format("{}", stats.last_snapshot_term)},
                {"fsm_pending", fmt::format("{}", stats.commit_index - std::min(stats.commit_index, stats.handled_index))},
                {"last_contact", stats.last_contact < nanoseconds(0) ? "never"
                                 : stats.last_contact == duration()  ? "0"
                                                                     : to_string(stats.last_contact)},
                {"latest_configuration", configuration_text(c, stats.servers)},
                {"latest_configuration_index", fmt::format("{}", stats.configuration_index)},
                {"protocol_version", "3"},
                {"protocol_version_min", "3"},
                {"protocol_version_max", "3"},
                {"snapshot_version_min", "1"},
                {"snapshot_version_max", "1"},
                {"term", fmt::format("{}", stats.term)},
                {"num_peers", fmt::format("{}", stats.servers.empty() ? 0 : stats.servers.size() - 1)},
                {"state", c.with.server->is_leader() ? "Leader" : "Follower"}});
}

// Those it found in the network, or this agent's own.
std::vector<std::string> servers_of_client(const call& c) {
  auto known = c.with.client->known_servers();
  return known.empty() ? c.with.server_addresses : known;
}

value stats_of(const call& c) {
  value::object out;
  auto since = c.with.client == nullptr ? std::nullopt : c.with.client->since_heartbeat();
  if (c.with.client != nullptr)
    out.append("client", texts({{"node_id", c.with.client->node_id()},
                                {"heartbeat_ttl", to_string(c.with.client->heartbeat_ttl())},
                                {"last_heartbeat", since ? to_string(*since) : "never"},
                                {"num_allocations", fmt::format("{}", c.with.client->running_allocations())},
                                {"known_servers", join(servers_of_client(c), ",")}}));
  if (c.with.client != nullptr) {
    value::object reasons;
    for (size_t i = 0; const auto& reason : c.with.client->explain_networks()) reasons.append(fmt::format("{:02}", ++i), reason);
    out.append("network", value(std::move(reasons)));
  }
  if (c.with.server != nullptr) {
    out.append("nomad", server_stats(c));
    out.append("raft", raft_stats(c));
    value::object serf;
    auto known = c.with.server->stats().serf;
    for (const auto& [name, text] : known) serf.append(name, text);
    if (!serf.empty()) out.append("serf", value(std::move(serf)));
  }
  utsname system{};
  uname(&system);
  std::string arch = system.machine;
  out.append("runtime", texts({{"arch", arch == "x86_64"    ? "amd64"
                                        : arch == "aarch64" ? "arm64"
                                                            : arch},
                               {"kernel.name", to_lower(system.sysname)},
                               {"cpu_count", fmt::format("{}", std::thread::hardware_concurrency())},
                               {"version", DROVER_VERSION}}));
  return value(std::move(out));
}

awaitable<result<schema::server_members_response>> members_of(call& c) {
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  schema::generic_request request;
  CO_TRY(fill_options(c, static_cast<schema::query_options&>(request)));
  co_return co_await rpc::call<schema::server_members_response>(*servers, "Status.Members", std::move(request));
}

awaitable<result<reply>> self(call& c) {
  value::object out;
  out.append("config", c.with.config());
  value member;
  if (c.with.server != nullptr) {
    // Its own record only: the others are for who may read nodes.
    for (const auto& each : c.with.server->members())
      if (auto id = each.tags.find("id"); id != each.tags.end() && id->second == c.with.server->id())
        member = codec::to_value(schema::view(server::shown_member(each)));
  }
  out.append("member", std::move(member));
  out.append("stats", stats_of(c));
  co_return value_reply(c, value(std::move(out)));
}

awaitable<result<reply>> members(call& c) {
  CO_TRY_ASSIGN(auto response, co_await members_of(c));
  co_return json_reply(c, schema::view(response));
}

awaitable<result<reply>> health(call& c) {
  auto type = c.query("type");
  if (!type.empty() && type != "client" && type != "server") co_return fail(errc::invalid, "type must be client or server, not \"{}\"", type);
  schema::agent_health_response out;
  bool healthy = true;
  if (c.with.client != nullptr && type != "server") out.client = schema::agent_health{.ok = true, .message = "ok"};
  if (c.with.server != nullptr && type != "client") {
    bool ok = c.with.server->stats().raft.leadership.leader_id != 0;
    out.server = schema::agent_health{.ok = ok, .message = ok ? "ok" : "No cluster leader"};
    healthy = ok;
  }
  if ((type == "client" && !out.client) || (type == "server" && !out.server)) {
    healthy = false;
    (type == "client" ? out.client : out.server) = schema::agent_health{.ok = false, .message = fmt::format("{} not enabled", type)};
  }
  auto answer = json_reply(c, schema::view(out));
  answer.status = healthy ? 200 : 500;
  co_return answer;
}

awaitable<result<reply>> known_servers(call& c) {
  if (c.with.client == nullptr) co_return fail(errc::unsupported, "this agent runs no client");
  auto known = servers_of_client(c);
  co_return json_reply(c, schema::view(known));
}

awaitable<result<reply>> set_servers(call& c) {
  if (c.with.client == nullptr) co_return fail(errc::unsupported, "this agent runs no client");
  std::vector<std::string> addresses;
  for (auto address : c.request.query.get_all("address")) addresses.emplace_back(address);
  if (addresses.empty()) co_return fail(errc::invalid, "missing server address");
  CO_TRY(co_await c.with.client->set_servers(std::move(addresses)));
  co_return empty_reply();
}

awaitable<result<reply>> schedulers(call& c) {
  if (c.with.server == nullptr) co_return fail(errc::invalid, "this agent runs no server");
  const auto out = c.with.server->schedulers();
  co_return json_reply(c, schema::view(out));
}

awaitable<result<reply>> schedulers_config(call& c) {
  if (c.with.server == nullptr) co_return fail(errc::invalid, "this agent runs no server");
  const auto out = c.with.server->scheduler_config();
  co_return json_reply(c, schema::view(out));
}

// What the route above answers is a body for this one: the server that it names is not looked at.
awaitable<result<reply>> set_schedulers_config(call& c) {
  if (c.with.server == nullptr) co_return fail(errc::invalid, "this agent runs no server");
  schema::agent_scheduler_worker_config_request wanted;
  CO_TRY(decode_body(c, schema::slot(wanted)));
  CO_TRY(c.with.server->set_schedulers(wanted.num_schedulers, std::move(wanted.enabled_schedulers)));
  co_return co_await schedulers_config(c);
}

awaitable<result<reply>> reload(call& c) {
  if (c.with.reload) CO_TRY(c.with.reload());
  co_return empty_reply();
}

awaitable<result<reply>> to_ui(call& c) {
  reply out{.status = 307, .content_type = {}};
  auto target = std::string("/ui/");
  if (auto at = c.request.target.find('?'); at != std::string::npos) target += c.request.target.substr(at);
  out.headers.add("Location", std::move(target));
  co_return out;
}

awaitable<result<reply>> ui(call& c) {
  if (!c.with.ui_enabled) co_return text_reply(404, "the UI is switched off: ui.enabled");
  reply out{.body =
                "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Drover</title>\n"
                "<h1>Drover</h1><p>The agent is running. The pages of this UI come with a later release; until then use the "
                "command line or the HTTP API below <a href=\"/v1/agent/self?pretty\">/v1/</a>.</p></html>\n",
            .content_type = "text/html; charset=utf-8"};
  out.headers.add("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-ancestors 'none'");
  co_return out;
}

}  // namespace

void add_agent_routes(std::vector<route>& t) {
  t.insert(t.end(),
           {
               {.methods = "GET", .path = "/v1/agent/self", .acl = "agent:read", .flags = of_agent, .handle = &self},
               {.methods = "GET", .path = "/v1/agent/members", .acl = "node:read", .flags = of_agent, .handle = &members},
               {.methods = "GET", .path = "/v1/agent/health", .acl = "", .flags = of_agent, .handle = &health},
               {.methods = "GET", .path = "/v1/agent/servers", .acl = "agent:read", .flags = of_agent, .handle = &known_servers},
               {.methods = "POST PUT", .path = "/v1/agent/servers", .acl = "agent:write", .flags = of_agent, .handle = &set_servers},
               {.methods = "GET", .path = "/v1/agent/schedulers", .acl = "agent:read", .flags = of_agent, .handle = &schedulers},
               {.methods = "GET", .path = "/v1/agent/schedulers/config", .acl = "agent:read", .flags = of_agent, .handle = &schedulers_config},
               {.methods = "POST PUT", .path = "/v1/agent/schedulers/config", .acl = "agent:write", .flags = of_agent, .handle = &set_schedulers_config},
               {.methods = "GET", .path = "/v1/agent/monitor", .acl = "agent:read", .flags = of_agent | streaming, .handle = &monitor},
               {.methods = "POST PUT", .path = "/v1/agent/reload", .acl = "agent:write", .flags = of_agent, .handle = &reload},
               {.methods = "GET", .path = "/v1/metrics", .acl = "", .flags = of_agent, .handle = &metrics},
               {.methods = "GET", .path = "/ui/", .acl = "", .flags = of_agent, .handle = &ui},
               {.methods = "GET", .path = "/ui/:page+", .acl = "", .flags = of_agent, .handle = &ui},
               {.methods = "GET", .path = "/ui", .acl = "", .flags = of_agent, .handle = &to_ui},
               {.methods = "GET", .path = "/", .acl = "", .flags = of_agent, .handle = &to_ui},
           });
}

}  // namespace drover::api
