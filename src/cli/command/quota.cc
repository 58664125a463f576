// quota apply, delete, init, inspect, list, status.
#include "base/text.h"
#include "cli/command/all_acl.h"
#include "cli/format/table.h"
#include "cli/job_file.h"
#include "cli/output_file.h"
#include "hcl/decode.h"
#include "hcl/eval.h"
#include "hcl/parser.h"
#include "schema/operator_rpc.h"

namespace drover::cli::commands {
namespace {

using schema::quota_resources;
using schema::quota_spec;

constexpr flag_spec show_flags[] = {json_flag, template_flag};
constexpr flag_spec apply_flags[] = {{"json", flag_kind::boolean, "The file is JSON, as the HTTP API has it."}};
constexpr flag_spec init_flags[] = {{"json", flag_kind::boolean, "Write JSON instead of HCL."}};

constexpr std::string_view example_hcl = R"(name        = "default-quota"
description = "Limit the shared default namespace"

# One block for each region that is limited. 0 or nothing: no limit. Below 0: nothing may run.
limit {
  region = "global"
  region_limit {
    cpu        = 2500
    memory     = 1000
    memory_max = 1000
  }
}
)";
constexpr std::string_view example_json = R"({
  "Name": "default-quota",
  "Description": "Limit the shared default namespace",
  "Limits": [
    {
      "Region": "global",
      "RegionLimit": {
        "CPU": 2500,
        "MemoryMB": 1000,
        "MemoryMaxMB": 1000
      }
    }
  ]
}
)";

quota_resources read_resources(const hcl::block_instance& block, hcl::diagnostics& problems) {
  hcl::decoder d(block, problems);
  quota_resources out;
  out.cpu = d.integer("cpu");
  out.cores = d.integer("cores");
  out.memory_mb = d.integer("memory");
  out.memory_max_mb = d.integer("memory_max");
  d.finish();
  return out;
}

result<quota_spec> read_quota(std::string name, std::string text) {
  auto parsed = hcl::parse_any(std::move(name), std::move(text), hcl::argument_lines::many_a_line);
  auto problems = std::move(parsed.problems);
  quota_spec out;
  if (!problems.has_errors()) {
    hcl::decoder d(parsed.root, std::make_shared<const hcl::eval_context>(), problems);
    out.name = d.text("name").value_or("");
    out.description = d.text("description").value_or("");
    for (const auto& block : d.blocks("limit")) {
      hcl::decoder inner(block, problems);
      auto& limit = out.limits.emplace_back();
      limit.region = inner.text("region").value_or("");
      if (auto resources = inner.block("region_limit")) limit.region_limit = read_resources(*resources, problems);
      inner.finish();
    }
    d.finish();
  }
  if (problems.has_errors()) return std::unexpected(problems.to_error());
  return out;
}

result<int> run_apply(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <input>");
  auto text = read_input(c.arguments[0]);
  if (!text) return context::failed("reading quota file", text.error());
  auto quota = c.flags.on("json") ? codec::from_json<quota_spec>(*text) : read_quota(c.arguments[0], *text);
  if (!quota) return context::failed("parsing quota specification", quota.error());
  auto done = c.api.send({.method = "PUT", .path = "/v1/quota", .body = codec::to_json(*quota)});
  if (!done) return context::failed("applying quota specification", done.error());
  c.say(fmt::format("Successfully applied quota specification \"{}\"!", quota->name));
  return 0;
}

result<int> run_delete(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <quota>");
  auto done = c.api.send({.method = "DELETE", .path = "/v1/quota/" + path_word(c.arguments[0])});
  if (!done) return context::failed("deleting quota", done.error());
  c.say(fmt::format("Successfully deleted quota \"{}\"!", c.arguments[0]));
  return 0;
}

result<int> run_init(context& c) {
  if (c.arguments.size() > 1) return c.misused("This command takes either no arguments or one: <filename>");
  bool json = c.flags.on("json");
  std::string path = c.arguments.empty() ? (json ? "spec.json" : "spec.hcl") : c.arguments[0];
  TRY(write_new_file(path, json ? example_json : example_hcl));
  c.say(fmt::format("Example quota specification written to {}", path));
  return 0;
}

