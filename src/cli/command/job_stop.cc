// job stop.
#include "cli/command/all.h"
#include "cli/monitor.h"
#include "cli/resolve.h"
#include "schema/job_rpc.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec flags[] = {
    detach_flag,
    verbose_flag,
    yes_flag,
    {"purge", flag_kind::boolean, "Remove the job from the cluster's memory at once."},
    {"global", flag_kind::boolean, "Stop a multi-region job in every region."},
    {"no-shutdown-delay", flag_kind::boolean, "Do not wait for the shutdown delays of groups and tasks."},
    {"eval-priority", flag_kind::number, "Priority of the evaluation instead of the job's."},
};

// A name that was only begun is asked back.
bool confirmed(context& c, const std::string& wanted, const std::string& found) {
  if (wanted == found || c.flags.on("yes")) return true;
  for (;;) {
    auto answer = c.out.ask(fmt::format("Are you sure you want to stop job \"{}\"? [y/N]", found));
    if (answer == "y") return true;
    if (answer.empty() || answer == "n" || answer == "N") break;
    c.say("Please answer \"y\" to stop the job, or \"n\".");
  }
  c.say("Cancelling job stop");
  return false;
}

result<int> stop_one(context& c, const std::string& wanted) {
  TRY_ASSIGN(auto name, resolve_job(c, wanted));
  if (!confirmed(c, wanted, name.id)) return 0;
  api_request ask{.method = "DELETE", .path = "/v1/job/" + path_word(name.id), .namespace_ = name.namespace_};
  for (auto flag : {"purge", "global"})
    if (c.flags.on(flag)) ask.query.emplace_back(flag, "true");
  if (c.flags.on("no-shutdown-delay")) ask.query.emplace_back("no_shutdown_delay", "true");
  if (c.flags.has("eval-priority")) ask.query.emplace_back("eval_priority", c.flags.text("eval-priority"));
  auto done = c.api.get<schema::job_deregister_response>(std::move(ask));
  if (!done) return context::failed("deregistering job", done.error());
  if (done->eval_id.empty()) return 0;  // periodic and parameterized jobs have none
  if (c.flags.on("detach")) {
    c.say(done->eval_id);
    return 0;
  }
  c.api.set_namespace(name.namespace_);
  return monitor_evaluation(c, done->eval_id);
}

result<int> run(context& c) {
  if (c.arguments.empty()) return c.misused("This command takes at least one argument: <job>");
  int worst = 0;
  auto home = c.api.options().namespace_;
  for (const auto& wanted : c.arguments) {
    c.api.set_namespace(home);
    auto code = stop_one(c, wanted);
    if (!code) c.out.complain(code.error().text());
    worst = std::max(worst, code.value_or(1));
  }
  return worst;
}

}  // namespace

const command job_stop = {
    .name = "job stop",
    .synopsis = "Stop jobs",
    .usage = "[options] <job> ...",
    .help = "Stops each job and follows until its allocations are told. A stopped job can be started again until it is garbage collected.",
    .flags = flags,
    .run = &run,
};

}  // namespace drover::cli::commands
