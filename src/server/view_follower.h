// A columnar node view that follows the state: the loop notes which nodes a commit touched, the owner of the view brings it up to a snapshot.
//
// Threads: note() and take() on the loop; catch_up() on whichever thread uses the view, never two at once.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "fsm/machine.h"
#include "sched/node_view.h"

namespace drover::server {

class view_follower {
 public:
  // What has to be read again.
  struct changes {
    bool everything = false;
    std::vector<std::string> nodes;
  };

  void note(const fsm::commit_event& event);
  changes take();
  // Requires: `snapshot` is the state of the last commit that was noted before take().
  void catch_up(const state::snapshot& snapshot, const changes& changed);
  const sched::node_view& view() const { return view_; }

 private:
  bool everything_ = true;
  std::set<std::string, std::less<>> dirty_;
  sched::node_view view_;
};

}  // namespace drover::server
