// job run: from a file to placed allocations.
#include <cstdlib>

#include "base/text.h"
#include "cli/command/all.h"
#include "cli/format/units.h"
#include "cli/job_file.h"
#include "cli/monitor.h"
#include "cli/next_launch.h"
#include "jobspec/canonical.h"
#include "schema/job_rpc.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec flags[] = {
    detach_flag,
    verbose_flag,
    {"check-index", flag_kind::text, "Submit only if the job's modify index is this one; 0: only if there is no such job."},
    {"output", flag_kind::boolean, "Print the job as JSON instead of submitting it."},
    {"preserve-counts", flag_kind::boolean, "Keep the group counts of the running job."},
    {"preserve-resources", flag_kind::boolean, "Keep the task resources of the running job."},
    {"policy-override", flag_kind::boolean, "Override soft mandatory policies."},
    {"eval-priority", flag_kind::number, "Priority of the evaluation instead of the job's."},
    file_json_flag,
    strict_flag,
    var_flag,
    var_file_flag,
    {"consul-namespace", flag_kind::text, "Consul namespace of the job."},
    {"vault-namespace", flag_kind::text, "Vault namespace of the job."},
};

// "Enforcing job modify index 1: job exists with conflicting job modify index: 9" and nothing around it; "" for any other error.
std::string conflict_of(const error& e) {
  auto text = e.text();
  auto at = text.find("Enforcing job modify index");
  if (at == std::string::npos) return {};
  auto end = text.find_first_of(")\n", at);
  return text.substr(at, end == std::string::npos ? std::string::npos : end - at);
}

result<schema::job_register_request> request_of(context& c, job_file file) {
  schema::job_register_request request;
  request.preserve_counts = c.flags.on("preserve-counts");
  request.preserve_resources = c.flags.on("preserve-resources");
  request.policy_override = c.flags.on("policy-override");
  request.eval_priority = c.flags.number("eval-priority");
  if (auto name = c.flags.text("consul-namespace"); !name.empty()) file.job.consul_namespace = name;
  if (auto name = c.flags.text("vault-namespace"); !name.empty()) file.job.vault_namespace = name;
  if (c.flags.has("check-index")) {
    auto index = parse_uint(c.flags.text("check-index"));
    if (!index) return fail(errc::invalid, "Error parsing check-index value \"{}\": it must be a whole number", c.flags.text("check-index"));
    request.enforce_index = true;
    request.job_modify_index = *index;
  }
  request.submission = std::move(file.submission);
  request.job = std::make_shared<const schema::job>(std::move(file.job));
  return request;
}

std::string approximate_launch(context& c, const schema::ref<schema::job>& job) {
  auto next = next_launch_of(c, job);
  return next.empty() ? next : "\nApproximate next launch time: " + next;
}

result<int> run(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <path>");
  TRY_ASSIGN(auto file, read_job_file(c, c.arguments[0]));
  if (c.flags.on("output")) {
    jobspec::canonicalize(file.job);
    value::object out;
    out.append("Job", codec::to_value(schema::view(file.job)));
    c.out.write(codec::value_to_json(value(std::move(out)), {.pretty = true}));
    return 0;
  }
  if (!file.warnings.empty()) c.say(format::paint(format::colour::yellow, file.warnings));
  auto job_namespace = file.job.namespace_;
  TRY_ASSIGN(auto request, request_of(c, std::move(file)));
  auto answer = c.api.send({.method = "PUT", .path = "/v1/jobs", .body = codec::to_json(request), .namespace_ = job_namespace});
  if (!answer) {
    if (auto conflict = conflict_of(answer.error()); !conflict.empty()) return fail(errc::conflict, "{}\nJob not updated", conflict);
    return context::failed("submitting job", answer.error());
  }
  TRY_ASSIGN(auto registered, api_client::decode<schema::job_register_response>(answer->body));
  if (!registered.warnings.empty()) c.say(format::paint(format::colour::yellow, fmt::format("Job Warnings:\n{}\n", registered.warnings)));
  if (request.job->periodic || request.job->parameterized_job || registered.eval_id.empty()) {
    bool launches = request.job->periodic && !request.job->parameterized_job;
    c.say("Job registration successful" + (launches ? approximate_launch(c, request.job) : ""));
    return 0;
  }
  if (c.flags.on("detach")) {
    c.say(fmt::format("Job registration successful\nEvaluation ID: {}", registered.eval_id));
    return 0;
  }
  c.api.set_namespace(job_namespace);
  return monitor_evaluation(c, registered.eval_id);
}

}  // namespace

const command job_run = {
    .name = "job run",
    .synopsis = "Submit a job, or a new version of it, and follow its placement",
    .usage = "[options] <path>",
    .help =
        "Reads the job file at <path> (\"-\": standard input), submits the job and prints what the scheduler does with it until its\n"
        "  deployment ends. Exit code 0: all is placed; 2: something could not be placed; 1: an error.",
    .flags = flags,
    .run = &run,
};

}  // namespace drover::cli::commands
