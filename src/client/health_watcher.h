// Decides whether an allocation of a deployment (or of a migration) is healthy: all tasks that must run have run without interruption for
// min_healthy_time, before healthy_deadline. Loop thread; the coroutine belongs to the runner's scope.
#pragma once

#include <optional>

#include "base/time.h"
#include "client/lifecycle.h"
#include "net/event.h"
#include "net/loop.h"

namespace drover::client {

class alloc_runner;

struct health_rules {
  duration min_healthy_time;
  duration healthy_deadline;
  // Service checks count, too.
  bool with_checks = true;
};
// Nothing: nobody asks for the health of this allocation.
std::optional<health_rules> health_rules_of(const schema::allocation& alloc, const schema::task_group& group);

// Pure: how the tasks are now.
struct health_view {
  bool failed = false;
  // All that must run do so, since `since`.
  bool running = false;
  timestamp since;
  std::string failed_task;
};
health_view look_at_health(const schema::task_group& group, const task_states& states);

net::awaitable<void> watch_health(alloc_runner& runner, health_rules rules);

}  // namespace drover::client
