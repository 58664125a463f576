// job start: what was stopped, again, as it was.
#include "cli/command/all.h"
#include "cli/monitor.h"
#include "cli/resolve.h"
#include "schema/job_rpc.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec flags[] = {detach_flag, verbose_flag};

// The newest version that was not stopped: what is registered last is the stop itself.
result<schema::job> version_to_start(context& c, const job_name& name) {
  auto versions = c.api.get<schema::job_versions_response>({.path = "/v1/job/" + path_word(name.id) + "/versions", .namespace_ = name.namespace_});
  if (!versions) return context::failed("retrieving job versions", versions.error());
  for (const auto& each : versions->versions)
    if (!each->stop) return *each;
  if (versions->versions.empty()) return fail(errc::not_found, "job \"{}\" has no versions", name.id);
  auto job = *versions->versions.front();
  job.stop = false;
  return job;
}

result<int> start_one(context& c, const std::string& wanted) {
  TRY_ASSIGN(auto name, resolve_job(c, wanted));
  auto current = c.api.get<schema::job>({.path = "/v1/job/" + path_word(name.id), .namespace_ = name.namespace_});
  if (!current) return context::failed("querying job", current.error());
  if (!current->stop) return fail(errc::invalid, "Job \"{}\" has not been stopped and has the following status: {}", name.id, current->status);
  schema::job_register_request request;
  TRY_ASSIGN(auto job, version_to_start(c, name));
  // Its source belongs to the version that is started.
  auto source = c.api.get<schema::job_submission>(
      {.path = "/v1/job/" + path_word(name.id) + "/submission", .query = {{"version", fmt::format("{}", job.version)}}, .namespace_ = name.namespace_});
  if (source) request.submission = *std::move(source);
  request.job = std::make_shared<const schema::job>(std::move(job));
  auto done = c.api.get<schema::job_register_response>({.method = "PUT", .path = "/v1/jobs", .body = codec::to_json(request), .namespace_ = name.namespace_});
  if (!done) return context::failed("registering job", done.error());
  if (done->eval_id.empty()) {
    c.say("Job registration successful");
    return 0;
  }
  if (c.flags.on("detach")) {
    c.say(fmt::format("Job registration successful\nEvaluation ID: {}", done->eval_id));
    return 0;
  }
  c.api.set_namespace(name.namespace_);
  return monitor_evaluation(c, done->eval_id);
}

result<int> run(context& c) {
  if (c.arguments.empty()) return c.misused("This command takes one or more arguments: <job>");
  int worst = 0;
  const auto home = c.api.options().namespace_;
  for (const auto& wanted : c.arguments) {
    c.api.set_namespace(home);
    auto code = start_one(c, wanted);
    if (!code) c.out.complain(code.error().text());
    worst = std::max(worst, code.value_or(1));
  }
  return worst;
}

}  // namespace

const command job_start = {.name = "job start",
                           .synopsis = "Start a job that was stopped",
                           .usage = "[options] <job> ...",
                           .help = "Registers the newest version of each job that was not stopped again.",
                           .flags = flags,
                           .run = &run};

}  // namespace drover::cli::commands
