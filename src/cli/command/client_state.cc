// operator client-state: what a node agent remembers over a restart. No agent is asked, and it may run meanwhile.
#include <filesystem>

#include "cli/command/all_more.h"
#include "client/state_db.h"
#include "codec/json.h"

namespace drover::cli::commands {
namespace {

// The directory of a client's state, or the data_dir above it.
result<std::string> file_in(const std::string& directory) {
  std::error_code ignored;
  for (const auto& path : {directory + "/state.db", directory + "/client/state.db"})
    if (std::filesystem::is_regular_file(path, ignored)) return path;
  return fail(errc::not_found, "failed to open client state: open {}/state.db: no such file or directory", directory);
}

value shown(const client::stored_alloc& stored) {
  value::object tasks;
  for (const auto& [name, task] : stored.tasks) {
    value::object hooks;
    for (const auto& [hook, note] : task.hooks) hooks.append(hook, value(note));
    value::object local;
    local.append("Hooks", value(std::move(hooks)));
    value::object one;
    one.append("LocalState", value(std::move(local)));
    one.append("RemoteState", codec::to_value(schema::view(task.state)));
    one.append("DriverState", task.handle.empty() ? value() : value(task.handle));
    tasks.append(name, value(std::move(one)));
  }
  value::object out;
  out.append("Alloc", codec::to_value(schema::view(*stored.record)));
  out.append("DeployStatus", stored.health ? codec::to_value(schema::view(*stored.health)) : value());
  out.append("Tasks", value(std::move(tasks)));
  return value(std::move(out));
}

result<int> run_client_state(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <nomad-data-dir>");
  TRY_ASSIGN(auto path, file_in(c.arguments[0]));
  auto db = client::state_db::open(path);
  if (!db) return fail(errc::io, "failed to open client state: {}", db.error().text());
  auto allocs = (*db)->load();
  if (!allocs) return fail(errc::io, "failed to get allocations: {}", allocs.error().text());
  value::object all;
  for (const auto& each : *allocs) all.append(each.record->id, shown(each));
  value::object out;
  out.append("Allocations", value(std::move(all)));
  c.say(codec::value_to_json(value(std::move(out))));
  return 0;
}

}  // namespace

const command operator_client_state = {.name = "operator client-state",
                                       .synopsis = "Print what a node remembers of its allocations",
                                       .usage = "<path>",
                                       .help = "The path is a client's data_dir, or the client directory in it. Jobs stand there with their secrets.",
                                       .flags = {},
                                       .run = &run_client_state,
                                       .local = true};

}  // namespace drover::cli::commands
