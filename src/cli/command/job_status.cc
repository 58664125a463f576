// job status: the list of jobs, or one of them.
#include <algorithm>

#include "cli/command/all.h"
#include "cli/format/job.h"
#include "cli/next_launch.h"
#include "cli/resolve.h"
#include "schema/explain.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec flags[] = {
    {"short", flag_kind::boolean, "The first block alone."},
    {"evals", flag_kind::boolean, "Show the job's evaluations."},
    {"all-allocs", flag_kind::boolean, "Show allocations of an earlier job of the same name too."},
    json_flag,
    template_flag,
    verbose_flag,
};

bool has_queued(const format::job_view& view) {
  if (!view.summary) return false;
  return std::any_of(view.summary->summary.begin(), view.summary->summary.end(), [](const auto& group) { return group.second.queued > 0; });
}

// One line of what `job explain` says. A server that cannot explain is no reason to fail.
std::string why_it_waits(context& c, const job_name& name) {
  auto said = c.api.get<schema::job_explanation>({.path = "/v1/job/" + path_word(name.id) + "/explain", .namespace_ = name.namespace_});
  if (!said) return {};
  for (const auto& group : said->groups)
    if (group.sentences.size() > 1) return fmt::format("{} {} (\"drover job explain {}\" says more.)", group.sentences[0], group.sentences[1], name.id);
  return {};
}

// What tools read of several jobs: one entry each.
result<int> raw_status(context& c, const std::vector<job_name>& names) {
  std::string text = "[";
  for (const auto& name : names) {
    auto path = "/v1/job/" + path_word(name.id);
    std::vector<api_request> asked;
    for (auto part : {"/summary", "/allocations", "/deployment", "/evaluations"}) asked.push_back({.path = path + part, .namespace_ = name.namespace_});
    if (c.flags.on("all-allocs")) asked[1].query.emplace_back("all", "true");
    auto answers = c.api.send_all(std::move(asked));
    constexpr std::string_view keys[] = {"Summary", "Allocations", "LatestDeployment", "Evaluations"};
    constexpr std::string_view parts[] = {"job summary", "job allocations", "latest job deployment", "job evaluations"};
    text += text.size() > 1 ? ",{" : "{";
    for (size_t i = 0; i < answers.size(); ++i) {
      if (!answers[i]) return context::failed(fmt::format("querying {}", parts[i]), answers[i].error());
      text += fmt::format("{}\"{}\":{}", i > 0 ? "," : "", keys[i], answers[i]->body);
    }
    text += "}";
  }
  return c.raw(text + "]");
}

result<int> list(context& c) {
  auto answer = c.api.send({.path = "/v1/jobs"});
  if (!answer) return context::failed("querying jobs", answer.error());
  TRY_ASSIGN(auto jobs, api_client::decode<std::vector<schema::job_list_stub>>(answer->body));
  if (c.wants_raw()) {
    std::vector<job_name> names;
    for (const auto& each : jobs) names.push_back({.id = each.id, .namespace_ = each.namespace_});
    return raw_status(c, names);
  }
  c.say(format::job_list(jobs, c.api.options().namespace_ == "*"));
  return 0;
}

result<int> run(context& c) {
  if (c.arguments.size() > 1) return c.misused("This command takes either no arguments or one: <job>");
  if (c.arguments.empty()) return list(c);
  TRY_ASSIGN(auto name, resolve_job(c, c.arguments[0]));
  auto path = "/v1/job/" + path_word(name.id);
  auto ask = [&](std::string_view part) { return api_request{.path = path + std::string(part), .namespace_ = name.namespace_}; };
  std::vector<api_request> asked = {ask(""), ask("/summary"), ask("/allocations"), ask("/evaluations"), ask("/deployment")};
  if (c.flags.on("all-allocs")) asked[2].query.emplace_back("all", "true");
  if (c.wants_raw()) return raw_status(c, {name});
  if (c.flags.on("short")) asked.resize(1);
  auto answers = c.api.send_all(std::move(asked));
  if (!answers[0]) return context::failed("querying job", answers[0].error());
  TRY_ASSIGN(auto job, api_client::decode<schema::job>(answers[0]->body));
  format::job_view view{.job = job, .short_form = c.flags.on("short"), .with_evals = c.flags.on("evals")};
  if (!view.short_form) {
    for (auto& answer : answers)
      if (!answer && answer.error().code() != errc::not_found) return context::failed("querying job", answer.error());
    if (answers[1]) view.summary = api_client::decode<schema::job_summary>(answers[1]->body).value_or(schema::job_summary{});
    if (answers[2]) {
      TRY_ASSIGN(view.allocs, api_client::decode<std::vector<schema::alloc_list_stub>>(answers[2]->body));
    }
    if (answers[3]) {
      TRY_ASSIGN(view.evals, api_client::decode<std::vector<schema::evaluation>>(answers[3]->body));
    }
    if (answers[4] && answers[4]->body != "null") {
      TRY_ASSIGN(view.latest_deployment, api_client::decode<schema::deployment>(answers[4]->body));
    }
    if (!job.stop && has_queued(view)) view.hint = why_it_waits(c, name);
    if (job.periodic && job.periodic->enabled && !job.stop) view.next_launch = next_launch_of(c, std::make_shared<const schema::job>(job));
    if (job.periodic || (job.parameterized_job && !job.dispatched)) {
      auto children =
          c.api.get<std::vector<schema::job_list_stub>>(api_request{.path = "/v1/jobs", .query = {{"prefix", job.id + "/"}}, .namespace_ = name.namespace_});
      if (!children) return context::failed("querying job", children.error());
      view.children = *std::move(children);
    }
  }
  c.say(format::job(view, c.style()));
  return 0;
}

}  // namespace

const command job_status = {
    .name = "job status",
    .synopsis = "List jobs, or show one",
    .usage = "[options] [<job>]",
    .help =
        "Without argument: every job of the namespace. With a job's id or a unique beginning of it: its groups, its latest deployment\n"
        "  and its allocations.",
    .flags = flags,
    .run = &run,
};

}  // namespace drover::cli::commands
