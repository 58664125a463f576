// job history: the versions of a job.
#include "base/text.h"
#include "cli/command/all.h"
#include "cli/format/plan.h"
#include "cli/format/table.h"
#include "cli/resolve.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec flags[] = {
    {"p", flag_kind::boolean, "What each version changed."},
    {"full", flag_kind::boolean, "Each version as JSON."},
    {"version", flag_kind::text, "This version alone."},
    {"diff-version", flag_kind::text, "Compare with this version instead of the one before."},
    {"diff-tag", flag_kind::text, "Compare with the version of this tag."},
    json_flag,
    template_flag,
};

std::string version_block(const schema::job& job, const schema::job_diff* diff) {
  format::pairs p;
  p.add("Version", std::to_string(job.version));
  p.add("Stable", format::yes_no(job.stable));
  p.add("Submit Date", format::clock_time(job.submit_time));
  if (job.version_tag && !job.version_tag->name.empty()) {
    p.add("Tag Name", job.version_tag->name);
    if (!job.version_tag->description.empty()) p.add("Tag Description", job.version_tag->description);
  }
  auto out = p.text();
  if (diff != nullptr && diff->type != "None") out += "\nDiff        =\n" + std::string(trim(format::job_diff(*diff, false)));
  return out;
}

// All of them as a list, or one by itself.
result<int> raw_versions(context& c, const schema::job_versions_response& history, std::optional<uint64_t> only, const std::string& job) {
  std::string list = "[";
  for (const auto& each : history.versions) {
    if (!each) continue;
    if (only && each->version == *only) return c.raw(codec::to_json(*each));
    list += (list.size() > 1 ? "," : "") + codec::to_json(*each);
  }
  if (only) return fail(errc::not_found, "Error retrieving job version: job \"{}\" has no version {}", job, *only);
  return c.raw(list + "]");
}

result<int> run(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <job>");
  const bool diffs = c.flags.on("p");
  if (!diffs && (c.flags.has("diff-version") || c.flags.has("diff-tag"))) return fail(errc::invalid, "-diff-tag and -diff-version can only be used with -p");
  if (c.flags.has("diff-version") && c.flags.has("diff-tag")) return fail(errc::invalid, "-diff-tag and -diff-version are mutually exclusive");
  TRY_ASSIGN(auto name, resolve_job(c, c.arguments[0]));
  api_request ask{.path = "/v1/job/" + path_word(name.id) + "/versions", .namespace_ = name.namespace_};
  if (diffs) ask.query.emplace_back("diffs", "true");
  if (c.flags.has("diff-version")) ask.query.emplace_back("diff_version", c.flags.text("diff-version"));
  if (c.flags.has("diff-tag")) ask.query.emplace_back("diff_tag", c.flags.text("diff-tag"));
  auto answer = c.api.send(std::move(ask));
  if (!answer) return context::failed("retrieving job versions", answer.error());
  if (c.wants_raw() && (c.flags.on("p") || c.flags.on("full"))) return fail(errc::invalid, "-json and -t are exclusive with -p and -full");
  TRY_ASSIGN(auto history, api_client::decode<schema::job_versions_response>(answer->body));
  bool first = true;
  bool only = c.flags.has("version");
  auto wanted = parse_uint(c.flags.text("version"));
  if (only && !wanted) return fail(errc::invalid, "Error parsing version value \"{}\": it must be a whole number", c.flags.text("version"));
  if (c.wants_raw()) return raw_versions(c, history, wanted, name.id);
  for (size_t i = 0; i < history.versions.size(); i++) {
    const auto& job = history.versions[i];
    if (!job || (only && job->version != *wanted)) continue;
    if (!first) c.say("");
    first = false;
    if (c.flags.on("full")) c.out.write(codec::to_json(*job, {.pretty = true}));
    else c.say(version_block(*job, diffs && i < history.diffs.size() ? &history.diffs[i] : nullptr));
  }
  if (first && only) return fail(errc::not_found, "Error retrieving job version: job \"{}\" has no version {}", name.id, *wanted);
  return 0;
}

}  // namespace

const command job_history = {
    .name = "job history",
    .synopsis = "List the versions of a job",
    .usage = "[options] <job>",
    .help = "Every version the servers still know, newest first.",
    .flags = flags,
    .run = &run,
};

}  // namespace drover::cli::commands
