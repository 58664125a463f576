// A task runner's schedule: the task runs while its window is open, or as somebody says who overrides that.
#include "client/schedule.h"
#include "client/system.h"
#include "client/task_event.h"
#include "client/task_runner.h"

namespace drover::client {

namespace {
// A clock that is set is noticed within it.
constexpr duration schedule_look_again = minutes(1);
}  // namespace

// What shall be now, and when to look again.
std::pair<std::string, net::time_point> task_runner::wanted_pause() {
  const auto& schedule = task().schedule;
  if (pause_override_ != pause::as_scheduled) return {pause_override_, net::never};
  if (!schedule || !schedule->cron) return {"", net::never};
  auto window = window_at(*schedule->cron, wall_now());
  // Whoever checked the job has checked this; where zones are missing on this machine the task is not run at wrong times.
  if (!window && std::exchange(schedule_error_, window.error().text()) != window.error().text())
    logger_.error("a schedule cannot be followed", {{"alloc_id", owner_.alloc()->id}, {"task", name_}, {"error", window.error().text()}});
  if (!window) return {pause::by_schedule, net::after(schedule_look_again)};
  auto next = window->changes ? std::min(*window->changes - wall_now(), schedule_look_again) : schedule_look_again;
  return {window->open ? "" : pause::by_schedule, net::after(next)};
}

bool task_runner::paused() const { return is_paused(stored_.state.paused); }

// An override that was stored holds on.
void task_runner::begin_schedule() {
  if (stored_.state.paused == pause::by_force || stored_.state.paused == pause::run_by_force) pause_override_ = stored_.state.paused;
  if (task().schedule || pause_override_ != pause::as_scheduled) start_schedule();
}

void task_runner::start_schedule() {
  if (std::exchange(scheduled_, true)) return;
  scope_.spawn(&task_runner::keep_schedule, this);
}

awaitable<void> task_runner::keep_schedule() {
  while (!dead() && !kill_requested_) {
    auto [wanted, look_again] = wanted_pause();
    if (wanted != stored_.state.paused) set_pause(wanted);
    co_await schedule_changed_.wait(look_again);
  }
}

void task_runner::set_pause(const std::string& wanted) {
  bool was = paused();
  stored_.state.paused = wanted;
  bool by_override = wanted == pause::by_force || wanted == pause::run_by_force;
  if (paused() != was) add_event(paused() ? events::pausing(wall_now(), by_override) : events::running(wall_now(), by_override));
  else changed();
  if (paused() && handle_) stop_for_pause();
  wake_.notify_all();
}

void task_runner::stop_for_pause() {
  if (std::exchange(pausing_, true)) return;
  scope_.spawn(&task_runner::stop_handle, this, handle_);
}

awaitable<void> task_runner::await_schedule() {
  if (!paused() || kill_requested_) co_return;
  // A new agent found it running.
  if (handle_) {
    stop_for_pause();
    co_return;
  }
  if (stored_.state.state != "pending") set_state("pending", std::nullopt);
  co_await release();
  while (paused() && !kill_requested_) co_await wake_.wait();
}

result<> task_runner::override_schedule(const std::string& state) {
  if (state != pause::by_force && state != pause::run_by_force && state != pause::as_scheduled)
    return fail(errc::invalid, "\"{}\" is no schedule state: {}, {} and {} are", state, pause::by_force, pause::run_by_force, pause::as_scheduled);
  if (dead()) return fail(errc::not_found, "Task not running");
  pause_override_ = state;
  start_schedule();
  schedule_changed_.notify_all();
  return {};
}

}  // namespace drover::client
