// node pool apply, delete, init, jobs, nodes.
#include "cli/command/all.h"
#include "cli/command/named.h"
#include "cli/format/job.h"
#include "cli/format/table.h"
#include "cli/job_file.h"
#include "cli/output_file.h"
#include "hcl/decode.h"
#include "hcl/parser.h"
#include "schema/eval.h"
#include "schema/node.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec apply_flags[] = {{"json", flag_kind::boolean, "The file holds the pool as JSON."}};

result<schema::node_pool> read_pool(const std::string& name, std::string text) {
  auto parsed = hcl::parse_any(name, std::move(text), hcl::argument_lines::many_a_line);
  auto problems = std::move(parsed.problems);
  hcl::decoder file(parsed.root, std::make_shared<const hcl::eval_context>(), problems);
  schema::node_pool pool;
  if (auto block = file.block("node_pool", 1)) {
    hcl::decoder d(*block, problems);
    pool.name = block->labels.front().text;
    pool.description = d.text("description").value_or("");
    if (auto ttl = d.duration("node_identity_ttl")) pool.node_identity_ttl = *ttl;
    if (auto meta = d.text_map("meta"))
      for (auto& [key, each] : *meta) pool.meta[key] = std::move(each);
    if (auto config = d.block("scheduler_config")) {
      hcl::decoder inner(*config, problems);
      auto& scheduler = pool.scheduler_configuration.emplace();
      scheduler.scheduler_algorithm = inner.text("scheduler_algorithm").value_or("");
      scheduler.memory_oversubscription_enabled = inner.boolean("memory_oversubscription_enabled");
      inner.finish();
    }
    d.finish();
  } else if (!problems.has_errors()) {
    return fail(errc::invalid, "Failed to parse input content: {} has no node_pool block", name);
  }
  file.finish();
  if (problems.has_errors()) return fail(errc::invalid, "Failed to parse input content:\n{}", problems.lines());
  return pool;
}

result<int> run_apply(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <path>");
  TRY_ASSIGN(auto text, read_input(c.arguments[0]));
  schema::node_pool pool;
  if (c.flags.on("json")) {
    TRY_ASSIGN(pool, codec::from_json<schema::node_pool>(text));
  } else {
    TRY_ASSIGN(pool, read_pool(c.arguments[0], std::move(text)));
  }
  auto done = c.api.send({.method = "PUT", .path = "/v1/node/pools", .body = codec::to_json(pool)});
  if (!done) return context::failed("applying node pool", done.error());
  c.say(fmt::format("Successfully applied node pool \"{}\"!", pool.name));
  return 0;
}

result<int> run_delete(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <node_pool>");
  auto done = c.api.send({.method = "DELETE", .path = "/v1/node/pool/" + path_word(c.arguments[0])});
  if (!done) return context::failed("deleting node pool", done.error());
  c.say(fmt::format("Successfully deleted node pool \"{}\"!", c.arguments[0]));
  return 0;
}

constexpr flag_spec init_flags[] = {{"out", flag_kind::text, "hcl (default) or json."}, {"quiet", flag_kind::boolean, "Say nothing."}};

constexpr std::string_view example_hcl = R"(node_pool "example" {
  description = "Nodes for one purpose"

  # meta is for people and tools.
  meta {
    owner = "team"
  }

  # What jobs of this pool are placed by, instead of the cluster's settings.
  # scheduler_config {
  #   scheduler_algorithm             = "spread"
  #   memory_oversubscription_enabled = true
  # }
}
)";
constexpr std::string_view example_json = R"({
    "Name": "example",
    "Description": "Nodes for one purpose",
    "Meta": {
        "owner": "team"
    }
}
)";

result<int> run_init(context& c) {
  if (c.arguments.size() > 1) return c.misused("This command takes no arguments or one: <filename>");
  auto kind = c.flags.has("out") ? c.flags.text("out") : "hcl";
  if (kind != "hcl" && kind != "json") return c.misused("Unsupported value for -out: use hcl or json");
  auto path = c.arguments.empty() ? (kind == "hcl" ? "pool.nomad.hcl" : "pool.nomad.json") : c.arguments[0];
  auto written = write_new_file(path, kind == "hcl" ? example_hcl : example_json);
  if (!written && written.error().code() == errc::exists) return fail(errc::exists, "File \"{}\" already exists", path);
  TRY(written);
  if (!c.flags.on("quiet")) c.say(fmt::format("Example node pool specification written to {}", path));
  return 0;
}

