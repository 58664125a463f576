// A scheduling worker: takes an evaluation, runs the scheduler on its own thread, has the plan committed, stores the outcome. While plans are on their
// way into the log it goes on with further evaluations, which see those plans as if they were stored.
// Loop thread only; only schedule() itself runs elsewhere, on immutable data.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "net/blocking.h"
#include "net/task_scope.h"
#include "sched/scheduler.h"
#include "server/context.h"
#include "server/eval_broker.h"
#include "server/view_follower.h"

namespace drover::server {

class worker {
 public:
  worker(server_context& context, std::string id, std::vector<std::string> types);

  void start();
  void note(const fsm::commit_event& event);
  // Of the planner: what others have planned, and that something of it failed.
  void assume(const schema::plan_result& accepted) { follower_.assume(accepted); }
  void distrust() { follower_.distrust(); }
  const std::string& id() const { return id_; }
  // The types of the evaluations that it takes from now on; none: it finishes what it holds. eval_broker::types_changed() follows.
  void take_only(std::vector<std::string> types) { *types_ = std::move(types); }
  const std::vector<std::string>& types() const { return *types_; }
  // Work that makes progress is never thrown away for being large: its lease lasts as long as it does.
  bool holds(const std::string& eval_id, const std::string& token) const {
    auto it = leases_.find(eval_id);
    return it != leases_.end() && it->second == token;
  }
  bool busy() const { return !leases_.empty(); }
  timestamp started() const { return started_; }
  net::awaitable<void> stop() { co_await scope_.stop(); }

 private:
  net::awaitable<void> run();
  net::awaitable<void> catch_up();
  net::awaitable<void> catch_up_idle();
  net::awaitable<result<>> process(const eval_lease& lease);
  net::awaitable<sched::outcome> schedule(const schema::evaluation& eval, uint64_t seed, uint32_t attempt);
  net::awaitable<result<>> store(const sched::outcome& outcome);
  static std::vector<schema::ref<schema::evaluation>> evals_of(const sched::outcome& outcome);

  server_context& context_;
  log::logger logger_;
  std::string id_;
  // Shared with those of its tasks that wait for an evaluation.
  std::shared_ptr<std::vector<std::string>> types_;
  timestamp started_;
  std::map<std::string, std::string> leases_;  // evaluation -> token
  view_follower follower_{view_follower::purpose::schedules};
  bool catching_up_ = false;
  net::blocking_pool thread_;
  net::task_scope scope_;
};

}  // namespace drover::server
