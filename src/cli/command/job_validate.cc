// job validate.
#include "cli/command/all.h"
#include "cli/job_file.h"
#include "jobspec/canonical.h"
#include "jobspec/validate.h"
#include "schema/job_rpc.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec flags[] = {
    file_json_flag, strict_flag, var_flag, var_file_flag, {"vault-namespace", flag_kind::text, "Vault namespace of the job."},
};

struct verdict {
  std::vector<std::string> errors;
  std::string warnings;
};

verdict local_verdict(schema::job job) {
  jobspec::canonicalize(job);
  auto checked = jobspec::validate(job);
  return {std::move(checked.errors), jobspec::multi_warning(checked.warnings)};
}

// The servers know drivers and limits; where none answers, the file is judged alone.
result<verdict> verdict_of(context& c, const schema::job& job) {
  schema::job_validate_request request;
  request.job = std::make_shared<const schema::job>(job);
  auto answer = c.api.get<schema::job_validate_response>(
      api_request{.method = "PUT", .path = "/v1/validate/job", .body = codec::to_json(request), .namespace_ = job.namespace_});
  if (answer) {
    verdict out{std::move(answer->validation_errors), std::move(answer->warnings)};
    if (out.errors.empty() && !answer->error.empty()) out.errors.push_back(std::move(answer->error));
    return out;
  }
  const auto code = answer.error().code();
  if (code != errc::unavailable && code != errc::io && code != errc::permission_denied) return context::failed("validating job", answer.error());
  c.say(format::paint(format::colour::yellow, "Driver configuration not validated since connection to Nomad agent couldn't be established."));
  return local_verdict(job);
}

result<int> run(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <path>");
  TRY_ASSIGN(auto file, read_job_file(c, c.arguments[0]));
  if (!file.warnings.empty()) c.say(format::paint(format::colour::yellow, file.warnings));
  TRY_ASSIGN(auto found, verdict_of(c, file.job));
  if (!found.errors.empty()) return fail(errc::invalid, "Job validation errors:\n{}", jobspec::multi_error(found.errors));
  if (!found.warnings.empty()) c.say(format::paint(format::colour::yellow, fmt::format("Job Warnings:\n{}\n", found.warnings)));
  c.say(format::paint(format::colour::green, "Job validation successful"));
  return 0;
}

}  // namespace

const command job_validate = {
    .name = "job validate",
    .synopsis = "Check a job file without submitting it",
    .usage = "[options] <path>",
    .help = "Parses the job file and checks it against every rule. Asks the servers if an agent answers.",
    .flags = flags,
    .run = &run,
};

}  // namespace drover::cli::commands
