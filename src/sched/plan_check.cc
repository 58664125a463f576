#include "sched/plan_check.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "sched/feasible/volumes.h"
#include "sched/reconcile/names.h"
#include "sched/reconcile/reconciler.h"

namespace drover::sched {
namespace {

using by_node = std::map<std::string, std::vector<ref<schema::allocation>>>;

const std::vector<ref<schema::allocation>>& at(const by_node& all, const std::string& node) {
  static const std::vector<ref<schema::allocation>> none;
  auto it = all.find(node);
  return it == all.end() ? none : it->second;
}

// An allocation that the plan changes is counted once, as the plan has it.
void leave_out(const node_view& view, node_usage& usage, const schema::allocation& alloc, const std::string& node) {
  const auto& counted = view.alloc(alloc.id);
  if (counted != nullptr && counted->node_id == node) usage.remove(*counted);
}

bool asks_for_one_writer(const schema::allocation& alloc, const schema::job* job) {
  const auto* group = job == nullptr ? nullptr : find_group(*job, alloc.task_group);
  return group != nullptr && std::ranges::any_of(group->volumes, [](const auto& each) { return is_single_writer(each.second) && !each.second.read_only; });
}

// Two plans may each have seen a volume without its one writer: counted anew, with whoever is on the node by then.
bool writers_agree(const node_view& view, const schema::plan& plan, const std::string& node, node_view::row row) {
  auto job_of = [&](const schema::allocation& alloc) { return alloc.job ? alloc.job.get() : plan.job.get(); };
  const auto& planned = at(plan.node_allocation, node);
  if (std::ranges::none_of(planned, [&](const auto& alloc) { return asks_for_one_writer(*alloc, job_of(*alloc)); })) return true;
  struct use {
    int writers = 0;
    bool only_one = false;
  };
  std::map<std::string, use> uses;
  auto add = [&](const schema::allocation& alloc, const schema::job* job) {
    if (job == nullptr || !occupies(alloc)) return;
    bool one = asks_for_one_writer(alloc, job);
    for (auto& source : written_host_volumes(alloc, *job)) {
      auto& of = uses[source];
      ++of.writers;
      of.only_one = of.only_one || one;
    }
  };
  std::set<std::string_view> changed;
  for (const auto* part : {&at(plan.node_update, node), &at(plan.node_preemptions, node), &planned})
    for (const auto& alloc : *part) changed.insert(alloc->id);
  for (const auto& alloc : planned) add(*alloc, job_of(*alloc));
  for (const auto& alloc : view.allocs_of(row))
    if (!changed.contains(alloc->id)) add(*alloc, alloc->job.get());
  return std::ranges::all_of(uses, [](const auto& each) { return !each.second.only_one || each.second.writers <= 1; });
}

bool node_fits(const node_view& view, const schema::plan& plan, const std::string& node) {
  const auto& proposed = at(plan.node_allocation, node);
  bool adds = std::ranges::any_of(proposed, [](const auto& alloc) { return occupies(*alloc); });
  if (!adds) return true;
  auto row = view.find(node);
  if (row == node_view::no_row) return false;
  // What runs there may be changed whatever the node's state; something new needs it ready.
  bool brings_new = std::ranges::any_of(proposed, [&](const auto& alloc) { return occupies(*alloc) && view.alloc(alloc->id) == nullptr; });
  if (brings_new && !view.ready(row)) return false;
  node_usage usage = view.usage(row);
  for (const auto* part : {&at(plan.node_update, node), &at(plan.node_preemptions, node), &proposed})
    for (const auto& alloc : *part) leave_out(view, usage, *alloc, node);
  for (const auto& alloc : proposed) usage.add(*alloc);
  if (brings_new && !writers_agree(view, plan, node, row)) return false;
  if (usage.fits().ok) return true;
  // On a node that has shrunk below its load nothing may be added, but what is there may still change.
  const amounts& before = view.used(row);
  const amounts& after = usage.used();
  return !brings_new && after.cpu <= before.cpu && after.memory <= before.memory && after.disk <= before.disk;
}

void copy(const by_node& from, by_node& to, const std::string& node) {
  if (const auto& list = at(from, node); !list.empty()) to[node] = list;
}

size_t count(const by_node& all) {
  size_t total = 0;
  for (const auto& [node, list] : all) total += list.size();
  return total;
}

// What does not fit, without the rest.
schema::plan_result refusals(const node_view& view, const schema::plan& plan, std::map<std::string_view, bool>& nodes) {
  schema::plan_result result;
  for (const auto* part : {&plan.node_update, &plan.node_allocation, &plan.node_preemptions})
    for (const auto& [node, list] : *part) nodes.emplace(node, true);
  for (auto& [node, fits] : nodes) {
    fits = node_fits(view, plan, std::string(node));
    if (!fits) result.rejected_nodes.emplace_back(node);
  }
  if (!result.rejected_nodes.empty()) result.refresh_index = view.index();
  return result;
}

}  // namespace

schema::plan_result check_plan(const node_view& view, schema::plan&& plan) {
  std::map<std::string_view, bool> nodes;
  auto result = refusals(view, plan, nodes);
  if (!result.rejected_nodes.empty()) return check_plan(view, std::as_const(plan));
  result.node_update = std::move(plan.node_update);
  result.node_allocation = std::move(plan.node_allocation);
  result.node_preemptions = std::move(plan.node_preemptions);
  result.deployment = std::move(plan.deployment);
  result.deployment_updates = std::move(plan.deployment_updates);
  return result;
}

schema::plan_result check_plan(const node_view& view, const schema::plan& plan) {
  std::map<std::string_view, bool> nodes;
  auto result = refusals(view, plan, nodes);
  if (!result.rejected_nodes.empty() && plan.all_at_once) return result;
  for (const auto& [node, fits] : nodes) {
    if (!fits) continue;
    const std::string id(node);
    copy(plan.node_update, result.node_update, id);
    copy(plan.node_allocation, result.node_allocation, id);
    copy(plan.node_preemptions, result.node_preemptions, id);
  }
  result.deployment = plan.deployment;
  result.deployment_updates = plan.deployment_updates;
  return result;
}

bool is_full_commit(const schema::plan& plan, const schema::plan_result& result) {
  return count(plan.node_update) == count(result.node_update) && count(plan.node_allocation) == count(result.node_allocation) &&
         count(plan.node_preemptions) == count(result.node_preemptions);
}

}  // namespace drover::sched
