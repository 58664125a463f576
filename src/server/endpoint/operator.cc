// Operator.Scheduler* and System.* methods.
#include "schema/operator_rpc.h"
#include "server/endpoint/endpoints.h"
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

}  // namespace

void add_operator_methods(rpc::method_table& table, server_context& context) {
  add_read(table, context, "Operator.SchedulerGetConfiguration", &get_scheduler_config);
  add_write(table, context, "Operator.SchedulerSetConfiguration", &set_scheduler_config);
  add_write(table, context, "System.GarbageCollect", &collect_garbage);
  add_write(table, context, "System.ReconcileJobSummaries", &reconcile_summaries);
}

}  // namespace drover::server
