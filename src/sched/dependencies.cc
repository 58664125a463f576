#include "sched/dependencies.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "sched/dispatch_line.h"
#include "sched/fit.h"
#include "sched/reconcile/reconciler.h"

namespace drover::sched {
namespace {

using alloc_ref = ref<schema::allocation>;

bool runs_everywhere(const schema::job& job) { return job.type == "system" || job.type == "sysbatch"; }

bool runs(const schema::allocation& alloc) { return alloc.desired_status == "run" && alloc.client_status == "running"; }

// Health is known only of allocations that a deployment watches: of others, running is all that can be asked.
bool is_healthy(const schema::allocation& alloc) {
  if (!runs(alloc)) return false;
  if (alloc.deployment_status && alloc.deployment_status->healthy) return *alloc.deployment_status->healthy;
  return alloc.deployment_id.empty();
}

struct tally {
  int64_t wanted = 0;
  int64_t reached = 0;
};

tally count(const schema::job& job, const schema::task_group& group, const std::vector<alloc_ref>& allocs, const std::string& condition) {
  tally t{.wanted = runs_everywhere(job) ? 0 : group.count};
  // What became of an earlier allocation of a name says nothing any more. (Those of a system job have one name, on different nodes.)
  std::map<std::pair<std::string_view, std::string_view>, uint64_t> newest;
  for (const auto& alloc : allocs) {
    auto& index = newest[{alloc->name, runs_everywhere(job) ? std::string_view(alloc->node_id) : std::string_view()}];
    index = std::max(index, alloc->create_index);
  }
  for (const auto& alloc : allocs) {
    if (alloc->task_group != group.name) continue;
    bool live = alloc->desired_status == "run";
    bool is_newest = newest[{alloc->name, runs_everywhere(job) ? std::string_view(alloc->node_id) : std::string_view()}] == alloc->create_index;
    bool complete = alloc->client_status == "complete" && live && is_newest;
    // A system job asks for as many as it has been given.
    if (runs_everywhere(job) && live && alloc->next_allocation.empty()) ++t.wanted;
    if (condition == "complete") t.reached += complete;
    else if (condition == "running") t.reached += runs(*alloc) || complete;
    else t.reached += is_healthy(*alloc) || (complete && job.type != "service" && job.type != "system");
  }
  if (runs_everywhere(job) && group.count > 0) t.wanted = std::max<int64_t>(t.wanted, 1);
  return t;
}

std::string whose(const schema::job& job, const schema::job_dependency& dependency) {
  std::string text = fmt::format("job \"{}\"", dependency.job.empty() ? job.id : dependency.job);
  if (!dependency.namespace_.empty() && dependency.namespace_ != job.namespace_) text += fmt::format(" in namespace \"{}\"", dependency.namespace_);
  return text;
}

}  // namespace

std::string resource_of_job(std::string_view namespace_, std::string_view id) { return fmt::format("job \"{}\" in namespace \"{}\"", id, namespace_); }

std::vector<const schema::job_dependency*> dependencies_of(const schema::job& job, const schema::task_group& group) {
  std::vector<const schema::job_dependency*> all;
  for (const auto* list : {&job.depends_on, &group.depends_on})
    for (const auto& each : *list) all.push_back(&each);
  return all;
}

bool has_dependencies(const schema::job& job) {
  return !job.depends_on.empty() || std::ranges::any_of(job.task_groups, [](const auto& group) { return !group.depends_on.empty(); });
}

std::string missing_for(const state::snapshot& state, const schema::job& job, const schema::job_dependency& dependency) {
  std::string who = whose(job, dependency);
  const std::string& ns = dependency.namespace_.empty() ? job.namespace_ : dependency.namespace_;
  auto other = state.job(ns, dependency.job.empty() ? job.id : dependency.job);
  if (other == nullptr) return who + " does not exist yet";
  if ((other->periodic && other->parent_id.empty()) || (other->parameterized_job && !other->dispatched))
    return who + " never runs itself: name one of its instances";
  if (other->stop && dependency.condition != "complete") return who + " is stopped";
  // Of a new version nothing may have begun yet.
  if (dependency.condition == "complete" && other->status != "dead") return fmt::format("{} is {}, not complete", who, other->status);
  if (!dependency.group.empty() && find_group(*other, dependency.group) == nullptr) return fmt::format("{} has no group \"{}\"", who, dependency.group);
  auto allocs = state.allocs_by_job(ns, other->id);
  for (const auto& group : other->task_groups) {
    if (!dependency.group.empty() && dependency.group != group.name) continue;
    auto t = count(*other, group, allocs, dependency.condition);
    if (t.reached >= t.wanted) continue;
    return fmt::format("group \"{}\" of {} has {} of {} allocations {}", group.name, who, t.reached, t.wanted, dependency.condition);
  }
  return {};
}

bool has_started(const schema::job& job, const schema::task_group& group, const std::vector<alloc_ref>& allocs) {
  return std::ranges::any_of(
      allocs, [&](const alloc_ref& alloc) { return alloc->task_group == group.name && (alloc->desired_status == "run" || same_version(*alloc, job)); });
}

std::vector<wait_reason> reasons_to_wait(const state::snapshot& state, const schema::job& job, const schema::task_group& group,
                                         const std::vector<alloc_ref>& allocs) {
  std::vector<wait_reason> all;
  bool waits_in_line = job.dispatched && !job.parent_id.empty();
  auto wanted = dependencies_of(job, group);
  if ((wanted.empty() && !waits_in_line) || has_started(job, group, allocs)) return all;
  for (const auto* each : wanted)
    if (auto text = missing_for(state, job, *each); !text.empty())
      all.push_back({resource_of_job(each->namespace_.empty() ? job.namespace_ : each->namespace_, each->job.empty() ? job.id : each->job), std::move(text)});
  if (!waits_in_line || !all.empty()) return all;
  if (auto text = place_in_line(state, job); !text.empty()) all.push_back({resource_of_slots(job.namespace_, job.parent_id), std::move(text)});
  return all;
}

}  // namespace drover::sched
