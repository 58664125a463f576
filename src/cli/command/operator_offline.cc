// operator raft info|logs|state, operator snapshot state|redact: what is in a server's data directory or a snapshot file. No agent is asked.
#include <filesystem>

#include "cli/command/all.h"
#include "cli/format/table.h"
#include "cli/job_file.h"
#include "cli/output_file.h"
#include "codec/json.h"
#include "raft/offline.h"
#include "server/limits.h"
#include "server/offline_state.h"
#include "server/recovery_plan.h"

namespace drover::cli::commands {
namespace {

constexpr std::string_view directory_help =
    "The path is a server's data_dir, or the server or raft directory in it. The server must not run. Nothing is changed.";

result<std::string> directory_of(const context& c) { return server::find_raft_directory(c.arguments[0]); }

result<int> run_info(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <path>");
  TRY_ASSIGN(auto directory, directory_of(c));
  TRY_ASSIGN(auto log, raft::survey(directory));
  auto first = log.first_index == 0 ? log.last_index + 1 : log.first_index;
  c.say(fmt::format("path:        {}", directory));
  c.say(fmt::format("length:      {}", log.last_index + 1 - first));
  c.say(fmt::format("first index: {}", log.first_index));
  c.say(fmt::format("last index:  {}", log.last_index));
  c.say(fmt::format("last term:   {}", log.last_term));
  c.say(fmt::format("snapshot:    {}", log.snapshot_index == 0 ? "none" : fmt::format("at index {}", log.snapshot_index)));
  for (const auto& repair : log.repairs) c.say("at the next start: " + repair);
  return 0;
}

constexpr flag_spec logs_flags[] = {{"pretty", flag_kind::boolean, "Break and indent each entry."}};

result<int> run_logs(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <path>");
  TRY_ASSIGN(auto directory, directory_of(c));
  codec::json_style style{.pretty = c.flags.on("pretty")};
  TRY(server::show_log(directory, [&](const value& entry) -> result<> {
    auto text = codec::value_to_json(entry, style);
    c.out.write(text.ends_with('\n') ? text : text + "\n");
    return {};
  }));
  return 0;
}

constexpr flag_spec state_flags[] = {{"last-index", flag_kind::number, "Show the state as it was after this entry. Without it: the last one."}};

result<int> run_state(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <path>");
  auto last = c.flags.number("last-index");
  if (last < 0) return c.misused("-last-index must not be negative");
  TRY_ASSIGN(auto directory, directory_of(c));
  TRY_ASSIGN(auto state, server::show_state(directory, static_cast<uint64_t>(last), {}));
  c.out.write(codec::value_to_json(state, {.pretty = true}));
  return 0;
}

constexpr flag_spec snapshot_state_flags[] = {{"filter", flag_kind::text, "Show only records that the expression matches, such as 'Status == \"running\"'."}};

result<int> run_snapshot_state(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <file>");
  server::state_filter filter;
  if (auto text = c.flags.text("filter"); !text.empty()) {
    auto parsed = codec::filter::parse(text);
    if (!parsed) return fail(errc::invalid, "Invalid filter expression \"{}\": {}", text, parsed.error().text());
    filter.matching = *std::move(parsed);
  }
  auto file = read_input(c.arguments[0], server::snapshot_file_bytes_max);
  if (!file) return context::failed("opening snapshot file", file.error());
  auto state = server::show_archive(*file, filter);
  if (!state) return context::failed("reading snapshot", state.error());
  c.out.write(codec::value_to_json(*state, {.pretty = true}));
  return 0;
}

result<int> run_snapshot_redact(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <file>");
  const auto& path = c.arguments[0];
  auto file = read_input(path, server::snapshot_file_bytes_max);
  if (!file) return context::failed("opening snapshot file", file.error());
  auto bare = server::redact_archive(*file);
  if (!bare) return context::failed("redacting snapshot", bare.error());
  auto beside = path + ".tmp";
  TRY(write_new_file(beside, *bare, 0600));
  std::error_code failure;
  std::filesystem::rename(beside, path, failure);
  if (failure) return fail(errc::io, "the redacted snapshot is in {}, and could not be moved to {}: {}", beside, path, failure.message());
  c.say("Snapshot redacted: " + path);
  return 0;
}

}  // namespace

const command operator_raft_info = {.name = "operator raft info",
                                    .synopsis = "Show what a stopped server's log holds",
                                    .usage = "<path to data dir>",
                                    .help = directory_help,
                                    .flags = {},
                                    .run = &run_info,
                                    .local = true};
const command operator_raft_logs = {.name = "operator raft logs",
                                    .synopsis = "Print the entries of a stopped server's log",
                                    .usage = "[options] <path to data dir>",
                                    .help = directory_help,
                                    .flags = logs_flags,
                                    .run = &run_logs,
                                    .local = true};
const command operator_raft_state = {.name = "operator raft state",
                                     .synopsis = "Print the state that a stopped server's log leads to",
                                     .usage = "[options] <path to data dir>",
                                     .help = directory_help,
                                     .flags = state_flags,
                                     .run = &run_state,
                                     .local = true};
const command operator_snapshot_state = {.name = "operator snapshot state",
                                         .synopsis = "Print the state that a snapshot file holds",
                                         .usage = "[options] <file>",
                                         .help = "One JSON object with a list for each table. Secrets are left out.",
                                         .flags = snapshot_state_flags,
                                         .run = &run_snapshot_state,
                                         .local = true};
const command operator_snapshot_redact = {
    .name = "operator snapshot redact",
    .synopsis = "Take the root keys out of a snapshot file",
    .usage = "<file>",
    .help = "The file is changed in place. It can be shown to others then; its variables cannot be read any more by anybody.",
    .flags = {},
    .run = &run_snapshot_redact,
    .local = true};

}  // namespace drover::cli::commands
