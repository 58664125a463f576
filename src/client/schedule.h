// When a task may run by its schedule block: from each time that `start` matches to the `end` of that day, in its time zone. Pure; any thread.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "schema/job.h"

namespace drover::client {

struct task_window {
  bool open = false;
  // When that is different; nothing: never again.
  std::optional<timestamp> changes;
};
// Error: the schedule is none.
result<task_window> window_at(const schema::task_schedule_cron& schedule, timestamp now);

// What keeps a task from running, or lets it run, as records and the API have it.
namespace pause {
inline constexpr const char *by_schedule = "scheduled_pause", *by_force = "force_pause", *run_by_force = "force_run", *as_scheduled = "schedule_resume";
}
inline bool is_paused(const std::string& state) { return state == pause::by_schedule || state == pause::by_force; }

}  // namespace drover::client
