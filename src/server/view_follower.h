// A columnar node view that follows the state: the loop notes what a commit changed, the owner of the view brings it up to a snapshot. An
// allocation that changes costs the same however many others there are on its node.
//
// Threads: note() and take() on the loop; catch_up() on whichever thread uses the view, never two at once.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "fsm/machine.h"
#include "sched/node_view.h"

namespace drover::server {

class view_follower {
 public:
  // Who places allocations wants nodes indexed by load; who only checks plans does not pay for it.
  enum class purpose { checks, schedules };
  explicit view_follower(purpose what = purpose::checks) : purpose_(what) {}

  // What has to be read again.
  struct changes {
    bool everything = false;
    std::vector<std::string> nodes;
    std::map<std::string, schema::ref<schema::allocation>, std::less<>> allocs;  // by id; null: gone
  };

  void note(const fsm::commit_event& event);
  changes take();
  // Requires: `snapshot` is the state of the last commit that was noted before take().
  void catch_up(const state::snapshot& snapshot, const changes& changed);
  const sched::node_view& view() const { return view_; }

 private:
  void start_over() {
    dirty_nodes_.clear();
    allocs_.clear();
  }

  purpose purpose_;
  bool everything_ = true;
  std::set<std::string, std::less<>> dirty_nodes_;
  std::map<std::string, schema::ref<schema::allocation>, std::less<>> allocs_;
  sched::node_view view_;
};

}  // namespace drover::server
