#include "client/health_watcher.h"

#include <algorithm>

#include "base/text.h"
#include "client/alloc_runner.h"
#include "client/schedule.h"
#include "client/system.h"

namespace drover::client {

std::optional<health_rules> health_rules_of(const schema::allocation& alloc, const schema::task_group& group) {
  if (!alloc.deployment_id.empty() && group.update) {
    if (group.update->health_check.value_or("checks") == "manual") return std::nullopt;
    return health_rules{group.update->min_healthy_time.value_or(seconds(10)), group.update->healthy_deadline.value_or(minutes(5)),
                        group.update->health_check.value_or("checks") == "checks"};
  }
  // A drain moves on when the replacement is healthy.
  if (alloc.job->type == "service" && group.migrate)
    return health_rules{group.migrate->min_healthy_time.value_or(seconds(10)), group.migrate->healthy_deadline.value_or(minutes(5)),
                        group.migrate->health_check.value_or("checks") == "checks"};
  return std::nullopt;
}

health_view look_at_health(const schema::task_group& group, const task_states& states) {
  health_view out;
  out.running = true;
  bool any = false;
  for (auto& task : group.tasks) {
    auto it = states.find(task.name);
    auto stage = stage_of(task);
    if (it != states.end() && it->second.failed && it->second.state == "dead" && stage != task_stage::poststop) {
      out.failed = true;
      out.failed_task = task.name;
    }
    // Only what must keep running counts: a prestart task has ended by then, a poststart task may, a poststop task has not begun.
    if (stage != task_stage::main && !is_sidecar(stage)) continue;
    any = true;
    // It waits for its time, as its schedule says: that is no fault.
    if (it != states.end() && is_paused(it->second.paused)) continue;
    if (it == states.end() || it->second.state != "running") {
      out.running = false;
      continue;
    }
    if (out.since.is_zero() || it->second.started_at > out.since) out.since = it->second.started_at;
  }
  out.running = out.running && any;
  return out;
}

namespace {
std::string why_late(const health_view& view, const alloc_services::health& checks, const health_rules& rules) {
  if (!view.running) return fmt::format("Task not running by healthy_deadline of {}", to_string(rules.healthy_deadline));
  if (!checks.passing) return fmt::format("Services not healthy by deadline: {}", join(checks.failing, ", "));
  return fmt::format("Task not running for min_healthy_time of {} by healthy_deadline of {}", to_string(rules.min_healthy_time),
                     to_string(rules.healthy_deadline));
}
}  // namespace

net::awaitable<void> watch_health(alloc_runner& runner, health_rules rules) {
  auto began = wall_now(), deadline = began + rules.healthy_deadline;
  for (;;) {
    auto view = look_at_health(runner.group(), runner.states());
    auto checks = rules.with_checks ? runner.services().check_health() : alloc_services::health{.checked = false, .passing = true, .since = {}, .failing = {}};
    auto now = wall_now();
    if (view.failed) {
      runner.set_health(false, "Unhealthy because of failed task");
      co_return;
    }
    auto since = checks.since.is_zero() ? view.since : std::max(view.since, checks.since);
    bool well = view.running && checks.passing;
    auto healthy_at = (since.is_zero() ? began : since) + rules.min_healthy_time;
    if (well && now >= healthy_at) {
      runner.set_health(true, {});
      co_return;
    }
    if (now >= deadline) {
      runner.set_health(false, why_late(view, checks, rules));
      co_return;
    }
    auto next = well ? std::min(healthy_at, deadline) : deadline;
    co_await runner.states_changed().wait(net::after(next - now));
  }
}

}  // namespace drover::client
