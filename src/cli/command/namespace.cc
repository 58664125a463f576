// namespace list, status, apply, delete; service list, info, delete.
#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "cli/command/all.h"
#include "cli/command/named.h"
#include "cli/format/table.h"
#include "cli/job_file.h"
#include "cli/namespace_file.h"
#include "schema/node.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec show_flags[] = {json_flag, template_flag, verbose_flag};

result<int> run_list(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  auto answer = c.api.send({.path = "/v1/namespaces"});
  if (!answer) return context::failed("retrieving namespaces", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto list, api_client::decode<std::vector<schema::namespace_definition>>(answer->body));
  std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  format::table t({"Name", "Description"});
  for (const auto& n : list) t.add({n.name, n.description});
  c.say(t.empty() ? "No namespaces found" : t.text());
  return 0;
}

result<int> run_status(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <namespace>");
  TRY_ASSIGN(auto n, find_namespace(c, c.arguments[0]));
  if (c.wants_raw()) return c.raw(codec::to_json(n));
  format::pairs p;
  p.add("Name", n.name);
  p.add("Description", n.description);
  p.add("Quota", n.quota);
  const auto capabilities = n.capabilities.value_or(schema::namespace_capabilities{});
  auto all_or = [](const std::vector<std::string>& list) { return list.empty() ? "*" : join(list, ","); };
  p.add("Enabled Drivers", all_or(capabilities.enabled_task_drivers));
  p.add("Disabled Drivers", join(capabilities.disabled_task_drivers, ","));
  p.add("Enabled Network Modes", all_or(capabilities.enabled_network_modes));
  p.add("Disabled Network Modes", join(capabilities.disabled_network_modes, ","));
  auto text = p.text();
  if (!n.meta.empty()) {
    format::pairs meta;
    for (const auto& [key, value] : n.meta) meta.add(key, value);
    text += "\n\nMetadata\n" + meta.text();
  }
  c.say(text);
  return 0;
}

constexpr flag_spec inspect_flags[] = {template_flag};

result<int> run_inspect(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <namespace>");
  TRY_ASSIGN(auto n, find_namespace(c, c.arguments[0]));
  return c.raw(codec::to_json(n));
}

constexpr flag_spec apply_flags[] = {{"description", flag_kind::text, "What the namespace is for."},
                                     {"quota", flag_kind::text, "Quota of the namespace."},
                                     {"json", flag_kind::boolean, "The file holds the namespace as JSON."}};

// A name, or a file (or "-") that describes all of it.
result<schema::namespace_definition> described(context& c, const std::string& input) {
  TRY_ASSIGN(auto text, read_input(input));
  if (c.flags.has("description") || c.flags.has("quota")) c.out.complain("Flags are ignored when a file is specified!");
  auto out = c.flags.on("json") ? codec::from_json<schema::namespace_definition>(text) : parse_namespace(input, std::move(text));
  if (!out) return context::failed("parsing namespace specification", out.error());
  return out;
}

result<int> run_apply(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <input>");
  const auto& input = c.arguments[0];
  schema::namespace_definition n;
  if (std::error_code none; input == "-" || c.flags.on("json") || std::filesystem::is_regular_file(input, none)) {
    TRY_ASSIGN(n, described(c, input));
  } else {
    auto known = c.api.get<schema::namespace_definition>("/v1/namespace/" + path_word(input));
    if (known) n = *std::move(known);
    else if (known.error().code() != errc::not_found) return context::failed("looking up namespace", known.error());
    n.name = input;
    if (c.flags.has("description")) n.description = c.flags.text("description");
    if (c.flags.has("quota")) n.quota = c.flags.text("quota");
  }
  auto done = c.api.send({.method = "PUT", .path = "/v1/namespace", .body = codec::to_json(n)});
  if (!done) return context::failed("applying namespace", done.error());
  c.say(fmt::format("Successfully applied namespace \"{}\"!", n.name));
  return 0;
}

result<int> run_delete(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <namespace>");
  auto done = c.api.send({.method = "DELETE", .path = "/v1/namespace/" + path_word(c.arguments[0])});
  if (!done) return context::failed("deleting namespace", done.error());
  c.say(fmt::format("Successfully deleted namespace \"{}\"!", c.arguments[0]));
  return 0;
}

