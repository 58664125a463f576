#include "sched/plan_check.h"

#include <algorithm>
#include <utility>

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
