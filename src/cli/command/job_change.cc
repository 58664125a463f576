// job revert, eval, scale, promote, periodic force, dispatch, deployments, allocs, scaling-events: small requests about one job.
#include <cstdlib>

#include "base/text.h"
#include "cli/command/all.h"
#include "cli/format/alloc.h"
#include "cli/format/deployment.h"
#include "cli/format/table.h"
#include "cli/job_file.h"
#include "cli/monitor.h"
#include "cli/resolve.h"
#include "schema/job_rpc.h"

namespace drover::cli::commands {
namespace {

std::string path_of(const job_name& name, std::string_view part) { return "/v1/job/" + path_word(name.id) + std::string(part); }

// What follows a change: its evaluation, printed or followed.
result<int> after_change(context& c, const job_name& name, const std::string& eval_id) {
  if (eval_id.empty()) return 0;
  if (c.flags.on("detach")) {
    c.say("Evaluation ID: " + eval_id);
    return 0;
  }
  c.api.set_namespace(name.namespace_);
  return monitor_evaluation(c, eval_id);
}

template <class Response>
result<Response> put(context& c, const job_name& name, std::string_view part, std::string body) {
  return c.api.get<Response>(api_request{.method = "PUT", .path = path_of(name, part), .body = std::move(body), .namespace_ = name.namespace_});
}

constexpr flag_spec follow_flags[] = {detach_flag, verbose_flag};

result<int> run_revert(context& c) {
  if (c.arguments.size() != 2) return c.misused("This command takes two arguments: <job> <version|tag>");
  TRY_ASSIGN(auto name, resolve_job(c, c.arguments[0]));
  schema::job_revert_request request;
  request.job_id = name.id;
  if (auto version = parse_uint(c.arguments[1])) {
    request.job_version = *version;
  } else {
    auto history = c.api.get<schema::job_versions_response>(api_request{.path = path_of(name, "/versions"), .namespace_ = name.namespace_});
    if (!history) return context::failed("retrieving job versions", history.error());
    bool found = false;
    for (const auto& job : history->versions)
      if (job && job->version_tag && job->version_tag->name == c.arguments[1]) {
        request.job_version = job->version;
        found = true;
      }
    if (!found) return fail(errc::not_found, "Error reverting job: \"{}\" is neither a version nor a tag of job \"{}\"", c.arguments[1], name.id);
  }
  auto done = put<schema::job_register_response>(c, name, "/revert", codec::to_json(request));
  if (!done) return context::failed("reverting job", done.error());
  return after_change(c, name, done->eval_id);
}

constexpr flag_spec eval_flags[] = {
    {"force-reschedule", flag_kind::boolean, "Replace failed allocations now, whatever their policy says."}, detach_flag, verbose_flag};

result<int> run_eval(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <job>");
  TRY_ASSIGN(auto name, resolve_job(c, c.arguments[0]));
  schema::job_evaluate_request request;
  request.job_id = name.id;
  request.eval_options.force_reschedule = c.flags.on("force-reschedule");
  auto done = put<schema::job_register_response>(c, name, "/evaluate", codec::to_json(request));
  if (!done) return context::failed("evaluating job", done.error());
  if (c.flags.on("detach")) c.say(fmt::format("Created eval ID: \"{}\" ", format::style{}.id(done->eval_id)));
  return c.flags.on("detach") ? result<int>(0) : after_change(c, name, done->eval_id);
}

constexpr flag_spec scale_flags[] = {{"check-index", flag_kind::text, "Only if the job's modify index is this one."}, detach_flag, verbose_flag};

result<int> run_scale(context& c) {
  if (c.arguments.size() < 2 || c.arguments.size() > 3) return c.misused("This command takes two or three arguments: <job> [<group>] <count>");
  auto count = parse_int(c.arguments.back());
  if (!count || *count < 0) return fail(errc::invalid, "Failed to convert count string to int: \"{}\" is no whole number from 0 on", c.arguments.back());
  TRY_ASSIGN(auto name, resolve_job(c, c.arguments[0]));
  auto group = c.arguments.size() == 3 ? c.arguments[1] : std::string();
  if (group.empty()) {
    auto job = c.api.get<schema::job>(api_request{.path = path_of(name, ""), .namespace_ = name.namespace_});
    if (!job) return context::failed("querying job", job.error());
    if (job->task_groups.size() != 1) return fail(errc::invalid, "Group name required: job \"{}\" has {} groups", name.id, job->task_groups.size());
    group = job->task_groups[0].name;
  }
  schema::job_scale_request request;
  request.count = *count;
  request.target = {{"Job", name.id}, {"Group", group}};
  request.message = "submitted using the command line";
  if (c.flags.has("check-index")) {
    auto index = parse_uint(c.flags.text("check-index"));
    if (!index) return fail(errc::invalid, "Error parsing check-index value \"{}\": it must be a whole number", c.flags.text("check-index"));
    request.enforce_index = true;
    request.job_modify_index = *index;
  }
  auto done = put<schema::job_register_response>(c, name, "/scale", codec::to_json(request));
  if (!done) return context::failed("submitting scaling request", done.error());
  if (!done->warnings.empty()) c.say(format::paint(format::colour::yellow, fmt::format("Job Warnings:\n{}\n", done->warnings)));
  if (c.flags.on("detach") || done->eval_id.empty()) c.say("Job scale successful");
  return after_change(c, name, done->eval_id);
}

constexpr flag_spec promote_flags[] = {{"group", flag_kind::list, "Only this group. May be given many times."}, detach_flag, verbose_flag};

result<int> run_promote(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <job>");
  TRY_ASSIGN(auto name, resolve_job(c, c.arguments[0]));
  auto latest = c.api.send({.path = path_of(name, "/deployment"), .namespace_ = name.namespace_});
  if (!latest) return context::failed("retrieving deployments", latest.error());
  if (latest->body == "null") return fail(errc::not_found, "Unable to find a deployment for job \"{}\"", name.id);
  TRY_ASSIGN(auto deployment, api_client::decode<schema::deployment>(latest->body));
  value::object body;
  auto groups = c.flags.list("group");
  value::list names(groups.begin(), groups.end());
  body.append("DeploymentID", deployment.id);
  body.append("All", groups.empty());
  body.append("Groups", std::move(names));
  auto done = c.api.get<schema::job_register_response>(api_request{.method = "PUT",
                                                                   .path = "/v1/deployment/promote/" + path_word(deployment.id),
                                                                   .body = codec::value_to_json(value(std::move(body))),
                                                                   .namespace_ = name.namespace_});
  if (!done) return context::failed("promoting deployment", done.error());
  return after_change(c, name, done->eval_id);
}

constexpr flag_spec list_flags[] = {{"latest", flag_kind::boolean, "The latest alone."},
                                    {"all", flag_kind::boolean, "Those of an earlier job of the same name too."},
                                    json_flag,
                                    template_flag,
                                    verbose_flag};

result<int> run_deployments(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <job>");
  TRY_ASSIGN(auto name, resolve_job(c, c.arguments[0]));
  bool latest = c.flags.on("latest");
  api_request ask{.path = path_of(name, latest ? "/deployment" : "/deployments"), .namespace_ = name.namespace_};
  if (c.flags.on("all")) ask.query.emplace_back("all", "true");
  auto answer = c.api.send(std::move(ask));
  if (!answer) return context::failed("retrieving deployments", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  if (latest) {
    if (answer->body == "null") return fail(errc::not_found, "No deployments found");
    TRY_ASSIGN(auto one, api_client::decode<schema::deployment>(answer->body));
    c.say(format::deployment(one, c.style()));
    return 0;
  }
  TRY_ASSIGN(auto list, api_client::decode<std::vector<schema::deployment>>(answer->body));
  c.say(format::deployment_list(list, c.style()));
  return 0;
}

result<int> run_allocs(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <job>");
  TRY_ASSIGN(auto name, resolve_job(c, c.arguments[0]));
  api_request ask{.path = path_of(name, "/allocations"), .namespace_ = name.namespace_};
  if (c.flags.on("all")) ask.query.emplace_back("all", "true");
  auto answer = c.api.send(std::move(ask));
  if (!answer) return context::failed("retrieving allocations", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto list, api_client::decode<std::vector<schema::alloc_list_stub>>(answer->body));
  c.say(format::allocation_list(std::move(list), c.style()));
  return 0;
}

}  // namespace

const command job_revert = {.name = "job revert",
                            .synopsis = "Make an earlier version of a job the current one",
                            .usage = "[options] <job> <version|tag>",
                            .help = "Submits the job again as it was in that version.",
                            .flags = follow_flags,
                            .run = &run_revert};
const command job_eval = {.name = "job eval",
                          .synopsis = "Let the scheduler look at a job again",
                          .usage = "[options] <job>",
                          .help = "Creates an evaluation of the job and follows it.",
                          .flags = eval_flags,
                          .run = &run_eval};
const command job_scale = {.name = "job scale",
                           .synopsis = "Change how many allocations a group has",
                           .usage = "[options] <job> [<group>] <count>",
                           .help = "Sets the count of a group; its name may be left out if the job has only one.",
                           .flags = scale_flags,
                           .run = &run_scale};
const command job_promote = {.name = "job promote",
                             .synopsis = "Promote the canaries of a job",
                             .usage = "[options] <job>",
                             .help = "Promotes the canaries of the job's latest deployment, of all groups or of those named.",
                             .flags = promote_flags,
                             .run = &run_promote};
const command job_deployments = {.name = "job deployments",
                                 .synopsis = "List the deployments of a job",
                                 .usage = "[options] <job>",
                                 .help = "Every deployment of the job that the servers still know.",
                                 .flags = list_flags,
                                 .run = &run_deployments};
const command job_allocs = {.name = "job allocs",
                            .synopsis = "List the allocations of a job",
                            .usage = "[options] <job>",
                            .help = "Every allocation of the job that the servers still know, newest first.",
                            .flags = list_flags,
                            .run = &run_allocs};

}  // namespace drover::cli::commands
