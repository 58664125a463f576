#include <algorithm>
#include <set>
#include <utility>

#include "fsm/apply.h"

namespace drover::fsm {

namespace {

result<> refuse_ended(const schema::deployment& d) {
  if (!is_terminal(d)) return {};
  return fail(errc::conflict, "deployment \"{}\" has terminal status \"{}\"", d.id, d.status);
}

result<> put_revert(context& c, const ref<schema::job>& job, const ref<schema::evaluation>& eval) {
  if (job) TRY(put_job(c, *job, std::nullopt, nullptr));
  if (eval) put_eval(c, *eval);
  return {};
}

struct canary_group {
  int64_t healthy = 0;
  int64_t desired = 0;
};

result<> set_health(context& c, const fsm::deployment_alloc_health_request& request, const std::string& id, bool healthy) {
  const auto stored = c.state().alloc(id);
  if (!stored) return fail(errc::not_found, "unknown alloc \"{}\"", id);
  if (stored->deployment_id != request.deployment_id) {
    return fail(errc::invalid, "alloc \"{}\" is not part of deployment \"{}\"", id, request.deployment_id);
  }
  auto next = *stored;
  auto& status = next.deployment_status ? *next.deployment_status : next.deployment_status.emplace();
  status.healthy = healthy;
  status.timestamp = request.timestamp;
  status.modify_index = c.index();
  next.modify_index = c.index();
  if (!request.timestamp.is_zero()) next.modify_time = request.timestamp.ns;
  TRY(c.count_alloc(next, stored.get()));
  c.put<table::allocs>(std::move(next));
  return {};
}

}  // namespace

void put_deployment(context& c, const schema::deployment& deployment) {
  auto* stored = c.edit_deployment(deployment.id);
  if (!stored) {
    auto made = deployment;
    made.namespace_ = namespace_of(made.namespace_);
    made.create_index = made.modify_index = c.index();
    c.put<table::deployments>(std::move(made));
  } else {
    // A plan says what is wanted as of its snapshot. What happened since stays: what was placed, what is well, what was promoted.
    auto happened = std::move(*stored);
    *stored = deployment;
    stored->namespace_ = namespace_of(stored->namespace_);
    stored->create_index = happened.create_index;
    if (happened.status != deployment.status) {
      stored->status = happened.status;
      stored->status_description = happened.status_description;
    }
    for (auto& [name, group] : stored->task_groups) {
      auto known = happened.task_groups.find(name);
      if (known == happened.task_groups.end()) continue;
      auto wanted = std::exchange(group, std::move(known->second));
      group.desired_total = wanted.desired_total;
      group.desired_canaries = wanted.desired_canaries;
      group.auto_revert = wanted.auto_revert;
      group.auto_promote = wanted.auto_promote;
      group.progress_deadline = wanted.progress_deadline;
    }
    stored->modify_index = c.index();
  }
  if (deployment.status == word::successful) {
    set_job_stability(c, std::string(namespace_of(deployment.namespace_)), deployment.job_id, deployment.job_version, true);
  }
}

result<> update_deployment_status(context& c, const schema::deployment_status_update& update, bool refuse_terminal) {
  auto* d = c.edit_deployment(update.deployment_id);
  if (!d) {
    if (!refuse_terminal) return {};  // a plan may name one that was collected
    return fail(errc::not_found, "deployment \"{}\" not found", update.deployment_id);
  }
  if (refuse_terminal) TRY(refuse_ended(*d));
  d->status = update.status;
  d->status_description = update.status_description;
  d->modify_index = c.index();
  if (update.updated_at != 0) d->modify_time = update.updated_at;
  if (d->status == word::successful) set_job_stability(c, d->namespace_, d->job_id, d->job_version, true);
  return {};
}

result<std::any> apply_deployment_status_update(context& c, const deployment_status_update_request& request) {
  TRY(update_deployment_status(c, request.deployment_update, true));
  TRY(put_revert(c, request.job, request.eval));
  return std::any();
}

result<std::any> apply_deployment_promote(context& c, const deployment_promote_request& request) {
  auto* d = c.edit_deployment(request.deployment_id);
  if (!d) return fail(errc::not_found, "deployment \"{}\" not found", request.deployment_id);
  TRY(refuse_ended(*d));
  std::map<std::string, canary_group> groups;
  for (const auto& [name, s] : d->task_groups) {
    const bool is_meant = request.all || std::find(request.groups.begin(), request.groups.end(), name) != request.groups.end();
    if (is_meant && s.desired_canaries > 0) groups[name].desired = s.desired_canaries;
  }
  std::vector<ref<schema::allocation>> canaries;
  for (const auto& [name, group] : groups) {
    for (const auto& id : d->task_groups.at(name).placed_canaries) {
      auto alloc = c.state().alloc(id);
      if (!alloc || alloc->deployment_id != d->id || is_terminal(*alloc)) continue;
      if (has_health(*alloc) && *alloc->deployment_status->healthy) groups[name].healthy++;
      canaries.push_back(std::move(alloc));
    }
  }
  for (const auto& [name, group] : groups) {
    if (group.healthy < group.desired) {
      return fail(errc::conflict, "Task group \"{}\" has {}/{} healthy allocations", name, group.healthy, group.desired);
    }
  }
  for (const auto& [name, group] : groups) d->task_groups.at(name).promoted = true;
  const bool all_promoted =
      std::all_of(d->task_groups.begin(), d->task_groups.end(), [](const auto& g) { return g.second.desired_canaries == 0 || g.second.promoted; });
  if (all_promoted && d->status == word::running) d->status_description = "Deployment is running";
  d->modify_index = c.index();
  if (request.promoted_at != 0) d->modify_time = request.promoted_at;
  for (const auto& alloc : canaries) {
    if (!alloc->deployment_status || !alloc->deployment_status->canary) continue;
    auto next = *alloc;
    next.deployment_status->canary = false;
    next.deployment_status->modify_index = c.index();
    next.modify_index = next.alloc_modify_index = c.index();
    if (request.promoted_at != 0) next.modify_time = request.promoted_at;
    c.put<table::allocs>(std::move(next));
  }
  if (request.eval) put_eval(c, *request.eval);
  return std::any();
}

result<std::any> apply_deployment_alloc_health(context& c, const deployment_alloc_health_request& request) {
  auto* d = c.edit_deployment(request.deployment_id);
  if (!d) return fail(errc::not_found, "deployment \"{}\" not found", request.deployment_id);
  TRY(refuse_ended(*d));
  for (const auto& id : request.healthy_allocation_ids) TRY(set_health(c, request, id, true));
  for (const auto& id : request.unhealthy_allocation_ids) TRY(set_health(c, request, id, false));
  if (request.deployment_update) TRY(update_deployment_status(c, *request.deployment_update, true));
  TRY(put_revert(c, request.job, request.eval));
  return std::any();
}

result<std::any> apply_deployment_delete(context& c, const schema::deployment_delete_request& request) {
  for (const auto& id : request.deployments) c.erase<table::deployments>({id, {}, {}});
  return std::any();
}

}  // namespace drover::fsm
