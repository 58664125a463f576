// The turn of a task to restart, where a change reaches its whole group at once (change_rollout = "rolling"): the servers give it, and it is kept
// until the allocation is well again. A restart that does not go well keeps it, so that what broke this allocation breaks no more than
// update.max_parallel of them.
//
// Loop thread. Lifecycle: create, take() and keep() any number of times, co_await stop() before it is destroyed; then the turn ends by itself.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "client/health_watcher.h"
#include "client/runner_context.h"
#include "net/task_scope.h"
#include "schema/turn_rpc.h"

namespace drover::client {

class restart_turn {
 public:
  // `tell`: a sentence for people about what is waited for.
  restart_turn(runner_context& node, std::string alloc_id, std::string task, std::function<void(std::string)> tell);
  ~restart_turn();
  restart_turn(const restart_turn&) = delete;
  restart_turn& operator=(const restart_turn&) = delete;

  // Waits until the servers give it; at once when it is held.
  awaitable<void> take();
  // Gives it back when all that must run has started since `restarted_at` and been well for as long as the rules say.
  void keep(health_rules rules, timestamp restarted_at);
  // Gives it back: nothing was restarted.
  awaitable<void> leave();
  awaitable<void> stop();

 private:
  enum class wish { take, leave };
  awaitable<result<schema::restart_turn_response>> ask(wish w);
  awaitable<void> renew();
  awaitable<void> watch(health_rules rules, timestamp restarted_at);

  runner_context& node_;
  std::string alloc_id_, task_;
  std::function<void(std::string)> tell_;
  bool held_ = false;
  duration lease_ = seconds(10);
  std::string told_;
  log::logger logger_;
  net::task_scope renewing_, watching_;
};

// What a rolling restart waits for.
health_rules rollout_rules_of(const schema::task_group& group);

}  // namespace drover::client
