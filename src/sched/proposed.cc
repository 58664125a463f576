#include "sched/proposed.h"

namespace drover::sched {

proposed::proposed(const node_view& view, const std::vector<ref<schema::allocation>>& job_allocs) : view_(view) {
  for (const auto& alloc : job_allocs)
    if (occupies(*alloc))
      if (row r = view.find(alloc->node_id); r != node_view::no_row) count(r, *alloc, +1);
}

node_usage& proposed::edit(row r) {
  changes_.push_back(r);
  if (auto* known = changed_.find(r)) return *known;
  return changed_[r] = view_.usage(r);
}

size_t proposed::group(std::string_view name) {
  for (size_t i = 0; i < groups_.size(); ++i)
    if (groups_[i].name == name) return i;
  groups_.push_back({std::string(name), {}});
  return groups_.size() - 1;
}

void proposed::count(row r, const schema::allocation& alloc, int sign) {
  job_[r] += sign;
  groups_[group(alloc.task_group)].counts[r] += sign;
}

void proposed::stop(const schema::allocation& alloc) {
  row r = view_.find(alloc.node_id);
  if (r == node_view::no_row || !occupies(alloc)) return;
  node_usage& usage = edit(r);
  // What the view counted is what goes, should it have another version than the snapshot.
  if (const auto& counted = view_.alloc(alloc.id)) usage.remove(*counted);
  count(r, alloc, -1);
  gone_.insert(alloc.id);
}

void proposed::unstop(const schema::allocation& alloc) {
  row r = view_.find(alloc.node_id);
  if (r == node_view::no_row || !occupies(alloc)) return;
  node_usage& usage = edit(r);
  if (const auto& counted = view_.alloc(alloc.id)) usage.add(*counted);
  count(r, alloc, +1);
  gone_.erase(alloc.id);
}

void proposed::evict(ref<schema::allocation> alloc) {
  row r = view_.find(alloc->node_id);
  if (r == node_view::no_row) return;
  edit(r).remove(*alloc);
  gone_.insert(alloc->id);
  evicted_.push_back(std::move(alloc));
}

std::vector<ref<schema::allocation>> proposed::occupants(row r) const {
  auto found = view_.allocs_of(r);
  std::erase_if(found, [&](const auto& alloc) { return gone_.contains(alloc->id); });
  return found;
}

void proposed::place(row r, const schema::allocation& alloc) {
  edit(r).add(alloc);
  count(r, alloc, +1);
}

}  // namespace drover::sched
