// Status.*, Operator.*, System.* and Region.* methods.
#include "base/text.h"
#include "schema/operator_rpc.h"
#include "server/endpoint/endpoints.h"
#include "server/leader.h"
#include "server/reads.h"
#include "server/replicator.h"

namespace drover::server {
namespace {

using state::table;

awaitable<result<schema::generic_response>> ping(server_context&, schema::generic_request) { co_return schema::generic_response(); }

awaitable<result<std::string>> leader_address(server_context& context, schema::generic_request) {
  auto leader = context.raft->leader();
  co_return leader.leader_id == 0 ? std::string() : leader.leader_address;
}

awaitable<result<std::vector<std::string>>> peers(server_context& context, schema::generic_request) {
  std::vector<std::string> out;
  for (const auto& server : context.raft->stats().servers) out.push_back(server.address);
  co_return out;
}

schema::agent_member self_as_member(server_context& context) {
  auto split_at = context.options.serf_address.rfind(':');
  schema::agent_member member;
  member.name = context.options.name + "." + context.options.region;
  member.addr = context.options.serf_address.substr(0, split_at);
  member.port = parse_uint(context.options.serf_address.substr(split_at + 1)).value_or(0);
  member.status = "alive";
  member.protocol_min = 1;
  member.protocol_max = 5;
  member.protocol_cur = 2;
  member.delegate_min = 2;
  member.delegate_max = 5;
  member.delegate_cur = 4;
  auto rpc = context.options.rpc_address;
  auto rpc_split = rpc.rfind(':');
  member.tags = {{"role", "nomad"},      {"region", context.options.region}, {"dc", context.options.datacenter}, {"build", DROVER_NOMAD_VERSION},
                 {"revision", ""},       {"vsn", "1"},                       {"raft_vsn", "3"},                  {"id", context.server_id},
                 {"bootstrap", "1"},     {"expect", "1"},                    {"rpc_addr", rpc.substr(0, rpc_split)},
                 {"port", rpc.substr(rpc_split + 1)}};
  return member;
}

awaitable<result<schema::server_members_response>> members(server_context& context, schema::generic_request) {
  schema::server_members_response out;
  out.server_name = context.options.name;
  out.server_region = context.options.region;
  out.server_dc = context.options.datacenter;
  out.members = {self_as_member(context)};
  co_return out;
}

awaitable<result<schema::raft_stats>> raft_stats(server_context& context, schema::generic_request) {
  auto stats = context.raft->stats();
  schema::raft_stats out;
  out.last_contact = "0";
  out.last_term = stats.term;
  out.last_index = stats.last_log_index;
  co_return out;
}

awaitable<result<schema::raft_configuration_response>> raft_configuration(server_context& context, schema::generic_request) {
  auto stats = context.raft->stats();
  schema::raft_configuration_response out;
  out.index = stats.commit_index;
  for (const auto& each : stats.servers) {
    bool self = each.address == context.options.rpc_address;
    out.servers.push_back({.id = self ? context.server_id : fmt::format("{}", each.id),
                           .node = self ? context.options.name + "." + context.options.region : "(unknown)",
                           .address = each.address,
                           .leader = each.id == stats.leadership.leader_id,
                           .voter = each.role == raft::role::voter,
                           .raft_protocol = "3"});
  }
  co_return out;
}

result<> get_scheduler_config(const read& r, const schema::generic_request&, schema::scheduler_configuration_response& out) {
  r.watch(state::watch_table(table::scheduler_config));
  out.scheduler_config = *r.state.scheduler_config();
  out.index = r.state.index(table::scheduler_config);
  return {};
}

awaitable<result<schema::scheduler_set_configuration_response>> set_scheduler_config(server_context& context,
                                                                                     schema::scheduler_set_config_request request) {
  auto& algorithm = request.config.scheduler_algorithm;
  if (algorithm.empty()) algorithm = "binpack";
  if (algorithm != "binpack" && algorithm != "spread")
    co_return fail(errc::invalid, "invalid scheduler algorithm \"{}\": use \"binpack\" or \"spread\"", algorithm);
  request.auth_token.clear();
  CO_TRY_ASSIGN(auto done, co_await context.replicate->apply_if<fsm::command_type::scheduler_config>(request));
  schema::scheduler_set_configuration_response out;
  out.index = done.first;
  out.updated = done.second;
  co_return out;
}

awaitable<result<schema::generic_response>> collect_garbage(server_context& context, schema::generic_request) {
  CO_TRY(co_await context.leader->collect_garbage(true));
  co_return schema::generic_response();
}

awaitable<result<schema::generic_response>> reconcile_summaries(server_context& context, schema::generic_request) {
  schema::generic_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::reconcile_job_summaries>(schema::write_request()));
  co_return out;
}

awaitable<result<std::vector<std::string>>> regions(server_context& context, schema::generic_request) {
  co_return std::vector<std::string>{context.options.region};
}

}  // namespace

void add_status_methods(rpc::method_table& table, server_context& context) {
  add_write(table, context, "Status.Ping", &ping);
  add_write(table, context, "Status.Leader", &leader_address);
  add_write(table, context, "Status.Peers", &peers);
  add_write(table, context, "Status.Members", &members);
  add_write(table, context, "Status.RaftStats", &raft_stats);
  add_write(table, context, "Region.List", &regions);
}

void add_operator_methods(rpc::method_table& table, server_context& context) {
  add_write(table, context, "Operator.RaftGetConfiguration", &raft_configuration);
  add_read(table, context, "Operator.SchedulerGetConfiguration", &get_scheduler_config);
  add_write(table, context, "Operator.SchedulerSetConfiguration", &set_scheduler_config);
  add_write(table, context, "System.GarbageCollect", &collect_garbage);
  add_write(table, context, "System.ReconcileJobSummaries", &reconcile_summaries);
}

}  // namespace drover::server
