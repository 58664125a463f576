// The planner: plans wait here, most urgent first, are checked against the newest state, and what still fits becomes one log entry.
// The leader's alone; loop thread only.
#pragma once

#include <memory>
#include <set>

#include "base/result.h"
#include "net/event.h"
#include "net/task_scope.h"
#include "schema/eval.h"
#include "server/context.h"
#include "server/view_follower.h"

namespace drover::server {

class plan_queue {
 public:
  explicit plan_queue(server_context& context);

  void note(const fsm::commit_event& event) { follower_.note(event); }
  void set_enabled(bool enabled);
  // What was committed of the plan. conflict: the evaluation's lease was lost meanwhile, the plan is void.
  net::awaitable<result<schema::plan_result>> submit(schema::plan plan);
  size_t size() const { return waiting_.size(); }
  // The nodes as of context.followed, for a scheduler that only wants to know. Valid until the next await.
  const sched::node_view& current_view();
  net::awaitable<void> stop() { co_await scope_.stop(); }

 private:
  struct entry {
    schema::plan plan;
    uint64_t number = 0;
    result<schema::plan_result> outcome = fail(errc::unavailable, "the planner stopped");
    net::event done;
  };
  struct by_urgency {
    bool operator()(const std::shared_ptr<entry>& a, const std::shared_ptr<entry>& b) const {
      return a->plan.priority != b->plan.priority ? a->plan.priority > b->plan.priority : a->number < b->number;
    }
  };
  net::awaitable<void> run();
  net::awaitable<result<schema::plan_result>> commit(const schema::plan& plan);

  server_context& context_;
  view_follower follower_;
  std::set<std::shared_ptr<entry>, by_urgency> waiting_;
  uint64_t next_number_ = 0;
  bool enabled_ = false;
  net::event filled_;
  net::task_scope scope_;
};

}  // namespace drover::server
