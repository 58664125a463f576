// The planner: plans wait here, most urgent first, are checked against the newest state and what is on its way into the log, and what still fits
// is written. Several are in flight at once; they are applied in the order in which they were checked.
// The leader's alone; loop thread only.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "fsm/commands.h"
#include "net/event.h"
#include "net/task_scope.h"
#include "schema/eval.h"
#include "server/context.h"
#include "server/plan_turns.h"
#include "server/view_follower.h"

namespace drover::server {

class worker;

struct committed_plan {
  // The newest entry of what was accepted; 0: nothing changed.
  uint64_t index = 0;
  std::vector<std::string> rejected_nodes;
  // The plan's allocations on these.
  std::vector<schema::ref<schema::allocation>> refused;
  bool full() const { return rejected_nodes.empty(); }
  // plan_queue::accepted() when it was checked.
  uint64_t accepted = 0;
  // The evaluations that were given with the plan are stored with it.
  bool concluded = false;
};

class plan_queue {
 public:
  explicit plan_queue(server_context& context);

  void note(const fsm::commit_event& event);
  void set_enabled(bool enabled);
  // Before a plan is made. It ends when the plan was checked, or is dropped.
  net::awaitable<plan_turns::turn> turn() { return turns_.take(); }
  // What was committed of the plan; every other worker than `from` has been told to assume it. `conclusion` (evaluations) is stored together with
  // a plan that is accepted in full and changes something.
  // conflict: the evaluation's lease was lost meanwhile, the plan is void.
  net::awaitable<result<committed_plan>> submit(schema::plan plan, std::vector<schema::ref<schema::evaluation>> conclusion, worker* from,
                                                plan_turns::turn turn);
  size_t size() const { return waiting_.size(); }
  // Plans of which something was accepted so far.
  uint64_t accepted() const { return started_; }
  // The nodes as of context.followed, for a scheduler that only wants to know. Valid until the next await.
  const sched::node_view& current_view();
  net::awaitable<void> stop() { co_await scope_.stop(); }

 private:
  struct entry {
    schema::plan plan;
    std::vector<schema::ref<schema::evaluation>> conclusion;
    worker* from = nullptr;
    plan_turns::turn turn;
    uint64_t number = 0;
    committed_plan answer;
    // Log entries that are not applied yet, and those of them that are on their way.
    size_t writes = 0;
    size_t in_flight = 0;
    net::event written;
    std::optional<error> failure;
    result<committed_plan> outcome = fail(errc::unavailable, "the planner stopped");
    net::event done;
  };
  struct by_urgency {
    bool operator()(const std::shared_ptr<entry>& a, const std::shared_ptr<entry>& b) const {
      return a->plan.priority != b->plan.priority ? a->plan.priority > b->plan.priority : a->number < b->number;
    }
  };
  net::awaitable<void> run();
  void check(const std::shared_ptr<entry>& mine);
  void write(const std::shared_ptr<entry>& mine, std::vector<fsm::apply_plan_results_request> commands);
  net::awaitable<void> write_all(std::shared_ptr<entry> mine, std::vector<fsm::apply_plan_results_request> commands);
  net::awaitable<void> write_one(std::shared_ptr<entry> mine, std::string command);
  net::awaitable<void> answer_when_landed(std::shared_ptr<entry> mine, uint64_t plans);
  void land(entry& mine);

  server_context& context_;
  view_follower follower_;
  plan_turns turns_;
  std::set<std::shared_ptr<entry>, by_urgency> waiting_;
  uint64_t next_number_ = 0;
  // Plans whose writing has begun and has ended, for good or ill. They end in order.
  uint64_t started_ = 0, landed_ = 0;
  bool enabled_ = false;
  net::event filled_, landing_;
  net::task_scope scope_;
};

}  // namespace drover::server
