// alloc restart, stop, signal, checks.
#include "cli/command/all.h"
#include "cli/format/alloc.h"
#include "cli/monitor.h"
#include "cli/resolve.h"
#include "schema/alloc_rpc.h"

namespace drover::cli::commands {
namespace {

std::string task_named(const context& c) { return c.flags.has("task") ? c.flags.text("task") : c.arguments.size() == 2 ? c.arguments[1] : std::string(); }

// Refused early, so that a misspelt task is not taken for "all tasks".
result<std::string> checked_task(const context& c, const schema::allocation& alloc) {
  auto named = task_named(c);
  if (named.empty()) return named;
  return choose_task(alloc, named);
}

api_request to_node(const schema::allocation& alloc, std::string_view what, value::object body) {
  return {.method = "PUT",
          .path = fmt::format("/v1/client/allocation/{}/{}", path_word(alloc.id), what),
          .body = codec::value_to_json(value(std::move(body))),
          .namespace_ = alloc.namespace_};
}

constexpr flag_spec restart_flags[] = {
    {"all-tasks", flag_kind::boolean, "Every task, those that have ended too."}, {"task", flag_kind::text, "This task alone."}, verbose_flag};

result<int> run_restart(context& c) {
  if (c.arguments.empty() || c.arguments.size() > 2) return c.misused("This command takes one or two arguments: <allocation> [<task>]");
  TRY_ASSIGN(auto alloc, find_alloc(c, c.arguments[0]));
  TRY_ASSIGN(auto task, checked_task(c, alloc));
  if (c.flags.on("all-tasks") && !task.empty()) return c.misused("The -all-tasks option is not allowed when restarting a specific task.");
  value::object body;
  body.append("TaskName", task);
  body.append("AllTasks", c.flags.on("all-tasks"));
  auto done = c.api.send(to_node(alloc, "restart", std::move(body)));
  if (!done) return context::failed("restarting allocation", done.error());
  return 0;
}

constexpr flag_spec signal_flags[] = {
    {"s", flag_kind::text, "The signal: SIGKILL unless another is named."}, {"task", flag_kind::text, "This task alone."}, verbose_flag};

result<int> run_signal(context& c) {
  if (c.arguments.empty() || c.arguments.size() > 2) return c.misused("This command takes up to two arguments: <allocation> [<task>]");
  TRY_ASSIGN(auto alloc, find_alloc(c, c.arguments[0]));
  TRY_ASSIGN(auto task, checked_task(c, alloc));
  value::object body;
  body.append("Task", task);
  body.append("Signal", c.flags.has("s") ? c.flags.text("s") : std::string("SIGKILL"));
  auto done = c.api.send(to_node(alloc, "signal", std::move(body)));
  if (!done) return context::failed("signalling allocation", done.error());
  return 0;
}

constexpr flag_spec pause_flags[] = {{"state", flag_kind::text, "\"pause\" (default), \"run\" whatever the schedule says, or \"scheduled\": as that says."},
                                     {"status", flag_kind::boolean, "Print how it is and change nothing."},
                                     {"task", flag_kind::text, "This task alone."},
                                     verbose_flag};

result<int> run_pause(context& c) {
  if (c.arguments.empty() || c.arguments.size() > 2) return c.misused("This command takes up to two arguments: <alloc-id> <task>");
  auto state = c.flags.has("state") ? c.flags.text("state") : std::string("pause");
  if (state != "pause" && state != "run" && state != "scheduled")
    return fail(errc::invalid, "Pause action must be one of \"pause\", \"run\", or \"scheduled\" but got \"{}\"", state);
  TRY_ASSIGN(auto alloc, find_alloc(c, c.arguments[0]));
  TRY_ASSIGN(auto task, checked_task(c, alloc));
  if (c.flags.on("status")) {
    api_request ask{.path = fmt::format("/v1/client/allocation/{}/pause", path_word(alloc.id)), .query = {{"task", task}}, .namespace_ = alloc.namespace_};
    auto now = c.api.get<schema::alloc_get_pause_state_response>(std::move(ask));
    if (!now) return context::failed("getting task pause state", now.error());
    c.say(fmt::format("Pause state: \"{}\"", now->schedule_state));
    return 0;
  }
  value::object body;
  body.append("Task", task);
  body.append("ScheduleState", state);
  auto done = c.api.send(to_node(alloc, "pause", std::move(body)));
  if (!done) return context::failed("setting pause state", done.error());
  return 0;
}

constexpr flag_spec stop_flags[] = {
    detach_flag, {"no-shutdown-delay", flag_kind::boolean, "Do not wait for the shutdown delays of group and tasks."}, verbose_flag};

result<int> run_stop(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <allocation>");
  TRY_ASSIGN(auto alloc, find_alloc(c, c.arguments[0]));
  api_request ask{.method = "PUT", .path = fmt::format("/v1/allocation/{}/stop", path_word(alloc.id)), .namespace_ = alloc.namespace_};
  if (c.flags.on("no-shutdown-delay")) ask.query.emplace_back("no_shutdown_delay", "true");
  auto done = c.api.get<schema::alloc_stop_response>(std::move(ask));
  if (!done) return context::failed("stopping allocation", done.error());
  if (c.flags.on("detach")) {
    c.say(done->eval_id);
    return 0;
  }
  c.api.set_namespace(alloc.namespace_);
  return monitor_evaluation(c, done->eval_id);
}

constexpr flag_spec checks_flags[] = {json_flag, template_flag, verbose_flag};

result<int> run_checks(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <allocation>");
  TRY_ASSIGN(auto alloc, find_alloc(c, c.arguments[0]));
  auto answer = c.api.send({.path = fmt::format("/v1/client/allocation/{}/checks", path_word(alloc.id)), .namespace_ = alloc.namespace_});
  if (!answer) return context::failed("querying allocation checks", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto checks, (api_client::decode<std::map<std::string, schema::alloc_check_status>>(answer->body)));
  c.say(format::check_blocks(checks));
  return 0;
}

}  // namespace

const command alloc_restart = {.name = "alloc restart",
                               .synopsis = "Restart the tasks of an allocation in place",
                               .usage = "[options] <allocation> [<task>]",
                               .help = "Restarts the running tasks, or the one named, on the node where they are.",
                               .flags = restart_flags,
                               .run = &run_restart};
const command alloc_signal = {.name = "alloc signal",
                              .synopsis = "Send a signal to tasks",
                              .usage = "[options] <allocation> [<task>]",
                              .help = "Sends a signal to the tasks of an allocation, or to the one named.",
                              .flags = signal_flags,
                              .run = &run_signal};
const command alloc_pause = {
    .name = "alloc pause",
    .synopsis = "Pause a running task, or let it run, whatever its schedule says",
    .usage = "[options] <allocation> [<task>]",
    .help = "A paused task is ended as if it were stopped, and waits. All tasks of the allocation unless one is named.",
    .flags = pause_flags,
    .run = &run_pause,
};

const command alloc_stop = {.name = "alloc stop",
                            .synopsis = "Stop an allocation and place another",
                            .usage = "[options] <allocation>",
                            .help = "Stops the allocation; the scheduler replaces it. To stop for good, stop its job.",
                            .flags = stop_flags,
                            .run = &run_stop};
const command alloc_checks = {.name = "alloc checks",
                              .synopsis = "Show the service checks of an allocation",
                              .usage = "[options] <allocation>",
                              .help = "The latest outcome of every check of services that the cluster itself keeps.",
                              .flags = checks_flags,
                              .run = &run_checks};

}  // namespace drover::cli::commands
