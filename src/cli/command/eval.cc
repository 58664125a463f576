// eval list, status, delete.
#include <algorithm>

#include "cli/command/all.h"
#include "cli/format/eval.h"
#include "cli/monitor.h"
#include "cli/resolve.h"
#include "schema/alloc_rpc.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec list_flags[] = {{"job", flag_kind::text, "Only of this job."},
                                    {"status", flag_kind::text, "Only with this status."},
                                    {"filter", flag_kind::text, "Only those for which this expression is true."},
                                    {"per-page", flag_kind::number, "At most so many."},
                                    {"page-token", flag_kind::text, "Continue where an earlier page ended."},
                                    json_flag,
                                    template_flag,
                                    verbose_flag};

result<int> run_list(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  api_request ask{.path = "/v1/evaluations"};
  static constexpr std::pair<std::string_view, std::string_view> names[] = {
      {"job", "job"}, {"status", "status"}, {"filter", "filter"}, {"per-page", "per_page"}, {"page-token", "next_token"}};
  for (const auto& [flag, parameter] : names)
    if (c.flags.has(flag)) ask.query.emplace_back(parameter, c.flags.text(flag));
  auto answer = c.api.send(std::move(ask));
  if (!answer) return context::failed("querying evaluations", answer.error());
  if (c.wants_raw()) return c.raw_newest_first(answer->body);
  TRY_ASSIGN(auto list, api_client::decode<std::vector<schema::evaluation>>(answer->body));
  std::ranges::sort(list, std::ranges::greater(), &schema::evaluation::create_index);
  c.say(format::evaluation_list(list, c.style()));
  if (!answer->next_token.empty())
    c.say(fmt::format("\nResults have been paginated. To get the next page run:\n\n{} eval list -page-token {}", c.program, answer->next_token));
  return 0;
}

constexpr flag_spec status_flags[] = {{"monitor", flag_kind::boolean, "Follow it until it ends."}, json_flag, template_flag, verbose_flag};

result<int> run_status(context& c) {
  if (c.arguments.empty() && c.wants_raw()) return run_list(c);
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <evaluation>");
  TRY_ASSIGN(auto eval, find_eval(c, c.arguments[0]));
  if (c.flags.on("monitor")) return monitor_evaluation(c, eval.id);
  api_request ask{.path = "/v1/evaluation/" + path_word(eval.id), .query = {{"related", "true"}}, .namespace_ = eval.namespace_};
  auto answer = c.api.send(ask);
  if (!answer) return context::failed("querying evaluation", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(eval, api_client::decode<schema::evaluation>(answer->body));
  ask.path += "/allocations";
  auto placed = c.api.get<std::vector<schema::alloc_list_stub>>(std::move(ask));
  if (!placed) return context::failed("querying related allocations", placed.error());
  c.say(format::evaluation(eval, *placed, c.style()));
  return 0;
}

constexpr flag_spec delete_flags[] = {{"filter", flag_kind::text, "Every evaluation for which this expression is true."}, yes_flag};

result<int> run_delete(context& c) {
  bool by_filter = c.flags.has("filter");
  if (by_filter ? !c.arguments.empty() : c.arguments.size() != 1) return c.misused("This command takes one argument: <evaluation>, or -filter");
  schema::eval_delete_request request;
  std::string what;
  if (by_filter) {
    request.filter = c.flags.text("filter");
    what = fmt::format("every evaluation that matches {}", request.filter);
  } else {
    TRY_ASSIGN(auto eval, find_eval(c, c.arguments[0]));
    request.eval_ids = {eval.id};
    what = fmt::format("evaluation \"{}\"", eval.id);
  }
  if (!c.flags.on("yes") && c.out.ask(fmt::format("Are you sure you want to delete {}? [y/N]", what)) != "y") {
    c.say("Cancelling eval deletion");
    return 0;
  }
  auto done = c.api.get<schema::eval_delete_response>(api_request{.method = "DELETE", .path = "/v1/evaluations", .body = codec::to_json(request)});
  if (!done) return context::failed("deleting evaluations", done.error());
  auto count = by_filter ? done->count : 1;
  c.say(fmt::format("Successfully deleted {} evaluation{}", count, count == 1 ? "" : "s"));
  return 0;
}

}  // namespace

const command eval_list = {.name = "eval list",
                           .synopsis = "List evaluations",
                           .usage = "[options]",
                           .help = "Every evaluation the servers still know.",
                           .flags = list_flags,
                           .run = &run_list};
const command eval_status = {.name = "eval status",
                             .synopsis = "Show an evaluation",
                             .usage = "[options] <evaluation>",
                             .help = "What started the evaluation, how it ended and what it could not place.",
                             .flags = status_flags,
                             .run = &run_status};
const command eval_delete = {.name = "eval delete",
                             .synopsis = "Delete evaluations",
                             .usage = "[options] [<evaluation>]",
                             .help = "Removes an evaluation, or all that a filter matches. The eval broker should be paused meanwhile.",
                             .flags = delete_flags,
                             .run = &run_delete};

}  // namespace drover::cli::commands
