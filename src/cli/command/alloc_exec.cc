// alloc exec: a command inside a task, with this terminal.
#include "cli/command/all.h"
#include "cli/exec_session.h"
#include "cli/resolve.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec flags[] = {
    exec_input_flag,
    exec_tty_flag,
    exec_escape_flag,
    {"task", flag_kind::text, "The task, if the allocation has several."},
    {"job", flag_kind::boolean, "The argument is a job: one of its allocations is taken."},
    {"group", flag_kind::text, "With -job: an allocation of this group."},
};

result<int> run(context& c) {
  if (c.arguments.empty()) return c.misused("An allocation ID is required");
  if (c.arguments.size() < 2) return c.misused("A command is required");
  auto terminal = exec_terminal_of(c);
  if (!terminal) return c.misused(terminal.error().text());
  result<schema::allocation> alloc = c.flags.on("job") ? find_alloc_of_job(c, c.arguments[0], c.flags.text("group")) : find_alloc(c, c.arguments[0]);
  if (!alloc) return fail(std::move(alloc).error());
  TRY_ASSIGN(auto task, choose_task(*alloc, c.flags.text("task")));
  value::list words(c.arguments.begin() + 1, c.arguments.end());
  api_request ask{.path = fmt::format("/v1/client/allocation/{}/exec", path_word(alloc->id)),
                  .query = {{"task", task}, {"command", codec::value_to_json(value(std::move(words)))}},
                  .namespace_ = alloc->namespace_};
  return run_exec_session(c, std::move(ask), *terminal);
}

}  // namespace

const command alloc_exec = {
    .name = "alloc exec",
    .synopsis = "Run a command inside a task",
    .usage = "[options] <allocation> <command> [<args>]",
    .help = "Runs the command where the task runs, with this terminal's input and output. The exit code is the command's.",
    .flags = flags,
    .run = &run,
    .stop_at_argument = true,
};

}  // namespace drover::cli::commands
