// node status: the list of client nodes, or one of them.
#include "cli/command/all.h"
#include "cli/format/node.h"
#include "cli/resolve.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec flags[] = {
    {"self", flag_kind::boolean, "The node of the agent that is asked."},
    {"short", flag_kind::boolean, "Fewer details."},
    {"stats", flag_kind::boolean, "How busy each CPU, memory and disk is."},
    {"allocs", flag_kind::boolean, "In the list: how many allocations run on each node."},
    {"os", flag_kind::boolean, "In the list: the operating system."},
    {"quiet", flag_kind::boolean, "In the list: ids alone."},
    {"filter", flag_kind::text, "In the list: only nodes for which this expression is true."},
    {"per-page", flag_kind::number, "In the list: at most so many."},
    {"page-token", flag_kind::text, "In the list: continue where an earlier page ended."},
    json_flag,
    template_flag,
    verbose_flag,
};

result<int> list(context& c) {
  api_request ask{.path = "/v1/nodes"};
  if (c.flags.has("filter")) ask.query.emplace_back("filter", c.flags.text("filter"));
  if (c.flags.has("per-page")) ask.query.emplace_back("per_page", c.flags.text("per-page"));
  if (c.flags.has("page-token")) ask.query.emplace_back("next_token", c.flags.text("page-token"));
  if (c.flags.on("os")) ask.query.emplace_back("os", "true");
  auto answer = c.api.send(std::move(ask));
  if (!answer) return context::failed("querying node status", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto nodes, api_client::decode<std::vector<schema::node_list_stub>>(answer->body));
  format::node_list_style style{.how = c.style(), .quiet = c.flags.on("quiet"), .with_os = c.flags.on("os")};
  if (c.flags.on("allocs")) {
    style.running.emplace();
    auto allocs = c.api.get<std::vector<schema::alloc_list_stub>>(api_request{.path = "/v1/allocations", .namespace_ = "*"});
    if (!allocs) return context::failed("querying allocations", allocs.error());
    for (const auto& a : *allocs)
      if (a.client_status == "running") (*style.running)[a.node_id]++;
  }
  c.say(format::node_list(nodes, style));
  if (!answer->next_token.empty())
    c.say(fmt::format("\nResults have been paginated. To get the next page run:\n\n{} node status -page-token {}", c.program, answer->next_token));
  return 0;
}

// What the node itself says: its host, and each allocation that runs there.
void ask_node(context& c, format::node_view& view) {
  std::vector<api_request> asked = {{.path = "/v1/client/stats", .query = {{"node_id", view.node.id}}}};
  std::vector<std::string> ids;
  for (const auto& a : view.allocs) {
    if (a.client_status != "running") continue;
    ids.push_back(a.id);
    asked.push_back({.path = "/v1/client/allocation/" + path_word(a.id) + "/stats", .namespace_ = a.namespace_});
  }
  auto answers = c.api.send_all(std::move(asked));
  if (answers[0]) {
    if (auto host = api_client::decode<schema::host_stats>(answers[0]->body)) view.host = *std::move(host);
  }
  for (size_t i = 0; i < ids.size(); i++) {
    if (!answers[i + 1]) continue;
    if (auto usage = api_client::decode<schema::alloc_resource_usage>(answers[i + 1]->body)) view.usage[ids[i]] = *std::move(usage);
  }
}

result<int> run(context& c) {
  if (c.arguments.size() > 1) return c.misused("This command takes either one or no arguments");
  bool self = c.flags.on("self");
  if (c.arguments.empty() && !self) return list(c);
  std::string wanted = self ? std::string() : c.arguments[0];
  if (self) {
    TRY_ASSIGN(wanted, own_node_id(c));
  }
  TRY_ASSIGN(auto node, find_node(c, wanted));
  if (c.wants_raw()) {
    auto answer = c.api.send({.path = "/v1/node/" + path_word(node.id)});
    if (!answer) return context::failed("querying node info", answer.error());
    return c.raw(answer->body);
  }
  format::node_view view{.node = node, .short_form = c.flags.on("short"), .with_stats = c.flags.on("stats")};
  auto allocs = c.api.get<std::vector<schema::allocation>>("/v1/node/" + path_word(node.id) + "/allocations");
  if (!allocs) return context::failed("querying node allocations", allocs.error());
  view.allocs = *std::move(allocs);
  if (!view.short_form && node.status == "ready") ask_node(c, view);
  c.say(format::node(view, c.style()));
  return 0;
}

}  // namespace

const command node_status = {
    .name = "node status",
    .synopsis = "List client nodes, or show one",
    .usage = "[options] [<node>]",
    .help = "Without argument: every node. With a node's id or a unique beginning of it: what it has, what it runs and how busy it is.",
    .flags = flags,
    .run = &run,
};

}  // namespace drover::cli::commands