result<int> run_service_list(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  auto answer = c.api.send({.path = "/v1/services"});
  if (!answer) return context::failed("listing service registrations", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto list, api_client::decode<std::vector<schema::service_registration_list_stub>>(answer->body));
  bool all = c.api.options().namespace_ == "*";
  format::table t(all ? format::table::row{"Service Name", "Namespace", "Tags"} : format::table::row{"Service Name", "Tags"});
  t.when_empty("");
  for (const auto& n : list)
    for (const auto& s : n.services) {
      auto tags = "[" + join(s.tags, ",") + "]";
      t.add(all ? format::table::row{s.service_name, n.namespace_, tags} : format::table::row{s.service_name, tags});
    }
  c.say(t.empty() ? "No service registrations found" : t.text());
  return 0;
}

result<int> run_service_info(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <service>");
  auto answer = c.api.send({.path = "/v1/service/" + path_word(c.arguments[0])});
  if (!answer) return context::failed("listing service registrations", answer.error());
  TRY_ASSIGN(auto list, api_client::decode<std::vector<schema::service_registration>>(answer->body));
  if (list.empty()) return fail(errc::not_found, "Error listing service registrations: No service registrations with prefix \"{}\" found", c.arguments[0]);
  if (c.wants_raw()) return c.raw(answer->body);
  auto how = c.style();
  std::string text;
  if (c.verbose()) {
    for (const auto& s : list) {
      format::pairs p;
      p.add("ID", s.id);
      p.add("Service Name", s.service_name);
      p.add("Namespace", s.namespace_);
      p.add("Job ID", s.job_id);
      p.add("Alloc ID", s.alloc_id);
      p.add("Node ID", s.node_id);
      p.add("Datacenter", s.datacenter);
      p.add("Address", fmt::format("{}:{}", s.address, s.port));
      p.add("Tags", "[" + join(s.tags, ",") + "]");
      text += (text.empty() ? "" : "\n\n") + p.text();
    }
  } else {
    format::table t({"Job ID", "Address", "Tags", "Node ID", "Alloc ID"});
    for (const auto& s : list) t.add({s.job_id, fmt::format("{}:{}", s.address, s.port), "[" + join(s.tags, ",") + "]", how.id(s.node_id), how.id(s.alloc_id)});
    text = t.text();
  }
  c.say(text);
  return 0;
}

result<int> run_service_delete(context& c) {
  if (c.arguments.size() != 2) return c.misused("This command takes two arguments: <service> <registration>");
  auto done = c.api.send({.method = "DELETE", .path = fmt::format("/v1/service/{}/{}", path_word(c.arguments[0]), path_word(c.arguments[1]))});
  if (!done) return context::failed("deleting service registration", done.error());
  c.say("Successfully deleted service registration");
  return 0;
}

}  // namespace

const command namespace_list = {.name = "namespace list",
                                .synopsis = "List namespaces",
                                .usage = "[options]",
                                .help = "Every namespace the token may see.",
                                .flags = show_flags,
                                .run = &run_list};
const command namespace_inspect = {.name = "namespace inspect",
                                   .synopsis = "Print a namespace as JSON",
                                   .usage = "[options] <namespace>",
                                   .help = "The API's answer for a namespace, as JSON or through a template.",
                                   .flags = inspect_flags,
                                   .run = &run_inspect};
const command namespace_status = {.name = "namespace status",
                                  .synopsis = "Show a namespace",
                                  .usage = "[options] <namespace>",
                                  .help = "A namespace with its limits and its metadata.",
                                  .flags = show_flags,
                                  .run = &run_status};
const command namespace_apply = {
    .name = "namespace apply",
    .synopsis = "Create or change a namespace",
    .usage = "[options] <input>",
    .help =
        "The input is the path of a file (\"-\": standard input) that describes the namespace, in HCL or with -json as JSON: name, "
        "description, quota, capabilities, node_pool_config, meta. Or it is a name: then what the flags give is changed and the rest is left.",
    .flags = apply_flags,
    .run = &run_apply};
const command namespace_delete = {.name = "namespace delete",
                                  .synopsis = "Delete a namespace",
                                  .usage = "<namespace>",
                                  .help = "Only a namespace without running jobs can be deleted.",
                                  .flags = {},
                                  .run = &run_delete};
const command service_list = {.name = "service list",
                              .synopsis = "List services",
                              .usage = "[options]",
                              .help = "Every service that the cluster itself keeps.",
                              .flags = show_flags,
                              .run = &run_service_list};
const command service_info = {.name = "service info",
                              .synopsis = "Show where a service runs",
                              .usage = "[options] <service>",
                              .help = "Every instance of the service.",
                              .flags = show_flags,
                              .run = &run_service_info};
const command service_delete = {.name = "service delete",
                                .synopsis = "Remove an instance of a service",
                                .usage = "<service> <registration>",
                                .help = "Removes one registration; its id is shown by `service info -verbose`.",
                                .flags = {},
                                .run = &run_service_delete};

}  // namespace drover::cli::commands
