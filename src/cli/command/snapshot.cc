// operator snapshot save, restore, inspect: the state of a whole cluster as a file.
#include <unistd.h>

#include "base/bytes.h"
#include "base/text.h"
#include "cli/command/all.h"
#include "cli/format/table.h"
#include "cli/job_file.h"
#include "cli/output_file.h"
#include "crypto/digest.h"
#include "server/limits.h"
#include "server/snapshot_archive.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec save_flags[] = {{"stale", flag_kind::boolean, "Any server may answer, not the leader alone: also when there is none."}};

std::string default_path() {
  auto t = now();
  auto at = to_civil(t);
  return fmt::format("nomad-state-{:04}{:02}{:02}-{}.snap", at.year, at.month, at.day, t.unix_seconds());
}

result<> check_digest(const api_answer& answer) {
  for (const auto& [name, text] : answer.headers) {
    if (!equals_ignoring_case(name, "Digest")) continue;
    auto found = "sha-256=" + base64_encode(crypto::sha256(answer.body));
    if (text != found) return fail(errc::corrupt, "the file came damaged: its digest is {} and should be {}", found, text);
  }
  return {};
}

result<int> run_save(context& c) {
  if (c.arguments.size() > 1) return c.misused("This command takes no arguments or one: <filename>");
  auto path = c.arguments.empty() ? default_path() : c.arguments[0];
  if (::access(path.c_str(), F_OK) == 0) return c.misused(fmt::format("Destination file already exists: \"{}\"", path));
  api_request ask{.path = "/v1/operator/snapshot", .any_status = true};
  if (c.flags.on("stale")) ask.query.emplace_back("stale", "true");
  auto answer = c.api.send(std::move(ask));
  if (!answer) return fail(answer.error().code(), "Failed to get snapshot file: {}", answer.error().text());
  if (answer->status != 200) return fail(errc::unknown, "Failed to get snapshot file: Unexpected response code: {} ({})", answer->status, trim(answer->body));
  if (auto whole = check_digest(*answer); !whole) return fail(errc::corrupt, "Failed to get snapshot file: {}", whole.error().text());
  // It holds every secret of the cluster.
  TRY(write_new_file(path, answer->body, 0600));
  c.say(fmt::format("State file written to {}", path));
  return 0;
}

result<int> run_restore(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <filename>");
  auto file = read_input(c.arguments[0], server::snapshot_file_bytes_max);
  if (!file) return context::failed("opening snapshot file", file.error());
  api_request ask{.method = "PUT", .path = "/v1/operator/snapshot", .body = *std::move(file)};
  ask.headers.emplace_back("Content-Type", "application/octet-stream");
  auto done = c.api.send(std::move(ask));
  if (!done) return fail(done.error().code(), "Failed to get restore snapshot: {}", done.error().text());
  c.say("Snapshot Restored");
  return 0;
}

constexpr flag_spec inspect_flags[] = {json_flag};

// The time is the last part of the id.
std::string created(const std::string& id) {
  auto dash = id.rfind('-');
  auto milliseconds = dash == std::string::npos ? std::nullopt : parse_int(std::string_view(id).substr(dash + 1));
  return milliseconds ? to_rfc3339(timestamp(*milliseconds / 1000 * 1'000'000'000)) : std::string("unknown");
}

std::string as_json(const server::snapshot_summary& summary) {
  value::list stats;
  for (const auto& each : summary.types) {
    value::object row;
    row.append("Count", each.count);
    row.append("Name", each.name);
    row.append("Sum", each.bytes);
    stats.emplace_back(std::move(row));
  }
  value::object out;
  out.append("Meta", codec::to_value(schema::view(summary.meta)));
  out.append("Stats", value(std::move(stats)));
  return codec::value_to_json(value(std::move(out)), {.pretty = true});
}

result<int> run_inspect(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <filename>");
  auto file = read_input(c.arguments[0], server::snapshot_file_bytes_max);
  if (!file) return context::failed("opening snapshot file", file.error());
  auto summary = server::inspect_archive(*file);
  if (!summary) return context::failed("inspecting snapshot", summary.error());
  if (c.flags.on("json")) {
    c.out.write(as_json(*summary));
    return 0;
  }
  format::pairs about;
  about.add("Created", created(summary->meta.id));
  about.add("ID", summary->meta.id);
  about.add("Size", format::binary_size(static_cast<uint64_t>(summary->meta.size)));
  about.add("Index", std::to_string(summary->meta.index));
  about.add("Term", std::to_string(summary->meta.term));
  about.add("Version", std::to_string(summary->meta.version));
  c.say(about.text() + "\n");
  format::table types({"Type", "Count", "Size"});
  types.when_empty("");
  uint64_t count = 0, size = 0;
  for (const auto& each : summary->types) {
    types.add({each.name, std::to_string(each.count), format::binary_size(each.bytes)});
    count += each.count;
    size += each.bytes;
  }
  types.add({"", "", ""});
  types.add({"Total", std::to_string(count), format::binary_size(size)});
  c.say(types.text());
  return 0;
}

}  // namespace

const command operator_snapshot_save = {.name = "operator snapshot save",
                                        .synopsis = "Save the state of the cluster into a file",
                                        .usage = "[options] [<filename>]",
                                        .help = "Everything that the servers replicate: jobs, nodes, variables, tokens, keys. Keep it as safe as those.",
                                        .flags = save_flags,
                                        .run = &run_save};
const command operator_snapshot_restore = {.name = "operator snapshot restore",
                                           .synopsis = "Replace the state of the cluster by a saved one",
                                           .usage = "[options] <filename>",
                                           .help = "What changed since the file was saved is lost. The file is checked as a whole before anything changes.",
                                           .flags = {},
                                           .run = &run_restore};
const command operator_snapshot_inspect = {.name = "operator snapshot inspect",
                                           .synopsis = "Show what a saved state holds",
                                           .usage = "[options] <filename>",
                                           .help = "Reads the file alone; no agent is asked.",
                                           .flags = inspect_flags,
                                           .run = &run_inspect,
                                           .local = true};

}  // namespace drover::cli::commands