constexpr flag_spec list_flags[] = {json_flag,
                                    template_flag,
                                    verbose_flag,
                                    {"filter", flag_kind::text, "A filter expression."},
                                    {"per-page", flag_kind::number, "Size of a page."},
                                    {"page-token", flag_kind::text, "Where the page begins."}};

result<api_answer> list_of_pool(context& c, std::string_view what) {
  TRY_ASSIGN(auto pool, find_node_pool(c, c.arguments[0]));
  api_request ask{.path = fmt::format("/v1/node/pool/{}/{}", path_word(pool.name), what)};
  for (const auto& [flag, parameter] : {std::pair("filter", "filter"), std::pair("per-page", "per_page"), std::pair("page-token", "next_token")})
    if (c.flags.has(flag)) ask.query.emplace_back(parameter, c.flags.text(flag));
  auto answer = c.api.send(std::move(ask));
  if (!answer) return context::failed(fmt::format("querying {}", what), answer.error());
  return answer;
}

void say_next_page(context& c, const api_answer& answer) {
  if (answer.next_token.empty()) return;
  c.say(fmt::format("\nResults have been paginated. To get the next page run:\n\n{} {} -page-token {} {}", c.program, c.self.name, answer.next_token,
                    c.arguments[0]));
}

result<int> run_nodes(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <node-pool>");
  TRY_ASSIGN(auto answer, list_of_pool(c, "nodes"));
  if (c.wants_raw()) return c.raw(answer.body);
  TRY_ASSIGN(auto nodes, api_client::decode<std::vector<schema::node_list_stub>>(answer.body));
  format::table t({"ID", "DC", "Name", "Class", "Drain", "Eligibility", "Status"});
  auto how = c.style();
  for (const auto& n : nodes) t.add({how.id(n.id), n.datacenter, n.name, n.node_class, n.drain ? "true" : "false", n.scheduling_eligibility, n.status});
  c.say(t.empty() ? "No nodes" : t.text());
  say_next_page(c, answer);
  return 0;
}

result<int> run_jobs(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <node-pool>");
  TRY_ASSIGN(auto answer, list_of_pool(c, "jobs"));
  if (c.wants_raw()) return c.raw(answer.body);
  TRY_ASSIGN(auto jobs, api_client::decode<std::vector<schema::job_list_stub>>(answer.body));
  c.say(jobs.empty() ? "No jobs" : format::job_list(jobs, c.api.options().namespace_ == "*"));
  say_next_page(c, answer);
  return 0;
}

}  // namespace

const command node_pool_apply = {.name = "node pool apply",
                                 .synopsis = "Make or change a node pool",
                                 .usage = "[options] <path>",
                                 .help = "Makes the node pool that a file describes, or changes it. \"-\" is standard input.",
                                 .flags = apply_flags,
                                 .run = &run_apply};
const command node_pool_delete = {.name = "node pool delete",
                                  .synopsis = "Remove a node pool",
                                  .usage = "<node pool>",
                                  .help = "Removes a node pool that no node and no job uses.",
                                  .flags = {},
                                  .run = &run_delete};
const command node_pool_init = {.name = "node pool init",
                                .synopsis = "Write an example of a node pool",
                                .usage = "[options] [<filename>]",
                                .help = "Writes a file to start from, pool.nomad.hcl unless another name is given. An existing file is left alone.",
                                .flags = init_flags,
                                .run = &run_init,
                                .local = true};
const command node_pool_jobs = {.name = "node pool jobs",
                                .synopsis = "List the jobs of a node pool",
                                .usage = "[options] <node pool>",
                                .help = "The jobs that name this node pool.",
                                .flags = list_flags,
                                .run = &run_jobs};
const command node_pool_nodes = {.name = "node pool nodes",
                                 .synopsis = "List the nodes of a node pool",
                                 .usage = "[options] <node pool>",
                                 .help = "The nodes that are in this node pool.",
                                 .flags = list_flags,
                                 .run = &run_nodes};

}  // namespace drover::cli::commands
