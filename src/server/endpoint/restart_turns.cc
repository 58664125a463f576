// Alloc.RestartTurn (ours): a node asks when a task of its own may restart, so that a change which reaches a whole group does not take it down.
#include "server/restart_turns.h"

#include <algorithm>

#include "server/endpoint/endpoints.h"
#include "server/identities.h"
#include "server/reads.h"

namespace drover::server {
namespace {

// A node asks again well within it.
constexpr duration turn_lease = seconds(10);

group_health health_of(const state::snapshot& state, const schema::allocation& of) {
  group_health out;
  auto job = state.job(of.namespace_, of.job_id);
  if (job) {
    auto group = std::ranges::find(job->task_groups, std::string(of.task_group), &schema::task_group::name);
    if (group != job->task_groups.end() && group->update) out.parallel = static_cast<size_t>(std::max<int64_t>(1, group->update->max_parallel.value_or(1)));
  }
  for (const auto& each : state.allocs_by_job(of.namespace_, of.job_id)) {
    bool ended = each->client_status == "complete" || each->client_status == "failed" || each->client_status == "lost";
    if (each->task_group != of.task_group || each->desired_status != "run" || ended) continue;
    out.members.insert(each->id);
    auto deployment = each->deployment_id.empty() ? nullptr : state.deployment(each->deployment_id);
    if (!is_well(*each, deployment.get())) out.unwell.insert(each->id);
  }
  return out;
}

awaitable<result<schema::restart_turn_response>> take_turn(server_context& context, std::shared_ptr<restart_turns> turns,
                                                           schema::restart_turn_request request) {
  auto state = context.state();
  auto node_id = node_of_token(context, state, request.auth_token);
  auto alloc = state.alloc(request.alloc_id);
  if (!node_id) co_return fail(errc::permission_denied, "Permission denied");
  if (!alloc) co_return fail(errc::not_found, "Unknown allocation \"{}\"", request.alloc_id);
  if (alloc->node_id != *node_id) co_return fail(errc::permission_denied, "Permission denied");
  auto now = context.clock.now();
  turns->lead(context.leadership.term, now);
  auto answer = turns->ask({alloc->namespace_, alloc->job_id, alloc->task_group}, health_of(state, *alloc), request, now);
  schema::restart_turn_response out;
  out.granted = answer.granted;
  out.reason = std::move(answer.reason);
  out.lease = turns->lease();
  out.index = state.index(state::table::allocs);
  co_return out;
}

}  // namespace

void add_restart_turn_methods(rpc::method_table& table, server_context& context) {
  using request_type = schema::restart_turn_request;
  using response_type = schema::restart_turn_response;
  auto turns = std::make_shared<restart_turns>(turn_lease);
  table.add<request_type, response_type>("Alloc.RestartTurn", [&context, turns](rpc::call_context, request_type request) -> awaitable<result<response_type>> {
    if (context.forward != nullptr && !context.forward->leads_alone(request.region)) {
      response_type response{};
      CO_TRY_ASSIGN(auto where, co_await context.forward->route(write_route_of("Alloc.RestartTurn", request, schema::slot(response))));
      if (where == place::answered) co_return std::move(response);
    }
    co_return co_await take_turn(context, turns, std::move(request));
  });
}

}  // namespace drover::server
