// A columnar node view that follows the state: the loop notes what a commit changed, the owner of the view brings it up to a snapshot. An
// allocation that changes costs the same however many others there are on its node.
//
// A plan that is on its way into the log may be assumed: what is planned meanwhile sees it. Its commit says the same once more, and what is
// stored takes the place of what was planned, so that a large plan is not in memory twice; where it failed, the owner says so (refuse(),
// distrust()).
//
// Threads: everything but catch_up() and view() on the loop; these on whichever thread uses the view, never two at once.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "fsm/machine.h"
#include "sched/node_view.h"
#include "schema/eval.h"

namespace drover::server {

class view_follower {
 public:
  // Who places allocations wants nodes indexed by load; who only checks plans does not pay for it.
  enum class purpose { checks, schedules };
  explicit view_follower(purpose what = purpose::checks) : purpose_(what) {}

  // An allocation as it is now; `gone`: as it was before it was removed.
  struct alloc_change {
    schema::ref<schema::allocation> alloc;
    bool gone = false;
  };
  // What has to be read again.
  struct changes {
    bool everything = false;
    std::vector<std::string> nodes;
    std::vector<alloc_change> allocs;  // in order
  };

  void note(const fsm::commit_event& event);
  // The plan's allocations as if they were stored already.
  void assume(const schema::plan& plan);
  void assume(const schema::plan_result& accepted);
  // Of what was assumed, this did not come to be. `state`: as of the last commit that was noted.
  void refuse(const std::vector<schema::ref<schema::allocation>>& planned, const state::snapshot& state);
  // Nothing that was assumed counts.
  void distrust() {
    everything_ = true;
    start_over();
  }
  // The next catch_up() reads the whole state, and forgets what was assumed.
  bool starts_over() const { return everything_; }
  changes take();
  // So much has changed since that it is worth reading before somebody waits for it, and letting go of the records which the view still has.
  bool is_far_behind() const;
  // The same for a view that also may not have been read at all, while there is nothing to do: only a large one is worth that.
  bool should_catch_up(const state::snapshot& state) const;
  // Requires: `snapshot` is the state of the last commit that was noted before take().
  void catch_up(const state::snapshot& snapshot, const changes& changed);
  const sched::node_view& view() const { return view_; }

 private:
  // Where the new allocations of the plan that was assumed last are in allocs_, by the beginnings of their ids.
  // A smaller plan is not worth the search.
  static constexpr size_t places_from = 512;
  struct planned {
    uint64_t key;
    uint32_t at;
  };
  void start_over() {
    nodes_.clear();
    allocs_ = {};
    forget_places();
  }
  void forget_places() {
    planned_ = {};
    next_planned_ = 0;
  }
  template <class Parts>
  void add(const Parts& parts);
  // False: it is not among the last plan's.
  bool take_place(const schema::ref<schema::allocation>& stored);

  purpose purpose_;
  bool everything_ = true;
  std::set<std::string, std::less<>> nodes_;
  std::vector<alloc_change> allocs_;
  std::vector<planned> planned_;  // ascending
  // Commits come nearly in that order: the search begins where the last one ended.
  size_t next_planned_ = 0;
  sched::node_view view_;
};

}  // namespace drover::server
