// job action: a command that the job itself defines (an action block), inside one of its tasks, with this terminal.
#include "cli/command/all.h"
#include "cli/exec_session.h"
#include "cli/resolve.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec flags[] = {
    {"job", flag_kind::text, "The job that defines the action."},
    {"alloc", flag_kind::text, "The allocation to run it in. Without: one of -group that runs."},
    {"group", flag_kind::text, "The group that defines the action; needed without -alloc."},
    {"task", flag_kind::text, "The task that defines the action; needed without -alloc, or if the allocation has several."},
    exec_input_flag,
    exec_tty_flag,
    exec_escape_flag,
};

result<int> run(context& c) {
  if (c.arguments.empty()) return c.misused("An action name is required");
  if (c.arguments.size() > 1) return c.misused("This command takes one argument: <action>");
  auto job = c.flags.text("job"), wanted = c.flags.text("alloc"), group = c.flags.text("group"), task = c.flags.text("task");
  if (job.empty()) return c.misused("A job ID is required");
  auto terminal = exec_terminal_of(c);
  if (!terminal) return c.misused(terminal.error().text());
  if (wanted.empty() && group.empty()) return c.misused("A group name is required if no allocation is provided");
  if (wanted.empty() && task.empty()) return c.misused("A task name is required if no allocation is provided");
  auto alloc = wanted.empty() ? find_alloc_of_job(c, job, group) : find_alloc(c, wanted);
  if (!alloc) return fail(std::move(alloc).error());
  TRY_ASSIGN(task, choose_task(*alloc, task));
  // With an allocation the job is named in full, as the node compares it.
  auto job_id = wanted.empty() ? std::string(alloc->job_id) : job;
  api_request ask{.path = fmt::format("/v1/job/{}/action", path_word(job_id)),
                  .query = {{"action", c.arguments[0]}, {"allocID", alloc->id}, {"task", task}},
                  .namespace_ = alloc->namespace_};
  return run_exec_session(c, std::move(ask), *terminal);
}

}  // namespace

const command job_action = {
    .name = "job action",
    .synopsis = "Run a pre-defined action from a task",
    .usage = "[options] <action>",
    .help =
        "Runs a command that the job defines in an action block where the task runs, with this terminal's input and output. The exit code is "
        "the command's. Say either -alloc, or -group and -task: then one of the group's allocations is taken.",
    .flags = flags,
    .run = &run,
};

}  // namespace drover::cli::commands
