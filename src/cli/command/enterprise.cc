// Commands of Nomad's paid edition: they ask the agent as its own do, and show what it answers (501, "Nomad Enterprise only endpoint").
#include <algorithm>
#include <array>

#include "cli/command/all_more.h"

namespace drover::cli::commands {
namespace {

// What a command asks for; an argument of its own stands at the end of the path.
struct request {
  std::string_view method, path, doing;
  size_t arguments = 0;
};

enum : size_t {
  get_license,
  list_policies,
  read_policy,
  write_policy,
  remove_policy,
  list_recommendations,
  show_recommendation,
  apply_recommendations,
  dismiss_recommendations,
  utilization
};

constexpr std::array<request, 10> requests = {{
    {"GET", "/v1/operator/license", "getting license"},
    {"GET", "/v1/sentinel/policies", "listing Sentinel policies"},
    {"GET", "/v1/sentinel/policy/", "reading Sentinel policy", 1},
    {"PUT", "/v1/sentinel/policy/", "writing Sentinel policy", 2},
    {"DELETE", "/v1/sentinel/policy/", "deleting Sentinel policy", 1},
    {"GET", "/v1/recommendations", "listing recommendations"},
    {"GET", "/v1/recommendation/", "reading recommendation", 1},
    {"PUT", "/v1/recommendations/apply", "applying recommendations", 1},
    {"PUT", "/v1/recommendations/apply", "dismissing recommendations", 1},
    {"POST", "/v1/operator/utilization", "generating bundle"},
}};

template <size_t which>
result<int> run(context& c) {
  const auto& ask = requests[which];
  if (c.arguments.size() < ask.arguments) return c.misused(fmt::format("This command takes {} argument{}", ask.arguments, ask.arguments == 1 ? "" : "s"));
  std::string path(ask.path);
  if (path.ends_with('/')) path += path_word(c.arguments[0]);
  auto answer = c.api.send({.method = std::string(ask.method), .path = std::move(path), .body = ask.method == "GET" ? "" : "{}"});
  if (!answer) return context::failed(ask.doing, answer.error());
  c.out.write(answer->body);
  return 0;
}

constexpr std::string_view paid = "A part of Nomad's paid edition: a free server refuses it.";

}  // namespace

const command license_get = {
    .name = "license get", .synopsis = "Show the license (paid edition)", .usage = "[options]", .help = paid, .flags = {}, .run = &run<get_license>};
const command operator_utilization = {.name = "operator utilization",
                                      .synopsis = "Make a report of use (paid edition)",
                                      .usage = "[options]",
                                      .help = paid,
                                      .flags = {},
                                      .run = &run<utilization>};
const command sentinel_list = {
    .name = "sentinel list", .synopsis = "List Sentinel policies (paid edition)", .usage = "[options]", .help = paid, .flags = {}, .run = &run<list_policies>};
const command sentinel_read = {.name = "sentinel read",
                               .synopsis = "Show a Sentinel policy (paid edition)",
                               .usage = "[options] <name>",
                               .help = paid,
                               .flags = {},
                               .run = &run<read_policy>};
const command sentinel_apply = {.name = "sentinel apply",
                                .synopsis = "Write a Sentinel policy (paid edition)",
                                .usage = "[options] <name> <file>",
                                .help = paid,
                                .flags = {},
                                .run = &run<write_policy>};
const command sentinel_delete = {.name = "sentinel delete",
                                 .synopsis = "Delete a Sentinel policy (paid edition)",
                                 .usage = "[options] <name>",
                                 .help = paid,
                                 .flags = {},
                                 .run = &run<remove_policy>};
const command recommendation_list = {.name = "recommendation list",
                                     .synopsis = "List recommendations (paid edition)",
                                     .usage = "[options]",
                                     .help = paid,
                                     .flags = {},
                                     .run = &run<list_recommendations>};
const command recommendation_info = {.name = "recommendation info",
                                     .synopsis = "Show a recommendation (paid edition)",
                                     .usage = "[options] <id>",
                                     .help = paid,
                                     .flags = {},
                                     .run = &run<show_recommendation>};
const command recommendation_apply = {.name = "recommendation apply",
                                      .synopsis = "Apply recommendations (paid edition)",
                                      .usage = "[options] <id> ...",
                                      .help = paid,
                                      .flags = {},
                                      .run = &run<apply_recommendations>};
const command recommendation_dismiss = {.name = "recommendation dismiss",
                                        .synopsis = "Dismiss recommendations (paid edition)",
                                        .usage = "[options] <id> ...",
                                        .help = paid,
                                        .flags = {},
                                        .run = &run<dismiss_recommendations>};

}  // namespace drover::cli::commands
