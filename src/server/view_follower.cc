#include "server/view_follower.h"

#include <algorithm>

#include "server/limits.h"

namespace drover::server {

// Nodes that may wait to be read again while nobody asks for the view: some twenty milliseconds for whoever does. Not fewer: a view that is not
// needed yet, as the second worker's in a small cluster, is memory for nothing.
constexpr size_t view_nodes_idle_max = 8192;

void view_follower::note(const fsm::commit_event& event) {
  if (event.restored || allocs_.size() > view_changes_max) everything_ = true;
  if (everything_) return start_over();
  for (const auto& change : event.changes) {
    if (change.table == state::table::allocs) {
      if (change.after) {
        auto stored = change.after_as<state::table::allocs>();
        if (!take_place(stored)) allocs_.push_back({std::move(stored)});
      } else if (change.before) allocs_.push_back({change.before_as<state::table::allocs>(), true});
    } else if (change.table == state::table::nodes) {
      auto before = change.before_as<state::table::nodes>();
      auto after = change.after_as<state::table::nodes>();
      if (const auto& either = after ? after : before) nodes_.insert(either->id);
    }
  }
}

namespace {

// Orders as the id does, unless two begin alike.
uint64_t key_of(const std::string& id) {
  uint64_t key = 0;
  for (size_t i = 0; i < 8; ++i) key = key << 8 | static_cast<uint8_t>(i < id.size() ? id[i] : 0);
  return key;
}

}  // namespace

template <class Parts>
void view_follower::add(const Parts& parts) {
  if (everything_) return;
  forget_places();
  for (const auto* part : {&parts.node_update, &parts.node_preemptions})
    for (const auto& [node, allocs] : *part)
      for (const auto& alloc : allocs) allocs_.push_back({alloc});
  const auto first = allocs_.size();
  for (const auto& [node, allocs] : parts.node_allocation)
    for (const auto& alloc : allocs) allocs_.push_back({alloc});
  if (allocs_.size() - first < places_from) return;
  planned_.reserve(allocs_.size() - first);
  for (auto at = first; at < allocs_.size(); ++at) planned_.push_back({key_of(allocs_[at].alloc->id), static_cast<uint32_t>(at)});
  std::ranges::sort(planned_, {}, &planned::key);
}

bool view_follower::take_place(const schema::ref<schema::allocation>& stored) {
  if (planned_.empty()) return false;
  const auto key = key_of(stored->id);
  auto from = planned_.begin() + static_cast<ptrdiff_t>(next_planned_);
  if (from == planned_.end() || from->key > key) from = planned_.begin();
  for (ptrdiff_t step = 1; from != planned_.end() && from->key < key; step *= 2) {
    auto next = planned_.end() - from > step ? from + step : planned_.end();
    if (next != planned_.end() && next->key < key) {
      from = next;
      continue;
    }
    from = std::ranges::lower_bound(from, next, key, {}, &planned::key);
    break;
  }
  for (; from != planned_.end() && from->key == key; ++from) {
    auto& place = allocs_[from->at];
    if (place.alloc->id != stored->id) continue;
    place.alloc = stored;
    next_planned_ = static_cast<size_t>(from - planned_.begin()) + 1;
    return true;
  }
  return false;
}

void view_follower::assume(const schema::plan& plan) { add(plan); }
void view_follower::assume(const schema::plan_result& accepted) { add(accepted); }

void view_follower::refuse(const std::vector<schema::ref<schema::allocation>>& planned, const state::snapshot& state) {
  if (everything_) return;
  // What comes from now on comes after this.
  forget_places();
  for (const auto& each : planned) {
    if (auto stored = state.alloc(each->id)) allocs_.push_back({std::move(stored)});
    else allocs_.push_back({each, true});
  }
}

bool view_follower::is_far_behind() const { return allocs_.size() > view_changes_idle_max || nodes_.size() > view_nodes_idle_max; }

bool view_follower::should_catch_up(const state::snapshot& state) const { return everything_ ? state.node_count() > view_nodes_idle_max : is_far_behind(); }

view_follower::changes view_follower::take() {
  changes out;
  out.everything = std::exchange(everything_, false);
  out.nodes.assign(nodes_.begin(), nodes_.end());
  out.allocs = std::exchange(allocs_, {});
  start_over();
  return out;
}

void view_follower::catch_up(const state::snapshot& snapshot, const changes& changed) {
  if (changed.everything) {
    view_ = sched::node_view::build(snapshot);
    if (purpose_ == purpose::schedules) view_.keep_load_index();
    return;
  }
  for (const auto& [alloc, gone] : changed.allocs) {
    if (gone) view_.erase_alloc(alloc->id);
    else view_.put_alloc(alloc);
  }
  view_.refresh_records(snapshot, changed.nodes);
}

}  // namespace drover::server
