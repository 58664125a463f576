#include "client/task_event.h"

#include "client/limits.h"
#include "client/restart_tracker.h"

namespace drover::client::events {

namespace {
task_event make(std::string type, timestamp now, std::string display) {
  task_event e;
  e.type = std::move(type);
  e.time = now.ns;
  e.display_message = std::move(display);
  return e;
}
task_event with_message(std::string type, timestamp now, std::string message) {
  auto e = make(std::move(type), now, message);
  e.details["message"] = message;
  e.message = std::move(message);
  return e;
}
std::string or_else(const std::string& text, const char* otherwise) { return text.empty() ? otherwise : text; }
}  // namespace

task_event received(timestamp now) { return make("Received", now, "Task received by client"); }
task_event setup(timestamp now, std::string message) { return with_message("Task Setup", now, std::move(message)); }

task_event setup_failure(timestamp now, std::string error) {
  auto e = make("Setup Failure", now, or_else(error, "Task setup failed"));
  e.details["setup_error"] = error;
  e.setup_error = std::move(error);
  return e;
}
task_event failed_validation(timestamp now, std::string error) {
  auto e = make("Failed Validation", now, or_else(error, "Validation of task failed"));
  e.details["validation_error"] = error;
  e.validation_error = std::move(error);
  return e;
}
task_event downloading_artifacts(timestamp now) { return make("Downloading Artifacts", now, "Client is downloading artifacts"); }
task_event failed_artifact_download(timestamp now, std::string error) {
  auto e = make("Failed Artifact Download", now, or_else(error, "Failed to download artifacts"));
  e.details["download_error"] = error;
  e.download_error = std::move(error);
  return e;
}
task_event hook_failed(timestamp now, std::string message) { return with_message("Task hook failed", now, std::move(message)); }
task_event hook_message(timestamp now, std::string message) { return with_message("Task hook message", now, std::move(message)); }
task_event template_message(timestamp now, std::string message) { return with_message("Template", now, std::move(message)); }
task_event driver_failure(timestamp now, std::string error) {
  auto e = make("Driver Failure", now, or_else(error, "Failed to start task"));
  e.details["driver_error"] = error;
  e.driver_error = std::move(error);
  return e;
}
task_event driver_message(timestamp now, std::string message) {
  auto e = make("Driver", now, message);
  e.details["driver_message"] = message;
  e.driver_message = std::move(message);
  return e;
}
task_event started(timestamp now) { return make("Started", now, "Task started by client"); }

task_event terminated(timestamp now, exit_facts facts) {
  auto text = fmt::format("Exit Code: {}", facts.code);
  if (facts.signal != 0) text += fmt::format(", Signal: {}", facts.signal);
  if (!facts.message.empty()) text += fmt::format(", Exit Message: \"{}\"", facts.message);
  auto e = make("Terminated", now, std::move(text));
  e.details["exit_code"] = std::to_string(facts.code);
  e.details["signal"] = std::to_string(facts.signal);
  e.details["oom_killed"] = facts.oom_killed ? "true" : "false";
  if (!facts.message.empty()) e.details["exit_message"] = facts.message;
  e.exit_code = facts.code;
  e.signal = facts.signal;
  e.message = std::move(facts.message);
  return e;
}

task_event killing(timestamp now, duration timeout, std::string reason) {
  std::string text = reason;
  if (text.empty() && timeout.ns > 0) text = fmt::format("Sent interrupt. Waiting {} before force killing", to_string(timeout));
  if (text.empty()) text = "Sent interrupt";
  auto e = make("Killing", now, std::move(text));
  if (timeout.ns > 0) e.details["kill_timeout"] = to_string(timeout);
  if (!reason.empty()) e.details["kill_reason"] = reason;
  e.kill_timeout = timeout;
  e.kill_reason = std::move(reason);
  return e;
}
task_event killed(timestamp now, std::string error) {
  auto e = make("Killed", now, or_else(error, "Task successfully killed"));
  if (!error.empty()) e.details["kill_error"] = error;
  e.kill_error = std::move(error);
  return e;
}
task_event restarting(timestamp now, duration delay, std::string reason) {
  auto text = "Task restarting in " + to_string(delay);
  if (!reason.empty() && reason != restart_reason::within_policy) text = reason + " - " + text;
  auto e = make("Restarting", now, std::move(text));
  e.details["start_delay"] = std::to_string(delay.ns);
  e.details["restart_reason"] = reason;
  e.start_delay = delay.ns;
  e.restart_reason = std::move(reason);
  return e;
}
task_event not_restarting(timestamp now, std::string reason) {
  auto e = make("Not Restarting", now, or_else(reason, "Task exceeded restart policy"));
  e.details["restart_reason"] = reason;
  e.restart_reason = std::move(reason);
  return e;
}
task_event restart_signaled(timestamp now, std::string reason) {
  auto e = make("Restart Signaled", now, or_else(reason, "Task signaled to restart"));
  e.details["restart_reason"] = reason;
  e.restart_reason = std::move(reason);
  return e;
}
task_event pausing(timestamp now, bool by_override) { return make("Pausing", now, by_override ? "Pausing due to override" : "Pausing due to schedule"); }
task_event running(timestamp now, bool by_override) { return make("Running", now, by_override ? "Running due to override" : "Running due to schedule"); }
task_event signaling(timestamp now, std::string signal, std::string reason) {
  std::string text = signal.empty() ? "Task being sent a signal" : "Task being sent signal " + signal;
  if (!reason.empty()) text += ": " + reason;
  auto e = make("Signaling", now, std::move(text));
  e.details["task_signal"] = signal;
  e.details["task_signal_reason"] = reason;
  e.task_signal = std::move(signal);
  e.task_signal_reason = std::move(reason);
  return e;
}
task_event sibling_failed(timestamp now, std::string sibling) {
  auto e = make("Sibling Task Failed", now, sibling.empty() ? "Task's sibling failed" : fmt::format("Task's sibling \"{}\" failed", sibling));
  e.details["failed_sibling"] = sibling;
  e.failed_sibling = std::move(sibling);
  return e;
}
task_event leader_dead(timestamp now) { return make("Leader Task Dead", now, "Leader Task in Group dead"); }
task_event main_dead(timestamp now) { return make("Main Tasks Dead", now, "Main tasks in the group died"); }
task_event waiting_for_shutdown_delay(timestamp now, duration delay) {
  return with_message("Waiting for shutdown delay", now, fmt::format("Waiting for shutdown_delay of {} before killing the task.", to_string(delay)));
}
task_event skipping_shutdown_delay(timestamp now) { return with_message("Skipping shutdown delay", now, "Skipping shutdown_delay as the stop asked for it."); }
task_event failed_restoring(timestamp now) { return make("Failed Restoring Task", now, "failed to restore task; will not run until server is contacted"); }
task_event reconnected(timestamp now) { return make("Reconnected", now, "Client reconnected"); }
task_event plugin_healthy(timestamp now, std::string plugin_id) { return with_message("Plugin became healthy", now, "plugin: " + plugin_id); }
task_event plugin_unhealthy(timestamp now, std::string error) { return with_message("Plugin became unhealthy", now, "Error: " + error); }
task_event alloc_unhealthy(timestamp now, std::string message) { return with_message("Alloc Unhealthy", now, std::move(message)); }

task_event failing(task_event e) {
  e.fails_task = true;
  e.details["fails_task"] = "true";
  return e;
}

void append(schema::task_state& state, task_event e) {
  if (e.fails_task) state.failed = true;
  state.events.push_back(schema::share(std::move(e)));
  if (state.events.size() > limits::task_events_max) state.events.erase(state.events.begin(), state.events.end() - limits::task_events_max);
}

}  // namespace drover::client::events
