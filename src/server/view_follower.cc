#include "server/view_follower.h"

namespace drover::server {
namespace {

// Changes that wait for a view which nobody asks for any more; beyond, it is cheaper to start over.
constexpr size_t pending_allocs_max = 1 << 17;

}  // namespace

void view_follower::note(const fsm::commit_event& event) {
  if (event.restored || allocs_.size() > pending_allocs_max) everything_ = true;
  if (everything_) return start_over();
  for (const auto& change : event.changes) {
    if (change.table == state::table::allocs) {
      auto before = change.before_as<state::table::allocs>();
      auto after = change.after_as<state::table::allocs>();
      if (const auto& either = after ? after : before) allocs_[either->id] = after;
    } else if (change.table == state::table::nodes) {
      auto before = change.before_as<state::table::nodes>();
      auto after = change.after_as<state::table::nodes>();
      if (const auto& either = after ? after : before) dirty_nodes_.insert(either->id);
    }
  }
}

view_follower::changes view_follower::take() {
  changes out;
  out.everything = std::exchange(everything_, false);
  out.nodes.assign(dirty_nodes_.begin(), dirty_nodes_.end());
  out.allocs = std::exchange(allocs_, {});
  dirty_nodes_.clear();
  return out;
}

void view_follower::catch_up(const state::snapshot& snapshot, const changes& changed) {
  if (changed.everything) {
    view_ = sched::node_view::build(snapshot);
    if (purpose_ == purpose::schedules) view_.keep_load_index();
    return;
  }
  for (const auto& [id, alloc] : changed.allocs) {
    if (alloc) view_.put_alloc(alloc);
    else view_.erase_alloc(id);
  }
  view_.refresh(snapshot, changed.nodes);
}

}  // namespace drover::server
