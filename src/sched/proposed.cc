#include "sched/proposed.h"

namespace drover::sched {

proposed::proposed(const node_view& view, const std::vector<ref<schema::allocation>>& job_allocs)
    : view_(view), slot_(view.rows(), none) {
  for (const auto& alloc : job_allocs)
    if (occupies(*alloc))
      if (row r = view.find(alloc->node_id); r != node_view::no_row) count(r, *alloc, +1);
}

node_usage& proposed::edit(row r) {
  if (slot_[r] == none) {
    slot_[r] = static_cast<uint32_t>(changed_.size());
    changed_.push_back(view_.usage(r));
  }
  changes_.push_back(r);
  return changed_[slot_[r]];
}

void proposed::count(row r, const schema::allocation& alloc, int sign) {
  auto& load = loads_[r];
  load.job += sign;
  load.groups[alloc.task_group] += sign;
}

const proposed::job_load* proposed::load(row r) const {
  auto it = loads_.find(r);
  return it == loads_.end() ? nullptr : &it->second;
}

void proposed::stop(const schema::allocation& alloc) {
  row r = view_.find(alloc.node_id);
  if (r == node_view::no_row || !occupies(alloc)) return;
  node_usage& usage = edit(r);
  // What the view counted is what goes, should it have another version than the snapshot.
  if (const auto& counted = view_.alloc(alloc.id)) usage.remove(*counted);
  count(r, alloc, -1);
}

void proposed::unstop(const schema::allocation& alloc) {
  row r = view_.find(alloc.node_id);
  if (r == node_view::no_row || !occupies(alloc)) return;
  node_usage& usage = edit(r);
  if (const auto& counted = view_.alloc(alloc.id)) usage.add(*counted);
  count(r, alloc, +1);
}

void proposed::place(row r, const schema::allocation& alloc) {
  edit(r).add(alloc);
  count(r, alloc, +1);
}

}  // namespace drover::sched
