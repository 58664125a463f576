// Alloc.* and Eval.* reads, Alloc.Stop, and the answers that client nodes poll.
#include <algorithm>

#include "schema/alloc_rpc.h"
#include "schema/job_rpc.h"
#include "server/endpoint/endpoints.h"
#include "server/endpoint/filter_view.h"
#include "server/endpoint/shown_alloc.h"
#include "server/endpoint/stubs.h"
#include "server/evals.h"
#include "server/ordered_page.h"
#include "server/reads.h"
#include "server/replicator.h"

namespace drover::server {
namespace {

using state::table;

// One log entry each.
constexpr size_t evals_deleted_at_once = 8192;

result<> list_allocs(const read& r, const schema::alloc_list_request& request, schema::alloc_list_response& out) {
  auto ns = namespace_of(request);
  r.watch(state::watch_table(table::allocs));
  bool with_resources = request.fields && request.fields->resources;
  bool with_task_states = !request.fields || request.fields->task_states;
  std::vector<ref<schema::allocation>> allocs;
  r.state.visit_allocs(request.prefix, [&](const ref<schema::allocation>& alloc) {
    if ((ns == "*" || alloc->namespace_ == ns) && r.shows(alloc->namespace_)) allocs.push_back(alloc);
    return true;
  });
  TRY_ASSIGN(out.next_token, take_page_by_age(request, allocs, filter_view(r)));
  out.allocations.reserve(allocs.size());
  for (const auto& alloc : allocs) out.allocations.push_back(alloc_stub(*alloc, with_resources, with_task_states));
  out.index = r.state.index(table::allocs);
  return {};
}

result<> get_alloc(const read& r, const schema::alloc_specific_request& request, schema::single_alloc_response& out) {
  r.watch(state::watch_alloc(request.alloc_id));
  out.alloc = shown_alloc(r.state.alloc(request.alloc_id));
  if (out.alloc && !r.reveals(out.alloc->namespace_)) out.alloc = without_secrets(*out.alloc);
  out.index = out.alloc ? out.alloc->modify_index : r.state.index(table::allocs);
  return {};
}

result<> alloc_services(const read& r, const schema::alloc_service_registrations_request& request, schema::alloc_service_registrations_response& out) {
  r.watch(state::watch_services_of_alloc(request.alloc_id));
  if (!r.state.alloc(request.alloc_id)) return fail(errc::not_found, "allocation not found");
  out.services = r.state.services_by_alloc(request.alloc_id);
  out.index = r.state.index(table::services);
  return {};
}

awaitable<result<schema::alloc_stop_response>> stop_alloc(server_context& context, schema::alloc_stop_request request) {
  auto alloc = context.state().alloc(request.alloc_id);
  if (!alloc) co_return fail(errc::not_found, "allocation not found");
  auto eval = new_eval(context, *alloc->job, "alloc-stop");
  schema::alloc_update_desired_transition_request update;
  auto& transition = update.allocs[alloc->id];
  (request.reschedule ? transition.reschedule : transition.migrate) = true;
  if (request.no_shutdown_delay) transition.no_shutdown_delay = true;
  update.evals.push_back(std::make_shared<const schema::evaluation>(eval));
  CO_TRY_ASSIGN(auto index, co_await context.replicate->apply<fsm::command_type::alloc_update_desired_transition>(update));
  schema::alloc_stop_response out;
  out.eval_id = eval.id;
  out.index = index;
  co_return out;
}

result<> get_eval(const read& r, const schema::eval_specific_request& request, schema::single_eval_response& out) {
  r.watch(state::watch_eval(request.eval_id));
  auto eval = r.state.eval(request.eval_id);
  out.index = eval ? eval->modify_index : r.state.index(table::evals);
  if (!eval || !request.include_related) {
    out.eval = std::move(eval);
    return {};
  }
  auto with_related = std::make_shared<schema::evaluation>(*eval);
  for (const auto& id : {eval->next_eval, eval->previous_eval, eval->blocked_eval})
    if (auto related = id.empty() ? nullptr : r.state.eval(id)) with_related->related_evals.push_back(eval_stub(*related));
  out.eval = std::move(with_related);
  return {};
}

result<> list_evals(const read& r, const schema::eval_list_request& request, schema::eval_list_response& out) {
  auto ns = namespace_of(request);
  r.watch(state::watch_table(table::evals));
  r.state.visit_evals(request.prefix, [&](const ref<schema::evaluation>& eval) {
    if ((ns != "*" && eval->namespace_ != ns) || !r.shows(eval->namespace_)) return true;
    if (!request.filter_job_id.empty() && eval->job_id != request.filter_job_id) return true;
    if (!request.filter_eval_status.empty() && eval->status != request.filter_eval_status) return true;
    out.evaluations.push_back(eval);
    return true;
  });
  TRY_ASSIGN(out.next_token, take_page_by_age(request, out.evaluations));
  out.index = r.state.index(table::evals);
  return {};
}

result<> count_evals(const read& r, const schema::eval_count_request& request, schema::eval_count_response& out) {
  auto ns = namespace_of(request);
  r.watch(state::watch_table(table::evals));
  r.state.visit_evals(request.prefix, [&](const ref<schema::evaluation>& eval) {
    out.count += (ns == "*" || eval->namespace_ == ns) && r.shows(eval->namespace_);
    return true;
  });
  out.index = r.state.index(table::evals);
  return {};
}

result<> eval_allocs(const read& r, const schema::eval_specific_request& request, schema::eval_allocations_response& out) {
  r.watch(state::watch_allocs_of_eval(request.eval_id));
  for (const auto& alloc : r.state.allocs_by_eval(request.eval_id)) out.allocations.push_back(alloc_stub(*alloc, false, true));
  out.index = r.state.index(table::allocs);
  return {};
}

// The ids that a deletion names, or that its filter lets through.
result<std::vector<std::string>> evals_to_delete(const state::snapshot& state, const schema::eval_delete_request& request) {
  if (!request.filter.empty() && !request.eval_ids.empty()) return fail(errc::invalid, "evals cannot be deleted by both ID and filter");
  if (request.filter.empty()) {
    if (request.eval_ids.empty()) return fail(errc::invalid, "evals must be deleted by either ID or filter");
    for (const auto& id : request.eval_ids)
      if (!state.eval(id)) return fail(errc::not_found, "eval {} not found", id);
    return request.eval_ids;
  }
  TRY_ASSIGN(auto filter, codec::filter::parse(request.filter));
  auto ns = namespace_of(request);
  std::vector<std::string> out;
  result<> outcome;
  state.visit_evals("", [&](const ref<schema::evaluation>& eval) {
    if (ns != "*" && eval->namespace_ != ns) return true;
    auto matches = filter.matches(schema::view(*eval));
    if (!matches) outcome = std::unexpected(std::move(matches).error());
    else if (*matches) out.push_back(eval->id);
    return outcome.has_value();
  });
  TRY(outcome);
  return out;
}

awaitable<result<schema::eval_delete_response>> delete_evals(server_context& context, schema::eval_delete_request request) {
  if (!context.state().scheduler_config()->pause_eval_broker)
    co_return fail(errc::invalid, "eval broker is enabled; eval broker must be paused to delete evals");
  CO_TRY_ASSIGN(auto ids, evals_to_delete(context.state(), request));
  schema::eval_delete_response out;
  out.count = static_cast<int64_t>(ids.size());
  for (size_t i = 0; i < ids.size(); i += evals_deleted_at_once) {
    schema::eval_reap_request reap;
    auto end = std::min(i + evals_deleted_at_once, ids.size());
    reap.evals.assign(ids.begin() + static_cast<ptrdiff_t>(i), ids.begin() + static_cast<ptrdiff_t>(end));
    reap.user_initiated = true;
    CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::eval_delete>(reap));
  }
  co_return out;
}

}  // namespace

void add_alloc_methods(rpc::method_table& table, server_context& context) {
  add_read(table, context, "Alloc.List", &list_allocs);
  add_read(table, context, "Alloc.GetAlloc", &get_alloc);
  add_read(table, context, "Alloc.GetServiceRegistrations", &alloc_services);
  add_write(table, context, "Alloc.Stop", &stop_alloc);
}

void add_eval_methods(rpc::method_table& table, server_context& context) {
  add_read(table, context, "Eval.GetEval", &get_eval);
  add_read(table, context, "Eval.List", &list_evals);
  add_read(table, context, "Eval.Count", &count_evals);
  add_read(table, context, "Eval.Allocations", &eval_allocs);
  add_write(table, context, "Eval.Delete", &delete_evals);
}

}  // namespace drover::server
