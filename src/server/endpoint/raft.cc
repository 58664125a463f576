// Operator.Raft*, Operator.Autopilot*, Operator.ServerHealth and leadership transfer.
#include <algorithm>

#include "fsm/commands.h"
#include "raft/raft.h"
#include "schema/operator_rpc.h"
#include "server/endpoint/endpoints.h"
#include "server/membership.h"
#include "server/raft_await.h"
#include "server/raft_members.h"
#include "server/reads.h"
#include "server/replicator.h"

namespace drover::server {
namespace {

schema::raft_id_address shown(server_context& context, uint64_t raft_id) {
  return {.address = context.membership->rpc_address_of(raft_id), .id = context.membership->uuid_of(raft_id)};
}

awaitable<result<schema::raft_configuration_response>> configuration(server_context& context, schema::generic_request) {
  auto stats = context.raft->stats();
  schema::raft_configuration_response out;
  out.index = stats.configuration_index;
  for (const auto& each : stats.servers) {
    const auto* known = context.peers->by_raft_id(each.id);
    auto where = shown(context, each.id);
    out.servers.push_back({.id = where.id,
                           .node = known != nullptr ? known->name : "(unknown)",
                           .address = where.address,
                           .leader = each.id == stats.leadership.leader_id,
                           .voter = each.role == raft::role::voter,
                           .raft_protocol = known != nullptr ? "3" : "unknown"});
  }
  co_return out;
}

// The member that a request names by id or by address.
result<uint64_t> find_member(server_context& context, const std::string& id, const std::string& address) {
  for (const auto& each : context.raft->stats().servers) {
    auto where = shown(context, each.id);
    if ((!id.empty() && where.id == id) || (id.empty() && where.address == address)) return each.id;
  }
  if (!id.empty()) return fail(errc::invalid, "id \"{}\" was not found in the Raft configuration", id);
  return fail(errc::invalid, "address \"{}\" was not found in the Raft configuration", address);
}

awaitable<result<schema::generic_response>> remove_by_id(server_context& context, schema::raft_peer_by_id_request request) {
  if (request.id.empty()) co_return fail(errc::invalid, "missing id of the peer to remove");
  CO_TRY_ASSIGN(auto raft_id, find_member(context, request.id, {}));
  CO_TRY(co_await context.raft_members->remove(raft_id));
  context.logger.warn("removed Raft peer", {{"peer_id", request.id}});
  co_return schema::generic_response();
}

awaitable<result<schema::generic_response>> remove_by_address(server_context& context, schema::raft_peer_by_address_request request) {
  if (request.address.empty()) co_return fail(errc::invalid, "missing address of the peer to remove");
  CO_TRY_ASSIGN(auto raft_id, find_member(context, {}, request.address));
  CO_TRY(co_await context.raft_members->remove(raft_id));
  context.logger.warn("removed Raft peer", {{"peer_address", request.address}});
  co_return schema::generic_response();
}

awaitable<result<schema::leadership_transfer_response>> transfer(server_context& context, schema::raft_peer_request request) {
  if (request.id.empty() == request.address.empty()) co_return fail(errc::invalid, "must specify either the id or the address of the peer, not both");
  CO_TRY_ASSIGN(auto raft_id, find_member(context, request.id, request.address));
  auto self = raft::id_from_uuid(context.server_id);
  schema::leadership_transfer_response out;
  out.from = shown(context, self);
  out.to = shown(context, raft_id);
  if (raft_id == self) {
    out.noop = true;
    co_return out;
  }
  CO_TRY(co_await await_raft(*context.raft_answers, [&](raft::callback done) { context.raft->transfer(raft_id, std::move(done)); }));
  context.logger.info("leadership transferred", {{"to", out.to.id}});
  co_return out;
}

awaitable<result<schema::autopilot_config>> get_autopilot(server_context& context, schema::generic_request) { co_return context.raft_members->config(); }

awaitable<result<bool>> set_autopilot(server_context& context, schema::autopilot_set_config_request request) {
  const auto& config = request.config;
  for (auto [value, name] :
       {std::pair(config.server_stabilization_time, "ServerStabilizationTime"), std::pair(config.last_contact_threshold, "LastContactThreshold")})
    if (value < duration()) co_return fail(errc::invalid, "{} is {}; it must not be negative", name, to_string(value));
  request.auth_token.clear();
  CO_TRY_ASSIGN(auto done, co_await context.replicate->apply_if<fsm::command_type::autopilot_config>(request));
  co_return done.second;
}

awaitable<result<schema::operator_health_reply>> health(server_context& context, schema::generic_request) { co_return co_await context.raft_members->health(); }

// With `stale` also without a leader: what this server's own log says.
template <class Response>
void add_stale_read(rpc::method_table& table, server_context& context, std::string name,
                    awaitable<result<Response>> (*function)(server_context&, schema::generic_request)) {
  auto method = method_of<schema::generic_request>(context, name);
  table.add<schema::generic_request, Response>(name, [&context, method, function](rpc::call_context call, schema::generic_request request) {
    auto called = as_called(method, call);
    if (request.allow_stale) return answer_here<schema::generic_request, Response>(context, called, function, std::move(request));
    return finish_write<schema::generic_request, Response>(context, called, function, std::move(request));
  });
}

}  // namespace

void add_raft_methods(rpc::method_table& table, server_context& context) {
  add_stale_read(table, context, "Operator.RaftGetConfiguration", &configuration);
  add_write(table, context, "Operator.RaftRemovePeerByID", &remove_by_id);
  add_write(table, context, "Operator.RaftRemovePeerByAddress", &remove_by_address);
  add_write(table, context, "Operator.TransferLeadershipToPeer", &transfer);
  add_stale_read(table, context, "Operator.AutopilotGetConfiguration", &get_autopilot);
  add_write(table, context, "Operator.AutopilotSetConfiguration", &set_autopilot);
  add_write(table, context, "Operator.ServerHealth", &health);
}

}  // namespace drover::server
