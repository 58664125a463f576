// deployment list, status, fail, pause, resume, promote, unblock.
#include <algorithm>

#include "cli/command/all.h"
#include "cli/format/alloc.h"
#include "cli/format/colour.h"
#include "cli/format/deployment.h"
#include "cli/monitor.h"
#include "cli/resolve.h"
#include "schema/alloc_rpc.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec list_flags[] = {{"filter", flag_kind::text, "Only those for which this expression is true."}, json_flag, template_flag, verbose_flag};

result<int> run_list(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  api_request ask{.path = "/v1/deployments"};
  if (c.flags.has("filter")) ask.query.emplace_back("filter", c.flags.text("filter"));
  auto answer = c.api.send(std::move(ask));
  if (!answer) return context::failed("retrieving deployments", answer.error());
  if (c.wants_raw()) return c.raw_newest_first(answer->body);
  TRY_ASSIGN(auto list, api_client::decode<std::vector<schema::deployment>>(answer->body));
  std::ranges::sort(list, std::ranges::greater(), &schema::deployment::create_index);
  c.say(format::deployment_list(list, c.style()));
  return 0;
}

constexpr flag_spec status_flags[] = {{"monitor", flag_kind::boolean, "Follow it until it ends."},
                                      {"wait", flag_kind::duration, "Accepted for compatibility: changes are shown as they come."},
                                      json_flag,
                                      template_flag,
                                      verbose_flag};

result<int> run_status(context& c) {
  if (c.arguments.empty()) return run_list(c);
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <deployment>");
  TRY_ASSIGN(auto d, find_deployment(c, c.arguments[0]));
  if (c.wants_raw()) return c.raw(codec::to_json(d));
  if (c.flags.on("monitor")) return monitor_deployment(c, d.id);
  auto how = c.style();
  auto text = format::deployment(d, how);
  if (c.verbose()) {
    auto allocs =
        c.api.get<std::vector<schema::alloc_list_stub>>(api_request{.path = "/v1/deployment/allocations/" + path_word(d.id), .namespace_ = d.namespace_});
    if (!allocs) return context::failed("retrieving allocations", allocs.error());
    text += "\n\n" + format::bold("Allocations") + "\n" + format::allocation_list(*allocs, how);
  }
  c.say(text);
  return 0;
}

constexpr flag_spec change_flags[] = {detach_flag, verbose_flag};

// PUT /v1/deployment/<what>/<id>, then the evaluation it started.
result<int> change(context& c, std::string_view what, std::string_view doing, value::object extra, std::string_view said) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <deployment>");
  TRY_ASSIGN(auto d, find_deployment(c, c.arguments[0]));
  extra.append("DeploymentID", d.id);
  auto done = c.api.get<schema::deployment_update_response>(api_request{.method = "PUT",
                                                                        .path = fmt::format("/v1/deployment/{}/{}", what, path_word(d.id)),
                                                                        .body = codec::value_to_json(value(std::move(extra))),
                                                                        .namespace_ = d.namespace_});
  if (!done) return context::failed(doing, done.error());
  if (!said.empty()) c.say(fmt::format("Deployment \"{}\" {}", d.id, said));
  if (done->reverted_job_version) c.say(fmt::format("Job rolled back to version {}", *done->reverted_job_version));
  if (done->eval_id.empty()) return 0;
  if (c.flags.on("detach")) {
    c.say("Evaluation ID: " + done->eval_id);
    return 0;
  }
  if (!said.empty()) c.say("");
  c.api.set_namespace(d.namespace_);
  return monitor_evaluation(c, done->eval_id);
}

result<int> run_fail(context& c) { return change(c, "fail", "failing deployment", {}, "failed"); }
result<int> run_unblock(context& c) { return change(c, "unblock", "unblocking deployment", {}, "unblocked"); }
result<int> set_paused(context& c, bool pause) {
  value::object body;
  body.append("Pause", pause);
  return change(c, "pause", pause ? "pausing deployment" : "resuming deployment", std::move(body), pause ? "paused" : "resumed");
}
result<int> run_pause(context& c) { return set_paused(c, true); }
result<int> run_resume(context& c) { return set_paused(c, false); }

constexpr flag_spec promote_flags[] = {{"group", flag_kind::list, "Only this group. May be given many times."}, detach_flag, verbose_flag};

result<int> run_promote(context& c) {
  auto groups = c.flags.list("group");
  value::object body;
  body.append("All", groups.empty());
  body.append("Groups", value::list(groups.begin(), groups.end()));
  return change(c, "promote", "promoting deployment", std::move(body), "");
}

}  // namespace

const command deployment_list = {.name = "deployment list",
                                 .synopsis = "List deployments",
                                 .usage = "[options]",
                                 .help = "Every deployment the servers still know.",
                                 .flags = list_flags,
                                 .run = &run_list};
const command deployment_status = {.name = "deployment status",
                                   .synopsis = "Show a deployment",
                                   .usage = "[options] [<deployment>]",
                                   .help = "How far each group of the deployment is.",
                                   .flags = status_flags,
                                   .run = &run_status};
const command deployment_fail = {.name = "deployment fail",
                                 .synopsis = "Declare a deployment failed",
                                 .usage = "[options] <deployment>",
                                 .help = "Ends the deployment as failed; groups with auto_revert go back to the last stable version.",
                                 .flags = change_flags,
                                 .run = &run_fail};
const command deployment_pause = {.name = "deployment pause",
                                  .synopsis = "Pause a deployment",
                                  .usage = "[options] <deployment>",
                                  .help = "No further allocation is replaced until the deployment is resumed.",
                                  .flags = change_flags,
                                  .run = &run_pause};
const command deployment_resume = {.name = "deployment resume",
                                   .synopsis = "Resume a paused deployment",
                                   .usage = "[options] <deployment>",
                                   .help = "Lets a paused deployment go on.",
                                   .flags = change_flags,
                                   .run = &run_resume};
const command deployment_promote = {.name = "deployment promote",
                                    .synopsis = "Promote the canaries of a deployment",
                                    .usage = "[options] <deployment>",
                                    .help = "Promotes the canaries of all groups or of those named.",
                                    .flags = promote_flags,
                                    .run = &run_promote};
const command deployment_unblock = {.name = "deployment unblock",
                                    .synopsis = "Unblock a multi-region deployment",
                                    .usage = "[options] <deployment>",
                                    .help = "Lets a deployment end that waits for other regions.",
                                    .flags = change_flags,
                                    .run = &run_unblock};

}  // namespace drover::cli::commands
