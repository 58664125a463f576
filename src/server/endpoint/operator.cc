// Operator.Scheduler*, Operator.UpgradeCheck* and System.* methods.
#include <algorithm>

#include "sched/feasible/version.h"
#include "schema/operator_rpc.h"
#include "server/endpoint/endpoints.h"
#include "server/endpoint/stubs.h"
#include "server/leader.h"
#include "server/reads.h"
#include "server/replicator.h"

namespace drover::server {
namespace {

using state::table;

result<> get_scheduler_config(const read& r, const schema::generic_request&, schema::scheduler_configuration_response& out) {
  r.watch(state::watch_table(table::scheduler_config));
  out.scheduler_config = *r.state.scheduler_config();
  out.index = r.state.index(table::scheduler_config);
  return {};
}

awaitable<result<schema::scheduler_set_configuration_response>> set_scheduler_config(server_context& context, schema::scheduler_set_config_request request) {
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

bool lacks_vault_identity(const schema::task& task) {
  return task.vault && std::ranges::none_of(task.identities, [](const auto& each) { return each.name.starts_with("vault_"); });
}

// Identities for Vault came with 1.7.
bool is_outdated(const schema::node& node) {
  auto found = node.attributes.find("nomad.version");
  auto version = found == node.attributes.end() ? std::nullopt : sched::parse_version(found->second);
  static const auto first = sched::parse_version("1.7.0-a");
  return !version || sched::compare(*version, *first) < 0;
}

// Who would lose Vault when its tokens are no longer made by the servers. Tokens of that kind were never made here.
result<> check_vault_identities(const read& r, const schema::upgrade_check_vault_workload_identity_request&,
                                schema::upgrade_check_vault_workload_identity_response& out) {
  r.watch(state::watch_table(table::jobs));
  r.watch(state::watch_table(table::nodes));
  r.state.visit_jobs("*", "", [&](const ref<schema::job>& job) {
    bool lacks = std::ranges::any_of(job->task_groups, [](const auto& group) { return std::ranges::any_of(group.tasks, &lacks_vault_identity); });
    if (lacks) out.jobs_without_vault_identity.push_back(job_stub(*job, nullptr, false));
    return true;
  });
  r.state.visit_nodes("", [&](const ref<schema::node>& node) {
    if (is_outdated(*node)) out.outdated_nodes.push_back(node_stub(*node, false, false));
    return true;
  });
  out.index = std::max(r.state.index(table::jobs), r.state.index(table::nodes));
  return {};
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

}  // namespace

void add_operator_methods(rpc::method_table& table, server_context& context) {
  add_read(table, context, "Operator.SchedulerGetConfiguration", &get_scheduler_config);
  add_write(table, context, "Operator.SchedulerSetConfiguration", &set_scheduler_config);
  add_read(table, context, "Operator.UpgradeCheckVaultWorkloadIdentity", &check_vault_identities);
  add_write(table, context, "System.GarbageCollect", &collect_garbage);
  add_write(table, context, "System.ReconcileJobSummaries", &reconcile_summaries);
}

}  // namespace drover::server
