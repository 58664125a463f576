// How servers are kept: Raft's members and leader, autopilot's configuration and judgement.
#include <arpa/inet.h>

#include "api/call.h"
#include "api/http_api.h"
#include "base/text.h"
#include "codec/json.h"
#include "net/stream.h"
#include "schema/operator_rpc.h"

namespace drover::api {
namespace {

using net::awaitable;

reply value_reply(const call& c, const value& v) { return {.body = codec::value_to_json(v, {.pretty = is_pretty(c)})}; }

// People write durations as text in this configuration, unlike on the wire between servers.
value shown(const schema::autopilot_config& from) {
  value::object out;
  out.append("LastContactThreshold", to_string(from.last_contact_threshold));
  out.append("ServerStabilizationTime", to_string(from.server_stabilization_time));
  out.append("CleanupDeadServers", from.cleanup_dead_servers);
  out.append("MaxTrailingLogs", from.max_trailing_logs);
  out.append("MinQuorum", from.min_quorum);
  out.append("EnableRedundancyZones", from.enable_redundancy_zones);
  out.append("DisableUpgradeMigration", from.disable_upgrade_migration);
  out.append("EnableCustomUpgrades", from.enable_custom_upgrades);
  out.append("CreateIndex", from.create_index);
  out.append("ModifyIndex", from.modify_index);
  return value(std::move(out));
}

value shown(const schema::server_health& from) {
  value::object out;
  out.append("LastContact", to_string(from.last_contact));
  out.append("ID", from.id);
  out.append("Name", from.name);
  out.append("Address", from.address);
  out.append("SerfStatus", from.serf_status);
  out.append("Version", from.version);
  out.append("Leader", from.leader);
  out.append("LastTerm", from.last_term);
  out.append("LastIndex", from.last_index);
  out.append("Healthy", from.healthy);
  out.append("Voter", from.voter);
  out.append("StableSince", to_rfc3339(from.stable_since));
  return value(std::move(out));
}

value shown(const schema::operator_health_reply& from) {
  value::list servers, voters;
  for (const auto& each : from.servers) servers.push_back(shown(each));
  for (const auto& each : from.voters) voters.emplace_back(each);
  value::object out;
  out.append("Healthy", from.healthy);
  out.append("FailureTolerance", from.failure_tolerance);
  out.append("Servers", value(std::move(servers)));
  out.append("Leader", from.leader);
  out.append("Voters", value(std::move(voters)));
  return value(std::move(out));
}

awaitable<result<reply>> get_config(call& c) {
  schema::generic_request request;
  CO_TRY(fill_options(c, static_cast<schema::query_options&>(request)));
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  CO_TRY_ASSIGN(auto response, co_await rpc::call<schema::autopilot_config>(*servers, "Operator.AutopilotGetConfiguration", std::move(request)));
  co_return value_reply(c, shown(response));
}

awaitable<result<reply>> set_config(call& c) {
  schema::autopilot_set_config_request request;
  CO_TRY(decode_body(c, schema::slot(request.config)));
  CO_TRY(fill_options(c, static_cast<schema::write_request&>(request)));
  request.datacenter = c.with.datacenter;
  if (auto text = c.query("cas"); !text.empty()) {
    auto index = parse_uint(text);
    if (!index) co_return fail(errc::invalid, "Error parsing cas value \"{}\": give the ModifyIndex of the configuration that you read", text);
    request.config.modify_index = *index;
    request.cas = true;
  }
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  CO_TRY_ASSIGN(bool done, co_await rpc::call<bool>(*servers, "Operator.AutopilotSetConfiguration", std::move(request)));
  co_return value_reply(c, value(done));
}

// Watchers of health look at the status: 429 is not healthy.
awaitable<result<reply>> health(call& c) {
  schema::generic_request request;
  CO_TRY(fill_options(c, static_cast<schema::query_options&>(request)));
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  CO_TRY_ASSIGN(auto response, co_await rpc::call<schema::operator_health_reply>(*servers, "Operator.ServerHealth", std::move(request)));
  auto out = value_reply(c, shown(response));
  if (!response.healthy) out.status = 429;
  co_return out;
}

awaitable<result<reply>> remove_peer(call& c) {
  if (!c.query("address").empty()) co_return fail(errc::invalid, "Removing a peer by address is not supported in the current raft protocol version");
  schema::raft_peer_by_id_request request;
  request.id = c.query("id");
  if (request.id.empty()) co_return fail(errc::invalid, "Must specify the peer's ID to remove");
  CO_TRY(fill_options(c, static_cast<schema::write_request&>(request)));
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  CO_TRY(co_await rpc::call<schema::generic_response>(*servers, "Operator.RaftRemovePeerByID", std::move(request)));
  co_return empty_reply();
}

result<> check_address(const std::string& text) {
  auto where = net::parse_endpoint(text);
  in6_addr ignored;
  bool numeric = where && !where->is_unix() && where->port != 0 &&
                 (inet_pton(AF_INET, where->host.c_str(), &ignored) == 1 || inet_pton(AF_INET6, where->host.c_str(), &ignored) == 1);
  if (!numeric) return fail(errc::invalid, "address must be in IP:port format, not \"{}\"", text);
  return {};
}

awaitable<result<reply>> transfer_leadership(call& c) {
  schema::raft_peer_request request;
  request.id = c.query("id");
  request.address = c.query("address");
  if (request.id.empty() && request.address.empty()) co_return fail(errc::invalid, "must specify id or address");
  if (!request.id.empty() && !request.address.empty()) co_return fail(errc::invalid, "must specify either id or address");
  if (!request.id.empty() && !is_uuid(request.id)) co_return fail(errc::invalid, "id must be a uuid, not \"{}\"", request.id);
  if (!request.address.empty()) CO_TRY(check_address(request.address));
  CO_TRY(fill_options(c, static_cast<schema::write_request&>(request)));
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  CO_TRY_ASSIGN(auto response, co_await rpc::call<schema::leadership_transfer_response>(*servers, "Operator.TransferLeadershipToPeer", std::move(request)));
  co_return json_reply(c, schema::view(response));
}

}  // namespace

void add_autopilot_routes(std::vector<route>& t) {
  t.insert(t.end(),
           {
               {.methods = "GET", .path = "/v1/operator/autopilot/configuration", .acl = "operator:read", .handle = &get_config},
               {.methods = "PUT POST", .path = "/v1/operator/autopilot/configuration", .acl = "operator:write", .flags = body_required, .handle = &set_config},
               {.methods = "GET", .path = "/v1/operator/autopilot/health", .acl = "operator:read", .handle = &health},
               {.methods = "DELETE", .path = "/v1/operator/raft/peer", .acl = "management", .handle = &remove_peer},
               {.methods = "PUT POST", .path = "/v1/operator/raft/transfer-leadership", .acl = "management", .handle = &transfer_leadership},
           });
}

}  // namespace drover::api
