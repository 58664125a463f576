// job inspect: the job as the servers have it.
#include "base/text.h"
#include "cli/command/all.h"
#include "cli/resolve.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec flags[] = {
    {"version", flag_kind::text, "This version instead of the current one."},
    {"hcl", flag_kind::boolean, "The job file as it was submitted."},
    {"with-vars", flag_kind::boolean, "With -hcl: the values of its variables too."},
    json_flag,
    template_flag,
};

result<int> submitted(context& c, const job_name& name) {
  api_request ask{.path = "/v1/job/" + path_word(name.id) + "/submission", .namespace_ = name.namespace_};
  auto version = c.flags.text("version");
  if (version.empty()) {
    auto job = c.api.get<schema::job>(api_request{.path = "/v1/job/" + path_word(name.id), .namespace_ = name.namespace_});
    if (!job) return context::failed("inspecting job", job.error());
    version = std::to_string(job->version);
  }
  ask.query.emplace_back("version", version);
  auto submission = c.api.get<schema::job_submission>(std::move(ask));
  if (!submission) return context::failed("inspecting job", submission.error());
  if (c.flags.on("with-vars")) {
    for (const auto& [key, text] : submission->variable_flags) c.say(fmt::format("{} = {}", key, text));
    if (!submission->variables.empty()) c.say(submission->variables);
  }
  c.out.write(submission->source);
  return 0;
}

result<value> version_of(context& c, const job_name& name, uint64_t wanted) {
  auto answer = c.api.send({.path = "/v1/job/" + path_word(name.id) + "/versions", .namespace_ = name.namespace_});
  if (!answer) return context::failed("retrieving job versions", answer.error());
  TRY_ASSIGN(auto body, codec::value_from_json(answer->body));
  const auto* versions = body.find("Versions");
  if (versions != nullptr && versions->as_list() != nullptr)
    for (const auto& job : *versions->as_list())
      if (const auto* n = job.find("Version"); n != nullptr && n->as_int() != nullptr && *n->as_int() == static_cast<int64_t>(wanted)) return job;
  return fail(errc::not_found, "job \"{}\" has no version {}", name.id, wanted);
}

result<int> run(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <job>");
  TRY_ASSIGN(auto name, resolve_job(c, c.arguments[0]));
  if (c.flags.on("hcl")) return submitted(c, name);
  value job;
  if (auto text = c.flags.text("version"); !text.empty()) {
    auto wanted = parse_uint(text);
    if (!wanted) return fail(errc::invalid, "Error parsing version value \"{}\": it must be a whole number", text);
    TRY_ASSIGN(job, version_of(c, name, *wanted));
  } else {
    auto answer = c.api.send({.path = "/v1/job/" + path_word(name.id), .namespace_ = name.namespace_});
    if (!answer) return context::failed("inspecting job", answer.error());
    TRY_ASSIGN(job, codec::value_from_json(answer->body));
  }
  if (c.wants_raw()) return c.raw(codec::value_to_json(job));
  value::object out;
  out.append("Job", std::move(job));
  c.out.write(codec::value_to_json(value(std::move(out)), {.pretty = true}));
  return 0;
}

}  // namespace

const command job_inspect = {
    .name = "job inspect",
    .synopsis = "Print a job as JSON",
    .usage = "[options] <job>",
    .help = "The whole job as the servers have it, in the form that `job run -json` takes.",
    .flags = flags,
    .run = &run,
};

}  // namespace drover::cli::commands
