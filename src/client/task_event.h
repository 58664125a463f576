// What happens to a task, as people read it: makers of task events with the texts that Nomad's tools show. Pure; any thread.
#pragma once

#include <string>

#include "base/time.h"
#include "schema/alloc.h"

namespace drover::client::events {

using schema::task_event;

task_event received(timestamp now);
task_event setup(timestamp now, std::string message);
task_event setup_failure(timestamp now, std::string error);
task_event failed_validation(timestamp now, std::string error);
task_event downloading_artifacts(timestamp now);
task_event failed_artifact_download(timestamp now, std::string error);
task_event hook_failed(timestamp now, std::string message);
task_event hook_message(timestamp now, std::string message);
// Of the templates of a task: what it waits for, what went wrong.
task_event template_message(timestamp now, std::string message);
task_event driver_failure(timestamp now, std::string error);
task_event driver_message(timestamp now, std::string message);
task_event started(timestamp now);

struct exit_facts {
  int64_t code = 0;
  int64_t signal = 0;
  bool oom_killed = false;
  std::string message;
};
task_event terminated(timestamp now, exit_facts facts);
// `reason` empty: says how long the task has before it is forced.
task_event killing(timestamp now, duration timeout, std::string reason = {});
task_event killed(timestamp now, std::string error = {});
task_event restarting(timestamp now, duration delay, std::string reason);
task_event not_restarting(timestamp now, std::string reason);
task_event restart_signaled(timestamp now, std::string reason);
task_event signaling(timestamp now, std::string signal, std::string reason);
// By the schedule, or by whoever overrides it.
task_event pausing(timestamp now, bool by_override);
task_event running(timestamp now, bool by_override);
task_event sibling_failed(timestamp now, std::string sibling);
task_event leader_dead(timestamp now);
task_event main_dead(timestamp now);
task_event waiting_for_shutdown_delay(timestamp now, duration delay);
task_event skipping_shutdown_delay(timestamp now);
task_event failed_restoring(timestamp now);
task_event reconnected(timestamp now);
// Of a task that is a CSI plugin.
task_event plugin_healthy(timestamp now, std::string plugin_id);
task_event plugin_unhealthy(timestamp now, std::string error);
task_event alloc_unhealthy(timestamp now, std::string message);

// Marks the event as the one that fails the task.
task_event failing(task_event e);
// Adds to the newest-last list, which keeps limits::task_events_max.
void append(schema::task_state& state, task_event e);

}  // namespace drover::client::events
