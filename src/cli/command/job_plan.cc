// job plan: what submitting would do.
#include "cli/format/plan.h"

#include "cli/command/all.h"
#include "cli/job_file.h"

namespace drover::cli::commands {
namespace {

constexpr int plan_failed = 255;

constexpr flag_spec flags[] = {
    {"diff", flag_kind::boolean, "Print what changes (default)."},
    {"policy-override", flag_kind::boolean, "Override soft mandatory policies."},
    {"json-output", flag_kind::boolean, "Print the API's answer as JSON."},
    template_flag,
    {"vault-namespace", flag_kind::text, "Vault namespace of the job."},
    file_json_flag,
    strict_flag,
    var_flag,
    var_file_flag,
    verbose_flag,
};

// The command line that submits exactly what was planned.
std::string submit_line(const context& c, const std::string& path, uint64_t index) {
  auto line = fmt::format("{} job run -check-index {}", c.program, index);
  if (c.flags.on("json")) line += " -json";
  for (const auto& text : c.flags.list("var")) line += fmt::format(" -var=\"{}\"", text);
  for (const auto& text : c.flags.list("var-file")) line += fmt::format(" -var-file=\"{}\"", text);
  return line + " " + path;
}

result<int> plan(context& c) {
  TRY_ASSIGN(auto file, read_job_file(c, c.arguments[0]));
  if (auto name = c.flags.text("vault-namespace"); !name.empty()) file.job.vault_namespace = name;
  schema::job_plan_request request;
  request.diff = c.flags.on("diff", true);
  request.policy_override = c.flags.on("policy-override");
  auto job = std::make_shared<const schema::job>(std::move(file.job));
  request.job = job;
  auto answer =
      c.api.send({.method = "PUT", .path = "/v1/job/" + path_word(job->id) + "/plan", .body = codec::to_json(request), .namespace_ = job->namespace_});
  if (!answer) return context::failed("during plan", answer.error());
  TRY_ASSIGN(auto response, api_client::decode<schema::job_plan_response>(answer->body));
  int code = format::plan_changes_allocations(response) ? 1 : 0;
  if (c.flags.on("json-output") || c.flags.has("t")) {
    TRY(c.raw(answer->body));
    return code;
  }
  if (!file.warnings.empty()) c.say(format::paint(format::colour::yellow, file.warnings));
  if (request.diff && response.diff) c.say(format::job_diff(*response.diff, c.verbose()));
  c.say(format::bold("Scheduler dry-run:"));
  c.say(format::dry_run(response, *job, c.style()));
  if (!response.warnings.empty()) c.say(format::paint(format::colour::yellow, fmt::format("Job Warnings:\n{}\n", response.warnings)));
  c.say(format::bold(fmt::format("Job Modify Index: {}", response.job_modify_index)));
  c.say("To submit the job with version verification run:\n");
  c.say(submit_line(c, c.arguments[0], response.job_modify_index));
  c.say("\nWith that index the job is only submitted if nobody has changed it since this plan was\nmade; otherwise what is shown above may no longer be true.");
  return code;
}

result<int> run(context& c) {
  if (c.arguments.size() != 1) {
    TRY(c.misused("This command takes one argument: <path>"));
    return plan_failed;
  }
  auto code = plan(c);
  if (code) return code;
  c.out.complain(code.error().text());
  return plan_failed;
}

}  // namespace

const command job_plan = {
    .name = "job plan",
    .synopsis = "Show what submitting a job would change",
    .usage = "[options] <path>",
    .help =
        "Compares the job file with what runs and lets the scheduler decide without doing anything. Exit code 0: no allocation would\n"
        "  come or go; 1: some would; 255: an error.",
    .flags = flags,
    .run = &run,
};

}  // namespace drover::cli::commands
