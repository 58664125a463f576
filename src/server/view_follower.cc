#include "server/view_follower.h"

#include "server/limits.h"

namespace drover::server {

void view_follower::note(const fsm::commit_event& event) {
  if (event.restored || allocs_.size() > view_changes_max) everything_ = true;
  if (everything_) return start_over();
  for (const auto& change : event.changes) {
    if (change.table == state::table::allocs) {
      if (change.after) allocs_.push_back({change.after_as<state::table::allocs>()});
      else if (change.before) allocs_.push_back({change.before_as<state::table::allocs>(), true});
    } else if (change.table == state::table::nodes) {
      auto before = change.before_as<state::table::nodes>();
      auto after = change.after_as<state::table::nodes>();
      if (const auto& either = after ? after : before) nodes_.insert(either->id);
    }
  }
}

namespace {

template <class Parts>
void add_all(const Parts& parts, std::vector<view_follower::alloc_change>& to) {
  for (const auto* part : {&parts.node_update, &parts.node_preemptions, &parts.node_allocation})
    for (const auto& [node, allocs] : *part)
      for (const auto& alloc : allocs) to.push_back({alloc});
}

}  // namespace

void view_follower::assume(const schema::plan& plan) {
  if (!everything_) add_all(plan, allocs_);
}
void view_follower::assume(const schema::plan_result& accepted) {
  if (!everything_) add_all(accepted, allocs_);
}

void view_follower::refuse(const std::vector<schema::ref<schema::allocation>>& planned, const state::snapshot& state) {
  if (everything_) return;
  for (const auto& each : planned) {
    if (auto stored = state.alloc(each->id)) allocs_.push_back({std::move(stored)});
    else allocs_.push_back({each, true});
  }
}

bool view_follower::is_far_behind() const { return allocs_.size() > view_changes_idle_max; }

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