result<int> run_inspect(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <quota>");
  auto answer = c.api.send({.path = "/v1/quota/" + path_word(c.arguments[0])});
  if (!answer) return context::failed("retrieving quota", answer.error());
  // With one of them it is the quota alone; for eyes, with what is used of it where.
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto quota, api_client::decode<quota_spec>(answer->body));
  auto usage = c.api.send({.path = "/v1/quota/usage/" + path_word(c.arguments[0])});
  value::object used, failed;
  for (const auto& limit : quota.limits) {
    if (!usage) failed.set(limit.region, usage.error().text());
    else {
      TRY_ASSIGN(auto shown, codec::value_from_json(usage->body));
      used.set(limit.region, std::move(shown));
    }
  }
  TRY_ASSIGN(auto spec, codec::value_from_json(answer->body));
  value::object out;
  out.append("Spec", std::move(spec));
  out.append("UsageLookupErrors", value(std::move(failed)));
  out.append("Usages", value(std::move(used)));
  c.out.write(codec::value_to_json(value(std::move(out)), {.pretty = true}));
  return 0;
}

result<int> run_list(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  auto answer = c.api.send({.path = "/v1/quotas"});
  if (!answer) return context::failed("retrieving quotas", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto list, api_client::decode<std::vector<quota_spec>>(answer->body));
  format::table t({"Name", "Description"});
  for (const auto& each : list) t.add({each.name, each.description});
  c.say(t.empty() ? "No quotas found" : t.text());
  return 0;
}

std::string used_of(std::optional<int64_t> used, std::optional<int64_t> limit) {
  auto shown = !limit || *limit == 0 ? std::string("inf") : std::to_string(std::max<int64_t>(*limit, 0));
  return fmt::format("{} / {}", used.value_or(0), shown);
}

result<int> run_status(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <quota>");
  auto answer = c.api.send({.path = "/v1/quota/" + path_word(c.arguments[0])});
  if (!answer) return context::failed("retrieving quota", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto quota, api_client::decode<quota_spec>(answer->body));
  auto usage = c.api.get<schema::quota_usage>("/v1/quota/usage/" + path_word(c.arguments[0]));
  if (!usage) return context::failed("retrieving quota usage", usage.error());
  format::pairs p;
  p.add("Name", quota.name);
  p.add("Description", quota.description);
  p.add("Limits", std::to_string(quota.limits.size()));
  format::table t({"Region", "CPU Usage", "Core Usage", "Memory Usage", "Memory Max Usage"});
  for (const auto& limit : quota.limits) {
    auto wanted = limit.region_limit.value_or(quota_resources{});
    auto found = usage->used.find(limit.region);
    auto used = found == usage->used.end() ? quota_resources{} : found->second.region_limit.value_or(quota_resources{});
    t.add({limit.region, used_of(used.cpu, wanted.cpu), used_of(used.cores, wanted.cores), used_of(used.memory_mb, wanted.memory_mb),
           used_of(used.memory_max_mb, wanted.memory_max_mb)});
  }
  c.say(p.text() + "\n\nQuota Limits\n" + t.text());
  return 0;
}

constexpr flag_spec inspect_flags[] = {json_flag, template_flag};

}  // namespace

const command quota_apply = {.name = "quota apply",
                             .synopsis = "Create or change a quota",
                             .usage = "[options] <input>",
                             .help = "The file holds one quota as HCL, or as JSON with -json; \"-\" is standard input.",
                             .flags = apply_flags,
                             .run = &run_apply};
const command quota_delete = {.name = "quota delete",
                              .synopsis = "Delete a quota",
                              .usage = "<quota>",
                              .help = "Only a quota that no namespace has can be deleted.",
                              .flags = {},
                              .run = &run_delete};
const command quota_init = {.name = "quota init",
                            .synopsis = "Write an example of a quota",
                            .usage = "[options] [<file>]",
                            .help = "Into spec.hcl unless another file is named.",
                            .flags = init_flags,
                            .run = &run_init,
                            .local = true};
const command quota_inspect = {.name = "quota inspect",
                               .synopsis = "Show a quota as JSON",
                               .usage = "[options] <quota>",
                               .help = "All of it.",
                               .flags = inspect_flags,
                               .run = &run_inspect};
const command quota_list = {
    .name = "quota list", .synopsis = "List quotas", .usage = "[options]", .help = "Every quota.", .flags = show_flags, .run = &run_list};
const command quota_status = {.name = "quota status",
                              .synopsis = "Show a quota and its use",
                              .usage = "[options] <quota>",
                              .help = "What the namespaces with this quota use of it now.",
                              .flags = show_flags,
                              .run = &run_status};

}  // namespace drover::cli::commands
