// alloc status.
#include "cli/command/all.h"
#include "cli/format/alloc.h"
#include "cli/resolve.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec flags[] = {
    {"short", flag_kind::boolean, "One line a task."},
    {"stats", flag_kind::boolean, "Memory and CPU of every task in detail."},
    json_flag,
    template_flag,
    verbose_flag,
};

result<int> list(context& c) {
  auto answer = c.api.send({.path = "/v1/allocations"});
  if (!answer) return context::failed("querying allocations", answer.error());
  return c.raw(answer->body);
}

result<int> run(context& c) {
  if (c.arguments.empty() && c.wants_raw()) return list(c);
  if (c.arguments.size() != 1)
    return c.misused("This command takes one of the following argument conditions:\n * A single <allocation>\n * No arguments, with output format specified");
  TRY_ASSIGN(auto alloc, find_alloc(c, c.arguments[0]));
  if (c.wants_raw()) {
    auto answer = c.api.send({.path = "/v1/allocation/" + path_word(alloc.id), .namespace_ = alloc.namespace_});
    if (!answer) return context::failed("querying allocation", answer.error());
    return c.raw(answer->body);
  }
  format::allocation_view view{.alloc = alloc, .short_form = c.flags.on("short"), .with_stats = c.flags.on("stats")};
  // What its node knows, if it runs and the node answers.
  if (alloc.client_status == "running" && !view.short_form) {
    auto path = "/v1/client/allocation/" + path_word(alloc.id);
    bool has_checks = false;
    if (alloc.job)
      for (const auto& g : alloc.job->task_groups) {
        if (g.name != alloc.task_group) continue;
        has_checks = has_checks || !g.services.empty();
        for (const auto& t : g.tasks) has_checks = has_checks || !t.services.empty();
      }
    std::vector<api_request> asked = {{.path = path + "/stats", .namespace_ = alloc.namespace_}};
    if (has_checks) asked.push_back({.path = path + "/checks", .namespace_ = alloc.namespace_});
    auto answers = c.api.send_all(std::move(asked));
    if (answers[0]) {
      if (auto usage = api_client::decode<schema::alloc_resource_usage>(answers[0]->body)) view.usage = *std::move(usage);
    } else if (view.with_stats) {
      c.out.complain(fmt::format("Couldn't retrieve stats: {}", answers[0].error().text()));
    }
    if (has_checks && answers[1]) {
      if (auto checks = api_client::decode<std::map<std::string, schema::alloc_check_status>>(answers[1]->body)) view.checks = *std::move(checks);
    }
  }
  c.say(format::allocation(view, c.style()));
  return 0;
}

}  // namespace

const command alloc_status = {
    .name = "alloc status",
    .synopsis = "Show an allocation",
    .usage = "[options] <allocation>",
    .help = "Where the allocation runs, what each task does and what happened to it lately.",
    .flags = flags,
    .run = &run,
};

}  // namespace drover::cli::commands
