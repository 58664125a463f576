// In which order the tasks of an allocation start and end. Pure functions over the tasks' states; any thread.
#pragma once

#include <map>
#include <string>

#include "schema/alloc.h"
#include "schema/job.h"

namespace drover::client {

enum class task_stage { prestart, prestart_sidecar, main, poststart, poststart_sidecar, poststop };

task_stage stage_of(const schema::task& task);
bool is_sidecar(task_stage s);
// A successful end of such a task is its end, whatever the job's type.
bool ends_on_success(task_stage s);

using task_states = std::map<std::string, schema::task_state>;

// Have all those that must come first done so?
bool may_start(const schema::task_group& group, const task_states& states, const schema::task& task);
// True when no main task is left alive (and there is one at all).
bool main_tasks_dead(const schema::task_group& group, const task_states& states);
// Can `task` never get its turn, because one that it waits for has failed?
bool turn_lost(const schema::task_group& group, const task_states& states, const schema::task& task);

struct status_summary {
  std::string status;
  std::string description;
};
status_summary status_of(const task_states& states);

}  // namespace drover::client
