// plugin status: the CSI plugins that run in the cluster.
#include <algorithm>
#include <set>

#include "base/text.h"
#include "cli/command/all.h"
#include "cli/format/alloc.h"
#include "cli/format/table.h"
#include "cli/resolve.h"
#include "schema/volume.h"

namespace drover::cli::commands {
namespace {

using stub = schema::csi_plugin_list_stub;

constexpr flag_spec status_flags[] = {
    {"type", flag_kind::text, "Type of the plugins: csi."}, {"short", flag_kind::boolean, "Without the allocations."}, json_flag, template_flag, verbose_flag,
};

std::string table_of(std::vector<stub> all) {
  std::ranges::sort(all, {}, &stub::id);
  format::table t({"ID", "Provider", "Controllers Healthy/Expected", "Nodes Healthy/Expected"});
  for (const auto& p : all)
    t.add({p.id, p.provider, fmt::format("{}/{}", p.controllers_healthy, p.controllers_expected), fmt::format("{}/{}", p.nodes_healthy, p.nodes_expected)});
  return t.text();
}

struct ability {
  bool can;
  std::string_view name;
};

std::string names_of(std::initializer_list<ability> all) {
  std::vector<std::string> out;
  for (const auto& each : all)
    if (each.can) out.emplace_back(each.name);
  std::ranges::sort(out);
  return out.empty() ? std::string() : "  " + join(out, "\n  ");
}

std::string abilities_of(const schema::csi_controller_info& i) {
  return names_of({{i.supports_create_delete, "CREATE_DELETE_VOLUME"},
                   {i.supports_attach_detach, "CONTROLLER_ATTACH_DETACH"},
                   {i.supports_list_volumes, "LIST_VOLUMES"},
                   {i.supports_get_capacity, "GET_CAPACITY"},
                   {i.supports_create_delete_snapshot, "CREATE_DELETE_SNAPSHOT"},
                   {i.supports_list_snapshots, "LIST_SNAPSHOTS"},
                   {i.supports_clone, "CLONE_VOLUME"},
                   {i.supports_read_only_attach, "ATTACH_READONLY"},
                   {i.supports_expand, "EXPAND_VOLUME"},
                   {i.supports_list_volumes_attached_nodes, "LIST_VOLUMES_PUBLISHED_NODES"},
                   {i.supports_condition, "VOLUME_CONDITION"},
                   {i.supports_get, "GET_VOLUME"}});
}

std::string abilities_of(const schema::csi_info& node) {
  const auto& i = *node.node_info;
  return names_of({{node.requires_topologies, "VOLUME_ACCESSIBILITY_CONSTRAINTS"},
                   {i.requires_node_stage_volume, "STAGE_UNSTAGE_VOLUME"},
                   {i.supports_stats, "GET_VOLUME_STATS"},
                   {i.supports_expand, "EXPAND_VOLUME"},
                   {i.supports_condition, "VOLUME_CONDITION"}});
}

// What the first of each kind can do, and from where what is stored can be reached.
std::string details_of(const schema::csi_plugin& p) {
  std::string out;
  auto add = [&](std::string_view title, const std::string& text) {
    if (!text.empty()) out += fmt::format("\n\n{}\n{}", title, text);
  };
  auto controller = std::ranges::find_if(p.controllers, [](const auto& each) { return each.second.controller_info.has_value(); });
  if (controller != p.controllers.end()) add("Controller Capabilities", abilities_of(*controller->second.controller_info));
  auto node = std::ranges::find_if(p.nodes, [](const auto& each) { return each.second.node_info.has_value(); });
  if (node != p.nodes.end()) add("Node Capabilities", abilities_of(node->second));
  format::table t({"Node ID", "Accessible Topology"});
  for (const auto& [id, info] : p.nodes) {
    if (!info.node_info || !info.node_info->accessible_topology) continue;
    std::vector<std::string> segments;
    for (const auto& [key, text] : info.node_info->accessible_topology->segments) segments.push_back(key + "=" + text);
    t.add({id.substr(0, 8), join(segments, ",")});
  }
  if (!t.empty()) add("Accessible Topologies", t.text());
  return out;
}

std::string shown(const schema::csi_plugin& p, const format::style& how, bool brief) {
  format::pairs out;
  out.add("ID", p.id);
  out.add("Provider", p.provider);
  out.add("Version", p.version);
  out.add("Controllers Healthy", std::to_string(p.controllers_healthy));
  out.add("Controllers Expected", std::to_string(p.controllers_expected));
  out.add("Nodes Healthy", std::to_string(p.nodes_healthy));
  out.add("Nodes Expected", std::to_string(p.nodes_expected));
  if (brief) return out.text();
  auto text = out.text();
  if (how.verbose) text += details_of(p);
  return text + "\n\nAllocations\n" + (p.allocations.empty() ? "No allocations placed" : format::allocation_list(p.allocations, how, false));
}

result<int> run_status(context& c) {
  if (c.arguments.size() > 1) return c.misused("This command takes either no arguments or one: <plugin>");
  if (auto type = c.flags.has("type") ? c.flags.text("type") : std::string("csi"); type != "csi")
    return fail(errc::invalid, "There are plugins of type \"csi\" only, not \"{}\"", type);
  if (c.arguments.empty() && !c.wants_raw()) c.say(format::bold("Container Storage Interface"));
  auto answer = c.api.send({.path = "/v1/plugins", .query = {{"type", "csi"}}});
  if (!answer) return context::failed("querying CSI plugins", answer.error());
  if (c.arguments.empty() && c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto list, api_client::decode<std::vector<stub>>(answer->body));
  if (c.arguments.empty()) {
    if (list.empty()) c.out.complain("No CSI plugins");
    else c.say(table_of(std::move(list)));
    return 0;
  }
  std::vector<std::string> ids;
  for (const auto& p : list) ids.push_back(p.id);
  size_t at = 0;
  auto found = choose(ids, c.arguments[0], at);
  if (found == match::none) return fail(errc::not_found, "No plugins(s) with prefix or ID \"{}\" found", c.arguments[0]);
  if (found == match::many) return fail(errc::invalid, "Prefix matched multiple plugins\n\n{}", table_of(std::move(list)));
  auto one = c.api.send({.path = "/v1/plugin/csi/" + path_word(ids[at])});
  if (!one) return context::failed("querying plugin", one.error());
  if (c.wants_raw()) return c.raw(one->body);
  TRY_ASSIGN(auto plugin, api_client::decode<schema::csi_plugin>(one->body));
  c.say(shown(plugin, c.style(), c.flags.on("short")));
  return 0;
}

}  // namespace

const command plugin_status = {
    .name = "plugin status",
    .synopsis = "List plugins, or show one",
    .usage = "[options] [<plugin>]",
    .help = "The CSI plugins that run in the cluster as tasks, and how many of each are healthy. With an ID: its allocations.",
    .flags = status_flags,
    .run = &run_status,
};

}  // namespace drover::cli::commands
