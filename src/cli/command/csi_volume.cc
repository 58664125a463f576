#include "cli/command/csi_volume.h"

#include <algorithm>

#include "base/text.h"
#include "cli/command/all.h"
#include "cli/format/alloc.h"
#include "cli/format/table.h"
#include "cli/resolve.h"
#include "schema/csi_view.h"

namespace drover::cli::commands {

using stub = schema::csi_volume_list_stub;

namespace {

std::string table_of(std::vector<stub> all) {
  std::ranges::sort(all, {}, [](const stub& v) { return std::pair(v.namespace_, v.id); });
  format::table t({"ID", "Name", "Namespace", "Plugin ID", "Schedulable", "Access Mode"});
  for (const auto& v : all) t.add({v.id, v.name, v.namespace_, v.plugin_id, v.schedulable ? "true" : "false", v.access_mode});
  return t.text();
}

std::string path_of(const stub& v) { return "/v1/volume/csi/" + path_word(v.id); }

std::string words_of(const std::map<std::string, std::string>& segments) {
  std::vector<std::string> out;
  for (const auto& [key, text] : segments) out.push_back(key + "=" + text);
  return join(out, ", ");
}

std::string options_of(const std::optional<schema::csi_mount_options>& o) {
  if (!o) return "<none>";
  std::string out;
  if (!o->fs_type.empty()) out = "fs_type: " + o->fs_type;
  if (!o->mount_flags.empty()) out += " flags: " + join(o->mount_flags, ", ");
  return out;
}

std::string shown(const schema::csi_volume_view& v, const format::style& how, bool brief) {
  format::pairs p;
  p.add("ID", v.id);
  p.add("Name", v.name);
  p.add("Namespace", v.namespace_);
  p.add("External ID", v.external_id);
  p.add("Plugin ID", v.plugin_id);
  p.add("Provider", v.provider);
  p.add("Version", v.provider_version);
  p.add("Capacity", format::binary_size(static_cast<uint64_t>(std::max<int64_t>(0, v.capacity))));
  p.add("Schedulable", v.schedulable ? "true" : "false");
  p.add("Controllers Healthy", std::to_string(v.controllers_healthy));
  p.add("Controllers Expected", std::to_string(v.controllers_expected));
  p.add("Nodes Healthy", std::to_string(v.nodes_healthy));
  p.add("Nodes Expected", std::to_string(v.nodes_expected));
  p.add("Access Mode", v.access_mode);
  p.add("Attachment Mode", v.attachment_mode);
  p.add("Mount Options", options_of(v.mount_options));
  auto text = p.text();
  if (brief) return text;
  if (!v.topologies.empty()) {
    format::table t({"Topology", "Segments"});
    for (size_t i = 0; i < v.topologies.size(); ++i) t.add({fmt::format("{:02}", i), words_of(v.topologies[i].segments)});
    text += "\n\nTopologies\n" + t.text();
  }
  format::table modes({"Access Mode", "Attachment Mode"});
  for (const auto& each : v.requested_capabilities) modes.add({each.access_mode, each.attachment_mode});
  text += "\n\nCapabilities\n" + modes.text();
  return text + "\n\nAllocations\n" + (v.allocations.empty() ? "No allocations placed" : format::allocation_list(v.allocations, how, false));
}

template <class Request, class Response>
result<std::vector<schema::ref<schema::csi_volume>>> put(context& c, std::string_view what, schema::csi_volume wanted) {
  Request request;
  // It is part of the path.
  if (wanted.id.empty()) return fail(errc::invalid, "Error {} volume: validation: missing volume id", what);
  auto path = "/v1/volume/csi/" + path_word(wanted.id) + (what == "creating" ? "/create" : "");
  request.volumes.push_back(std::make_shared<schema::csi_volume>(std::move(wanted)));
  request.policy_override = c.flags.on("policy-override");
  auto answer = c.api.send({.method = "PUT", .path = std::move(path), .body = codec::to_json(request)});
  if (!answer) return context::failed(fmt::format("{} volume", what), answer.error());
  TRY_ASSIGN(auto done, api_client::decode<Response>(answer->body));
  if (!done.warnings.empty()) c.say("Volume Warnings:\n" + done.warnings + "\n");
  return done.volumes;
}

}  // namespace

result<std::optional<stub>> find_csi_volume(context& c, const std::string& wanted) {
  auto list = c.api.get<std::vector<stub>>(api_request{.path = "/v1/volumes", .query = {{"type", "csi"}, {"prefix", wanted}}});
  if (!list) return context::failed("querying volumes", list.error());
  std::vector<std::string> ids;
  for (const auto& v : *list) ids.push_back(v.id);
  size_t at = 0;
  switch (choose(ids, wanted, at)) {
    case match::none: return std::nullopt;
    case match::many: return fail(errc::invalid, "Prefix matched multiple volumes\n\n{}", table_of(*list));
    case match::one: break;
  }
  return (*list)[at];
}

result<stub> need_csi_volume(context& c, const std::string& wanted) {
  TRY_ASSIGN(auto found, find_csi_volume(c, wanted));
  if (!found) return fail(errc::not_found, "No volume(s) with prefix or ID \"{}\" found", wanted);
  return *found;
}

result<std::map<std::string, std::string>> pairs_of_flag(context& c, std::string_view name) {
  std::map<std::string, std::string> out;
  for (const auto& pair : c.flags.list(name)) {
    auto equals = pair.find('=');
    if (equals == std::string::npos || equals == 0)
      return fail(errc::invalid, "{} must be in the format: -{} key=value", name == "secret" ? "Secret" : "Parameter", name);
    out[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return out;
}

result<std::optional<std::pair<std::string, std::string>>> csi_secrets_header(context& c) {
  TRY_ASSIGN(auto secrets, pairs_of_flag(c, "secret"));
  std::vector<std::string> parts;
  for (const auto& [key, text] : secrets) parts.push_back(key + "=" + text);
  if (parts.empty()) return std::nullopt;
  return std::pair<std::string, std::string>("X-Nomad-CSI-Secrets", join(parts, ","));
}

result<int> create_csi_volume(context& c, schema::csi_volume wanted) {
  TRY_ASSIGN(auto made, (put<schema::csi_volume_create_request, schema::csi_volume_create_response>(c, "creating", std::move(wanted))));
  for (const auto& v : made) c.say(fmt::format("Created external volume {} with ID {}", v->external_id, v->id));
  return 0;
}

result<int> register_csi_volume(context& c, schema::csi_volume wanted) {
  TRY_ASSIGN(auto made, (put<schema::csi_volume_register_request, schema::csi_volume_register_response>(c, "registering", std::move(wanted))));
  for (const auto& v : made) c.say(fmt::format("Volume \"{}\" registered", v->id));
  return 0;
}

result<int> delete_csi_volume(context& c, const stub& found) {
  api_request ask{.method = "DELETE", .path = path_of(found) + "/delete", .namespace_ = found.namespace_};
  TRY_ASSIGN(auto secrets, csi_secrets_header(c));
  if (secrets) ask.headers.push_back(*secrets);
  if (auto done = c.api.send(std::move(ask)); !done) return context::failed("deleting volume", done.error());
  c.say(fmt::format("Successfully deleted volume \"{}\"!", found.id));
  return 0;
}

result<int> list_csi_volumes(context& c) {
  api_request ask{.path = "/v1/volumes", .query = {{"type", "csi"}}};
  if (c.flags.has("node")) {
    TRY_ASSIGN(auto node, find_node(c, c.flags.text("node")));
    ask.query.emplace_back("node_id", node.id);
  }
  if (c.flags.has("filter")) ask.query.emplace_back("filter", c.flags.text("filter"));
  if (c.flags.has("per-page")) ask.query.emplace_back("per_page", c.flags.text("per-page"));
  if (c.flags.has("page-token")) ask.query.emplace_back("next_token", c.flags.text("page-token"));
  if (!c.wants_raw()) c.say(format::bold("Container Storage Interface"));
  auto answer = c.api.send(std::move(ask));
  if (!answer) return context::failed("querying CSI volumes", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto list, api_client::decode<std::vector<stub>>(answer->body));
  if (list.empty()) c.out.complain("No CSI volumes");
  else c.say(table_of(std::move(list)));
  if (!answer->next_token.empty())
    c.say(fmt::format("\nResults have been paginated. To get the next page run:\n\n{} volume status -type csi -page-token {}", c.program, answer->next_token));
  return 0;
}

result<int> show_csi_volume(context& c, const stub& found) {
  auto answer = c.api.send({.path = path_of(found), .namespace_ = found.namespace_});
  if (!answer) return context::failed("querying volume", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto v, api_client::decode<schema::csi_volume_view>(answer->body));
  c.say(shown(v, c.style(), c.flags.on("short")));
  return 0;
}

namespace {

constexpr flag_spec deregister_flags[] = {{"force", flag_kind::boolean, "Forget it although allocations that have ended still claim it."}};

result<int> run_deregister(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <id>");
  TRY_ASSIGN(auto found, need_csi_volume(c, c.arguments[0]));
  api_request ask{.method = "DELETE", .path = path_of(found), .namespace_ = found.namespace_};
  if (c.flags.on("force")) ask.query.emplace_back("force", "true");
  if (auto done = c.api.send(std::move(ask)); !done) return context::failed("deregistering volume", done.error());
  c.say(fmt::format("Successfully deregistered volume \"{}\"!", found.id));
  return 0;
}

result<int> run_detach(context& c) {
  if (c.arguments.size() != 2) return c.misused("This command takes two arguments: <vol id> <node id>");
  TRY_ASSIGN(auto found, need_csi_volume(c, c.arguments[0]));
  // A node that is gone from the state may still be in a claim: then its whole id is given.
  auto node = find_node(c, c.arguments[1]);
  api_request ask{
      .method = "DELETE", .path = path_of(found) + "/detach", .query = {{"node", node ? node->id : c.arguments[1]}}, .namespace_ = found.namespace_};
  if (auto done = c.api.send(std::move(ask)); !done) return context::failed("detaching volume", done.error());
  return 0;
}

}  // namespace

const command volume_deregister = {
    .name = "volume deregister",
    .synopsis = "Forget a CSI volume",
    .usage = "[options] <id>",
    .help = "What the storage provider has stays as it is. Refused while an allocation uses the volume.",
    .flags = deregister_flags,
    .run = &run_deregister,
};
const command volume_detach = {
    .name = "volume detach",
    .synopsis = "Take a CSI volume from a node",
    .usage = "[options] <vol id> <node id>",
    .help =
        "Unmounts and detaches the volume there, whoever claims it. Volumes are detached by themselves when their allocations end: this is for what went "
        "wrong.",
    .flags = {},
    .run = &run_detach,
};

}  // namespace drover::cli::commands
