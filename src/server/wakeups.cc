#include "server/wakeups.h"

#include <algorithm>

#include "sched/dependencies.h"
#include "sched/dispatch_line.h"
#include "sched/explain.h"
#include "sched/feasible/volumes.h"
#include "sched/quota.h"
#include "state/tables.h"

namespace drover::server {
namespace {

using state::table;

bool was_held_back(const schema::evaluation& eval, const std::string& group) {
  auto failed = eval.failed_tg_allocs.find(group);
  if (failed == eval.failed_tg_allocs.end()) return false;
  return std::ranges::any_of(failed->second.constraint_filtered, [](const auto& each) { return each.first.starts_with(sched::waiting_mark); });
}

bool is_over_quota(const schema::evaluation& eval, const std::string& group) {
  auto failed = eval.failed_tg_allocs.find(group);
  return failed != eval.failed_tg_allocs.end() && !failed->second.quota_exhausted.empty();
}

// Is a group that was held back free to start now, or does it wait for something else than the evaluation says? Then it is scheduled again, to go
// or to wait for the right thing. One that found no room is no matter of this.
bool may_go(const schema::evaluation& eval, const state::snapshot& state) {
  auto job = state.job(eval.namespace_, eval.job_id);
  if (job == nullptr || job->stop) return true;
  auto allocs = state.allocs_by_job(job->namespace_, job->id);
  std::set<std::string> awaited;
  std::optional<sched::quota_room> quota;
  if (!eval.quota_limit_reached.empty() && !(quota = sched::gather_quota(state, *job))) return true;
  for (const auto& group : job->task_groups) {
    if (quota && is_over_quota(eval, group.name)) {
      if (quota->refuse(group).empty()) return true;
      awaited.insert(sched::resource_of_quota(quota->name));
    }
    if (!was_held_back(eval, group.name)) continue;
    auto reasons = sched::reasons_to_wait(state, *job, group, allocs);
    if (reasons.empty()) return true;
    for (auto& reason : reasons) awaited.insert(std::move(reason.resource));
  }
  return std::ranges::any_of(
      awaited, [&](const auto& each) { return std::ranges::find(eval.missing_non_node_resources, each) == eval.missing_non_node_resources.end(); });
}

std::optional<bool> health_of(const schema::allocation& alloc) { return alloc.deployment_status ? alloc.deployment_status->healthy : std::optional<bool>(); }

bool holds_room(const schema::allocation& alloc) {
  return alloc.client_status != "complete" && alloc.client_status != "failed" && alloc.client_status != "lost";
}

bool takes_work(const schema::node* node) {
  return node != nullptr && node->status == "ready" && node->scheduling_eligibility == "eligible" && !node->drain_strategy;
}

bool starts_something(const schema::plan& plan) {
  return std::ranges::any_of(plan.node_allocation,
                             [](const auto& node) { return std::ranges::any_of(node.second, [](const auto& alloc) { return alloc->create_index == 0; }); });
}

// The group of a new allocation of a plan, whose demand counts for a quota; null for one that is stored already.
const schema::task_group* new_of_group(const schema::allocation& alloc, const schema::job& planned, const state::snapshot& state) {
  if (alloc.create_index != 0 || state.alloc(alloc.id)) return nullptr;
  const auto& job = alloc.job ? *alloc.job : planned;
  auto group = std::ranges::find(job.task_groups, alloc.task_group.str(), &schema::task_group::name);
  return group == job.task_groups.end() ? nullptr : &*group;
}

}  // namespace

void wakeups::note_accepted(const schema::job* job, const schema::plan_result& accepted, const state::snapshot& state) {
  if (job == nullptr) return;
  const auto quota = sched::quota_of_namespace(state, job->namespace_);
  if (quota.empty()) return;
  auto& mine = committing_[quota];
  for (const auto& [node, list] : accepted.node_allocation)
    for (const auto& alloc : list)
      if (const auto* group = new_of_group(*alloc, *job, state)) mine[alloc->id] = sched::quota_demand_of(*group);
}

// Two workers may have seen the same room.
bool wakeups::is_within_quota(const schema::plan& plan, const state::snapshot& state) {
  auto room = sched::gather_quota(state, *plan.job);
  if (!room) return true;
  auto& committing = committing_[room->name];
  std::erase_if(committing, [&](const auto& each) { return state.alloc(each.first) != nullptr; });
  for (const auto& [id, asked] : committing) room->used.add(asked);
  for (const auto& [node, list] : plan.node_update)
    for (const auto& alloc : list)
      if (auto stored = state.alloc(alloc->id)) room->used.add(sched::quota_demand_of(*stored), -1);
  for (const auto& [node, list] : plan.node_allocation)
    for (const auto& alloc : list)
      if (const auto* group = new_of_group(*alloc, *plan.job, state)) {
        if (!room->refuse(*group).empty()) return false;
        room->used.add(sched::quota_demand_of(*group));
      }
  return true;
}

void wakeups::note(const fsm::commit_event& event) {
  index_ = event.index;
  freed_nodes freed;
  for (const auto& change : event.changes) {
    switch (change.table) {
      case table::evals:
        if (auto eval = change.after_as<table::evals>()) note_eval(eval, event.state);
        else if (auto gone = change.before_as<table::evals>()) blocked_.settled(gone->id);
        break;
      case table::nodes: note_node(change.before_as<table::nodes>(), change.after_as<table::nodes>(), freed); break;
      case table::allocs: note_alloc(change.before_as<table::allocs>().get(), change.after_as<table::allocs>().get(), event.state, freed); break;
      case table::jobs: note_job(change.before_as<table::jobs>().get(), change.after_as<table::jobs>().get(), event.state); break;
      case table::csi_volumes: note_csi_volume(*(change.after ? change.after_as<table::csi_volumes>() : change.before_as<table::csi_volumes>())); break;
      case table::host_volumes:
        note_host_volume(*(change.after ? change.after_as<table::host_volumes>() : change.before_as<table::host_volumes>()), event.state, freed);
        break;
      case table::quotas: note_quota(change.after ? change.after_as<table::quotas>()->name : change.before_as<table::quotas>()->name); break;
      case table::namespaces:
        if (change.before) note_quota(change.before_as<table::namespaces>()->quota);
        break;
      case table::host_volume_claims:
        if (!change.after) note_released(*change.before_as<table::host_volume_claims>(), event.state, freed);
        break;
      default: break;
    }
  }
  unblock(freed);
  for (const auto& namespace_ : std::exchange(lighter_namespaces_, {})) note_quota(sched::quota_of_namespace(event.state, namespace_));
  // Once a commit for each job, however many of its allocations changed.
  for (const auto& [namespace_, id] : std::exchange(changed_jobs_, {})) wake_dependents(namespace_, id, event.state);
}

// Once for each class: a commit may end thousands of allocations.
void wakeups::unblock(const freed_nodes& freed) {
  std::set<std::string_view> classes;
  for (const auto& [id, node] : freed) {
    if (classes.insert(node->computed_class).second) blocked_.unblock(node->computed_class, index_);
    blocked_.unblock_node(id, index_);
  }
}

void wakeups::note_csi_volume(const schema::csi_volume& volume) {
  blocked_.unblock_resource(sched::resource_of_csi_volume(volume.namespace_, volume.id), index_);
}

// Ready now, or with other capabilities: its node is worth another look.
void wakeups::note_host_volume(const schema::host_volume& volume, const state::snapshot& state, freed_nodes& freed) {
  auto node = state.node(volume.node_id);
  if (takes_work(node.get())) freed[node->id] = std::move(node);
}

// Raised, taken from a namespace, or used by less.
void wakeups::note_quota(const std::string& name) {
  if (!name.empty()) blocked_.unblock_resource(sched::resource_of_quota(name), index_);
}

// Its group may go to any volume of that name now.
void wakeups::note_released(const schema::task_group_host_volume_claim& claim, const state::snapshot& state, freed_nodes& freed) {
  state::visit<table::host_volumes>(state, state::within(claim.namespace_), [&](const auto& volume) {
    if (volume->name == claim.volume_name) note_host_volume(*volume, state, freed);
    return true;
  });
}

void wakeups::note_eval(const ref<schema::evaluation>& eval, const state::snapshot& state) {
  if (eval->status == "pending") return;
  if (eval->status == "blocked") {
    blocked_.block(eval);
    look_again(*eval, state);
    return;
  }
  blocked_.settled(eval->id);
  // The job was planned with nothing missing: what was blocked of it has nothing left to do.
  if (eval->status == "complete" && eval->failed_tg_allocs.empty() && eval->blocked_eval.empty()) blocked_.untrack(eval->namespace_, eval->job_id);
}

void wakeups::note_node(const ref<schema::node>& before, const ref<schema::node>& after, freed_nodes& freed) {
  if (!takes_work(after.get())) return;
  bool came = !takes_work(before.get());
  bool changed = before != nullptr && before->computed_class != after->computed_class;
  if (came || changed) freed[after->id] = after;
}

void wakeups::note_alloc(const schema::allocation* before, const schema::allocation* after, const state::snapshot& state, freed_nodes& freed) {
  bool ended = before != nullptr && holds_room(*before) && (after == nullptr || !holds_room(*after));
  if (ended && !freed.contains(before->node_id))
    if (auto node = state.node(before->node_id)) freed[node->id] = std::move(node);
  if (!blocked_.awaits_anything()) return;
  if (ended || (before != nullptr && after == nullptr)) lighter_namespaces_.insert(before->namespace_);
  bool same = before != nullptr && after != nullptr && before->client_status == after->client_status && before->desired_status == after->desired_status &&
              health_of(*before) == health_of(*after);
  const auto& alloc = after != nullptr ? *after : *before;
  if (!same) changed_jobs_.emplace(alloc.namespace_, alloc.job_id);
}

void wakeups::note_job(const schema::job* before, const schema::job* after, const state::snapshot& state) {
  if (after != nullptr && after->stop) blocked_.untrack(after->namespace_, after->id);
  if (!blocked_.awaits_anything()) return;
  const auto& job = after != nullptr ? *after : *before;
  changed_jobs_.emplace(job.namespace_, job.id);
  if (job.dispatched && !job.parent_id.empty()) wake_next_in_line(job.namespace_, job.parent_id, state);
  if (job.parameterized_job && !job.dispatched) wake_next_in_line(job.namespace_, job.id, state);
}

void wakeups::wake_dependents(const std::string& namespace_, const std::string& id, const state::snapshot& state) {
  auto resource = sched::resource_of_job(namespace_, id);
  if (!blocked_.awaited(resource)) return;
  blocked_.unblock_resource(resource, index_, [&](const auto& eval) { return may_go(eval, state); });
}

void wakeups::wake_next_in_line(const std::string& namespace_, const std::string& parent_id, const state::snapshot& state) {
  auto resource = sched::resource_of_slots(namespace_, parent_id);
  if (!blocked_.awaited(resource)) return;
  auto parent = state.job(namespace_, parent_id);
  if (parent == nullptr) return blocked_.unblock_resource(resource, index_);
  blocked_.unblock_jobs(resource, index_, namespace_, sched::next_in_line(state, *parent));
}

void wakeups::look_again(const schema::evaluation& eval, const state::snapshot& state) {
  if (eval.missing_non_node_resources.empty()) return;
  if (may_go(eval, state)) {
    for (const auto& resource : eval.missing_non_node_resources) blocked_.unblock_jobs(resource, index_, eval.namespace_, {eval.job_id});
    return;
  }
  // Two that each left the turn to the other: whoever is first of those that wait goes.
  auto job = state.job(eval.namespace_, eval.job_id);
  if (job->dispatched && !job->parent_id.empty()) wake_next_in_line(job->namespace_, job->parent_id, state);
}

bool wakeups::may_start(const schema::plan& plan, const state::snapshot& state) {
  if (plan.job != nullptr && starts_something(plan) && !is_within_quota(plan, state)) return false;
  if (plan.job == nullptr || !plan.job->dispatched || plan.job->parent_id.empty()) return true;
  auto parent = state.job(plan.job->namespace_, plan.job->parent_id);
  auto most = sched::instances_max(parent.get());
  if (!most || !starts_something(plan)) return true;
  auto child = state.job(plan.job->namespace_, plan.job->id);
  if (child == nullptr || sched::instance_runs(state, *child)) return true;
  auto& starting = starting_[{parent->namespace_, parent->id}];
  std::erase_if(starting, [&](const std::string& id) {
    auto job = state.job(parent->namespace_, id);
    return job == nullptr || job->status == "dead" || sched::instance_runs(state, *job);
  });
  auto running = static_cast<int64_t>(starting.size()) - static_cast<int64_t>(starting.contains(child->id));
  state::visit<state::table::jobs>(state, state::tree_id::jobs_by_parent, state::within2(parent->namespace_, parent->id), [&](const auto& other) {
    running += !other->stop && sched::instance_runs(state, *other);
    return running < *most;
  });
  if (running >= *most) return false;
  starting.insert(child->id);
  return true;
}

}  // namespace drover::server
