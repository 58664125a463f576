#include <unordered_map>

#include "fsm/apply.h"
#include "fsm/volume_claims.h"

namespace drover::fsm {

namespace {

// The plan's job as it is stored, so that all allocations of a version share one record; else what the request brought.
ref<schema::job> job_of(const context& c, const apply_plan_results_request& request) {
  if (request.job_info) {
    const auto& info = *request.job_info;
    auto stored = c.state().job_version(namespace_of(info.namespace_), info.id, info.version);
    if (stored && (!request.job || request.job->create_index == stored->create_index)) return stored;
  }
  return request.job;
}

void stop_allocs(context& c, const apply_plan_results_request& request, result<>& outcome) {
  auto put_stopped = [&](const schema::allocation& before, schema::allocation after) {
    after.modify_index = after.alloc_modify_index = c.index();
    after.modify_time = request.updated_at;
    if (auto counted = c.count_alloc(after, &before); !counted) outcome = std::move(counted);
    c.touch_job(after.namespace_, after.job_id);
    if (is_client_terminal(after)) drop_services(c, after.id);
    c.put<table::allocs>(std::move(after));
  };
  for (const auto& stop : request.allocs_stopped) {
    auto stored = c.state().alloc(stop.id);
    if (!stored) continue;  // collected meanwhile
    auto stopped = *stored;
    stopped.desired_status = word::stop;
    stopped.desired_description = stop.desired_description;
    if (stop.client_status == word::lost || stop.client_status == word::unknown) stopped.client_status = stop.client_status;
    if (!stop.followup_eval_id.empty()) stopped.followup_eval_id = stop.followup_eval_id;
    put_stopped(*stored, std::move(stopped));
  }
  for (const auto& preemption : request.allocs_preempted) {
    auto stored = c.state().alloc(preemption.id);
    if (!stored) continue;
    auto evicted = *stored;
    evicted.desired_status = word::evict;
    evicted.desired_description = fmt::format("Preempted by alloc ID {}", preemption.preempted_by_allocation);
    evicted.preempted_by_allocation = preemption.preempted_by_allocation;
    put_stopped(*stored, std::move(evicted));
  }
}

// What the client said stays, unless the scheduler declares the allocation lost or unknown.
void keep_client_fields(schema::allocation& next, const schema::allocation& stored) {
  next.task_states = stored.task_states;
  next.network_status = stored.network_status;
  if (next.client_status == word::lost || next.client_status == word::unknown) return;
  next.client_status = stored.client_status;
  next.client_description = stored.client_description;
}

// The allocation that a new one replaces knows its successor.
void link_previous(context& c, const schema::allocation& next) {
  if (next.previous_allocation.empty()) return;
  auto previous = c.state().alloc(next.previous_allocation);
  if (!previous || previous->next_allocation == next.id) return;
  auto linked = *previous;
  linked.next_allocation = next.id;
  linked.modify_index = c.index();
  c.put<table::allocs>(std::move(linked));
}

result<> put_planned(context& c, const apply_plan_results_request& request, const schema::allocation& planned, const ref<schema::job>& job) {
  const auto stored = c.state().alloc(planned.id);
  auto next = planned;
  next.namespace_ = namespace_of(next.namespace_);
  if (!next.job) next.job = job;
  if (stored) {
    next.create_index = stored->create_index;
    next.create_time = stored->create_time;
    keep_client_fields(next, *stored);
    if (!next.job) next.job = stored->job;
  } else {
    next.create_index = c.index();
    if (next.create_time == 0) next.create_time = request.updated_at;
    if (next.deployment_status) next.deployment_status->modify_index = c.index();
  }
  if (!next.job)
    return fail(errc::invalid, "allocation {} has no job and version {} of \"{}\" is not stored", next.id, request.job_info ? request.job_info->version : 0,
                next.job_id);
  next.modify_index = next.alloc_modify_index = c.index();
  next.modify_time = request.updated_at;
  TRY(c.count_alloc(next, stored.get()));
  c.touch_job(next.namespace_, next.job_id);

  if (!stored) {
    link_previous(c, next);
    claim_volumes(c, next, sticky_sources(*next.job, next.task_group));
  }
  c.put<table::allocs>(std::move(next));
  return {};
}

// New allocations that are like each other, counted together.
result<> put_placed(context& c, const apply_plan_results_request& request, const placed_allocs& placed, const ref<schema::job>& job) {
  if (!placed.like) return fail(errc::corrupt, "a plan has placed allocations that are like none");
  auto common = *placed.like;
  common.namespace_ = namespace_of(common.namespace_);
  if (!common.job) common.job = job;
  if (!common.job)
    return fail(errc::invalid, "an allocation has no job and version {} of \"{}\" is not stored", request.job_info ? request.job_info->version : 0,
                common.job_id);
  common.create_index = common.modify_index = common.alloc_modify_index = c.index();
  if (common.create_time == 0) common.create_time = request.updated_at;
  common.modify_time = request.updated_at;
  if (common.deployment_status) common.deployment_status->modify_index = c.index();
  // Canaries are known to their deployment by id.
  const bool one_by_one = common.deployment_status && common.deployment_status->canary;
  const auto sticky = sticky_sources(*common.job, common.task_group);
  int64_t counted = 0;
  auto like_common = placed;
  like_common.like = std::make_shared<const schema::allocation>(std::move(common));
  TRY(visit_placed(like_common, [&](schema::allocation&& next) -> result<> {
    // Only an id that is known already, which none is: then this changes what is stored.
    if (c.state().alloc(next.id)) return put_planned(c, request, next, next.job);
    if (one_by_one) TRY(c.count_alloc(next, nullptr));
    else ++counted;
    link_previous(c, next);
    claim_volumes(c, next, sticky);
    c.put<table::allocs>(std::move(next));
    return {};
  }));
  if (counted > 0) TRY(c.count_alloc(*like_common.like, nullptr, counted));
  c.touch_job(like_common.like->namespace_, like_common.like->job_id);
  return {};
}

void mark_ineligible(context& c, const std::vector<std::string>& ids, int64_t now_ns) {
  for (const auto& id : ids) {
    auto stored = c.state().node(id);
    if (!stored) continue;
    auto node = *stored;
    node.scheduling_eligibility = word::ineligible;
    node.status_updated_at = now_ns / 1'000'000'000;
    node.modify_index = c.index();
    update_node_event(c, node,
                      {.message = "Node marked as ineligible for scheduling due to multiple plan rejections",
                       .subsystem = "Scheduler",
                       .details = {},
                       .timestamp = timestamp(now_ns)});
    c.put<table::nodes>(std::move(node));
  }
}

// Sets which health the client reports; its index moves when the health does.
void merge_health(schema::allocation& next, const schema::allocation& update, uint64_t index) {
  if (!update.deployment_status) return;
  if (!next.deployment_status) {
    next.deployment_status = update.deployment_status;
    next.deployment_status->modify_index = index;
    return;
  }
  auto& health = *next.deployment_status;
  if (health.healthy != update.deployment_status->healthy) health.modify_index = index;
  health.healthy = update.deployment_status->healthy;
  health.timestamp = update.deployment_status->timestamp;
}

// A node that missed heartbeats is trusted again once it has said how its allocations are.
void note_reported(context& c, const std::string& node_id) {
  auto stored = c.state().node(node_id);
  if (!stored || stored->last_missed_heartbeat_index <= stored->last_alloc_update_index) return;
  auto node = *stored;
  node.last_alloc_update_index = c.index();
  node.modify_index = c.index();
  c.put<table::nodes>(std::move(node));
}

result<> update_from_client(context& c, const schema::allocation& update) {
  const auto stored = c.state().alloc(update.id);
  if (!stored) return {};  // collected meanwhile
  auto next = *stored;
  next.client_status = update.client_status;
  next.client_description = update.client_description;
  next.task_states = update.task_states;
  if (update.network_status) next.network_status = update.network_status;
  if (!update.alloc_states.empty()) next.alloc_states = update.alloc_states;
  merge_health(next, update, c.index());
  next.modify_index = c.index();
  next.modify_time = update.modify_time;
  TRY(c.count_alloc(next, stored.get()));
  c.touch_job(next.namespace_, next.job_id);
  const auto node_id = next.node_id;
  if (is_client_terminal(next)) drop_services(c, next.id);
  c.put<table::allocs>(std::move(next));
  note_reported(c, node_id);
  return {};
}

void set_transition(schema::desired_transition& to, const schema::desired_transition& from) {
  if (from.migrate) to.migrate = from.migrate;
  if (from.reschedule) to.reschedule = from.reschedule;
  if (from.force_reschedule) to.force_reschedule = from.force_reschedule;
  if (from.no_shutdown_delay) to.no_shutdown_delay = from.no_shutdown_delay;
  if (from.migrate_disable_placement) to.migrate_disable_placement = from.migrate_disable_placement;
}

}  // namespace

result<std::any> apply_plan_results(context& c, const apply_plan_results_request& request) {
  if (request.deployment) put_deployment(c, *request.deployment);
  for (const auto& update : request.deployment_updates) TRY(update_deployment_status(c, update, false));
  result<> stopped;
  stop_allocs(c, request, stopped);
  TRY(std::move(stopped));
  const auto job = job_of(c, request);
  for (const auto& placed : request.placed) TRY(put_placed(c, request, placed, job));
  for (const auto& alloc : request.allocs_updated) TRY(put_planned(c, request, *alloc, job));
  for (const auto& eval : request.preemption_evals) put_eval(c, *eval);
  mark_ineligible(c, request.ineligible_nodes, request.updated_at);
  if (auto eval = c.state().eval(request.eval_id)) {
    // The next scheduler of this evaluation waits for a state that has this plan.
    auto updated = *eval;
    updated.modify_index = c.index();
    updated.modify_time = request.updated_at;
    c.put<table::evals>(std::move(updated));
  }
  for (const auto& eval : request.evals) put_eval(c, *eval);
  return std::any();
}

result<std::any> apply_alloc_client_update(context& c, const schema::alloc_update_request& request) {
  for (const auto& update : request.alloc) TRY(update_from_client(c, *update));
  for (const auto& eval : request.evals) put_eval(c, *eval);
  return std::any();
}

result<std::any> apply_alloc_update_desired_transition(context& c, const schema::alloc_update_desired_transition_request& request) {
  for (const auto& [id, transition] : request.allocs) {
    auto stored = c.state().alloc(id);
    if (!stored) continue;
    auto next = *stored;
    set_transition(next.desired_transition, transition);
    next.modify_index = next.alloc_modify_index = c.index();
    c.put<table::allocs>(std::move(next));
  }
  for (const auto& eval : request.evals) put_eval(c, *eval);
  return std::any();
}

}  // namespace drover::fsm
