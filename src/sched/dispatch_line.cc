#include "sched/dispatch_line.h"

#include <algorithm>

#include <fmt/format.h>

#include "sched/dependencies.h"
#include "state/tables.h"

namespace drover::sched {
namespace {

bool goes_before(const schema::job& a, const schema::job& b) {
  if (a.priority != b.priority) return a.priority > b.priority;
  return a.create_index != b.create_index ? a.create_index < b.create_index : a.id < b.id;
}

bool is_over(const schema::job& child) { return child.stop || child.status == "dead"; }

void visit_children(const state::snapshot& state, const schema::job& of, const state::visitor<schema::job>& each) {
  state::visit<state::table::jobs>(state, state::tree_id::jobs_by_parent, state::within2(of.namespace_, of.id), each);
}

}  // namespace

std::string resource_of_slots(std::string_view namespace_, std::string_view parent_id) {
  return fmt::format("turn among the instances of job \"{}\" in namespace \"{}\"", parent_id, namespace_);
}

std::optional<int64_t> instances_max(const schema::job* parent) {
  if (parent == nullptr || !parent->parameterized_job || parent->parameterized_job->max_parallel <= 0) return std::nullopt;
  return parent->parameterized_job->max_parallel;
}

bool instance_runs(const state::snapshot& state, const schema::job& child) {
  if (child.status == "dead") return false;
  if (child.status == "running") return true;
  // Pending again: between a failure and its reschedule.
  bool any = false;
  state::visit<state::table::allocs>(state, state::tree_id::allocs_by_job, state::within2(child.namespace_, child.id), [&](const auto&) {
    any = true;
    return false;
  });
  return any;
}

std::string place_in_line(const state::snapshot& state, const schema::job& child) {
  auto parent = state.job(child.namespace_, child.parent_id);
  auto most = instances_max(parent.get());
  if (!most) return {};
  int64_t running = 0, before = 0;
  visit_children(state, *parent, [&](const ref<schema::job>& other) {
    if (other->id == child.id || is_over(*other)) return true;
    if (instance_runs(state, *other)) ++running;
    else before += goes_before(*other, child);
    return running + before < *most;
  });
  if (running + before < *most) return {};
  return fmt::format("{} of job \"{}\" may run at a time (max_parallel), and {} before it",
                     *most == 1 ? std::string("1 instance") : fmt::format("{} instances", *most), parent->id, before == 0 ? "as many run" : "others come");
}

std::vector<std::string> next_in_line(const state::snapshot& state, const schema::job& parent) {
  auto most = instances_max(&parent);
  std::vector<ref<schema::job>> waiting;
  int64_t running = 0;
  visit_children(state, parent, [&](const ref<schema::job>& child) {
    if (is_over(*child)) return true;
    if (instance_runs(state, *child)) ++running;
    else waiting.push_back(child);
    return true;
  });
  auto may_start = waiting.size();
  if (most) may_start = std::min(may_start, static_cast<size_t>(std::max<int64_t>(0, *most - running)));
  std::ranges::partial_sort(waiting, waiting.begin() + static_cast<std::ptrdiff_t>(may_start),
                            [](const auto& a, const auto& b) { return goes_before(*a, *b); });
  waiting.resize(may_start);
  std::vector<std::string> ids;
  for (const auto& child : waiting) ids.push_back(child->id);
  return ids;
}

}  // namespace drover::sched
