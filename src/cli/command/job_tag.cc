// job tag apply, job tag unset: names for versions of a job.
#include "base/text.h"
#include "cli/command/all.h"
#include "cli/resolve.h"
#include "schema/job_rpc.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec apply_flags[] = {{"name", flag_kind::text, "The tag."},
                                     {"description", flag_kind::text, "What to keep with it."},
                                     {"version", flag_kind::text, "The version to name: the newest unless said otherwise."}};
constexpr flag_spec unset_flags[] = {{"name", flag_kind::text, "The tag."}};

std::string tag_path(const job_name& job, const std::string& tag) { return fmt::format("/v1/job/{}/versions/{}/tag", path_word(job.id), path_word(tag)); }

result<int> run_apply(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <job>");
  auto tag = c.flags.text("name");
  if (tag.empty()) return c.misused("A version tag name must be specified using the -name flag");
  TRY_ASSIGN(auto name, resolve_job(c, c.arguments[0]));
  uint64_t version = 0;
  if (c.flags.has("version")) {
    auto given = parse_uint(c.flags.text("version"));
    if (!given) return fail(errc::invalid, "Error parsing version value \"{}\": it must be a whole number", c.flags.text("version"));
    version = *given;
  } else {
    auto newest = c.api.get<schema::job>({.path = "/v1/job/" + path_word(name.id), .namespace_ = name.namespace_});
    if (!newest) return context::failed("retrieving job", newest.error());
    version = newest->version;
  }
  value::object body;
  body.append("Description", c.flags.text("description"));
  body.append("Version", static_cast<int64_t>(version));
  auto done = c.api.send({.method = "PUT", .path = tag_path(name, tag), .body = codec::value_to_json(value(std::move(body))), .namespace_ = name.namespace_});
  if (!done) return context::failed("applying version tag", done.error());
  c.say(fmt::format("Job version {} tagged with name \"{}\"", version, tag));
  return 0;
}

result<int> run_unset(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <job>");
  auto tag = c.flags.text("name");
  if (tag.empty()) return c.misused("A version tag name must be specified using the -name flag");
  TRY_ASSIGN(auto name, resolve_job(c, c.arguments[0]));
  auto done = c.api.send({.method = "DELETE", .path = tag_path(name, tag), .namespace_ = name.namespace_});
  if (!done) return context::failed("removing version tag", done.error());
  c.say(fmt::format("Tag \"{}\" removed from job \"{}\"", tag, name.id));
  return 0;
}

}  // namespace

const command job_tag_apply = {.name = "job tag apply",
                               .synopsis = "Name a version of a job",
                               .usage = "[options] <job>",
                               .help = "A version with a tag is kept, and may be reverted to by its tag.",
                               .flags = apply_flags,
                               .run = &run_apply};
const command job_tag_unset = {.name = "job tag unset",
                               .synopsis = "Remove the tag of a version of a job",
                               .usage = "[options] <job>",
                               .help = "The version itself stays as long as it is among the newest.",
                               .flags = unset_flags,
                               .run = &run_unset};

}  // namespace drover::cli::commands
