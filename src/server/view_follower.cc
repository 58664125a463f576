#include "server/view_follower.h"

namespace drover::server {

void view_follower::note(const fsm::commit_event& event) {
  if (event.restored) everything_ = true;
  if (everything_) {
    dirty_.clear();
    return;
  }
  auto mark = [&](const std::string& node_id) {
    if (!node_id.empty() && !dirty_.contains(node_id)) dirty_.insert(node_id);
  };
  for (const auto& change : event.changes) {
    if (change.table == state::table::allocs) {
      if (auto before = change.before_as<state::table::allocs>()) mark(before->node_id);
      if (auto after = change.after_as<state::table::allocs>()) mark(after->node_id);
    } else if (change.table == state::table::nodes) {
      if (auto before = change.before_as<state::table::nodes>()) mark(before->id);
      if (auto after = change.after_as<state::table::nodes>()) mark(after->id);
    }
  }
}

view_follower::changes view_follower::take() {
  changes out;
  out.everything = std::exchange(everything_, false);
  out.nodes.assign(dirty_.begin(), dirty_.end());
  dirty_.clear();
  return out;
}

void view_follower::catch_up(const state::snapshot& snapshot, const changes& changed) {
  if (changed.everything) view_ = sched::node_view::build(snapshot);
  else view_.refresh(snapshot, changed.nodes);
}

}  // namespace drover::server
