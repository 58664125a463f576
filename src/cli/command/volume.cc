// volume create, register, delete, status, init: dynamic host volumes here; what is of CSI is in csi_volume.cc.
#include <algorithm>

#include "base/text.h"
#include "cli/command/all.h"
#include "cli/command/csi_volume.h"
#include "cli/format/alloc.h"
#include "cli/format/colour.h"
#include "cli/format/table.h"
#include "cli/job_file.h"
#include "cli/output_file.h"
#include "cli/resolve.h"
#include "jobspec/volume_spec.h"
#include "schema/volume.h"

namespace drover::cli::commands {
namespace {

using volume = schema::host_volume;

result<jobspec::volume_outcome> read_volume(context& c) {
  TRY_ASSIGN(auto text, read_input(c.arguments[0]));
  auto parsed = jobspec::parse_volume({c.arguments[0] == "-" ? "<stdin>" : c.arguments[0], std::move(text)});
  if (!parsed.host && !parsed.csi) return fail(errc::invalid, "Error parsing volume specification:\n\n{}", parsed.problems.pages());
  if (parsed.host && c.flags.has("id")) parsed.host->id = c.flags.text("id");
  if (parsed.csi && c.flags.has("id")) parsed.csi->id = c.flags.text("id");
  return parsed;
}

// The one volume whose id begins so, or that has that name.
result<volume> find_volume(context& c, const std::string& wanted) {
  auto list = c.api.get<std::vector<schema::host_volume_stub>>(api_request{.path = "/v1/volumes", .query = {{"type", "host"}}});
  if (!list) return context::failed("querying volumes", list.error());
  std::vector<std::string> ids;
  for (const auto& v : *list) ids.push_back(v.id);
  size_t at = 0;
  auto found = choose(ids, wanted, at);
  if (found == match::none) {
    for (size_t i = 0; i < list->size(); ++i)
      if ((*list)[i].name == wanted) {
        if (found == match::one) return fail(errc::invalid, "Several volumes are named \"{}\": give an ID", wanted);
        found = match::one;
        at = i;
      }
  }
  if (found == match::none) return fail(errc::not_found, "No volume(s) with prefix or ID \"{}\" found", wanted);
  if (found == match::many) return fail(errc::invalid, "Several volumes begin with \"{}\": give more of the ID", wanted);
  auto one = c.api.get<volume>(api_request{.path = "/v1/volume/host/" + path_word((*list)[at].id), .namespace_ = (*list)[at].namespace_});
  if (!one) return context::failed("querying volume", one.error());
  return *std::move(one);
}

// Until the node shows it.
result<> wait_ready(context& c, const volume& v) {
  std::string index = "0";
  for (;;) {
    auto answer = c.api.send({.path = "/v1/volume/host/" + path_word(v.id), .query = {{"index", index}, {"wait", "60s"}}, .namespace_ = v.namespace_});
    if (!answer) return context::failed("monitoring volume", answer.error());
    TRY_ASSIGN(auto now, api_client::decode<volume>(answer->body));
    if (now.state == "ready") {
      c.say(fmt::format("    Host volume \"{}\" ready", c.style().id(v.id)));
      return {};
    }
    index = std::to_string(answer->index);
  }
}

constexpr flag_spec create_flags[] = {
    detach_flag,
    verbose_flag,
    {"id", flag_kind::text, "Change the volume with this ID instead of making a new one."},
    {"policy-override", flag_kind::boolean, "Accepted as Nomad has it; there are no policies to override here."},
};

template <class Request, class Response>
result<volume> put_volume(context& c, std::string_view what, volume wanted) {
  Request request;
  request.volume = std::make_shared<volume>(std::move(wanted));
  request.policy_override = c.flags.on("policy-override");
  auto answer = c.api.send({.method = "PUT", .path = fmt::format("/v1/volume/host/{}", what), .body = codec::to_json(request)});
  if (!answer) return context::failed(what == "create" ? "creating volume" : "registering volume", answer.error());
  TRY_ASSIGN(auto done, api_client::decode<Response>(answer->body));
  if (!done.warnings.empty()) c.say("Volume Warnings:\n" + done.warnings + "\n");
  if (!done.volume) return fail(errc::unknown, "The agent answered without a volume");
  return *done.volume;
}

result<int> run_create(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <input>");
  TRY_ASSIGN(auto wanted, read_volume(c));
  if (wanted.csi) return create_csi_volume(c, *std::move(wanted.csi));
  TRY_ASSIGN(auto made, (put_volume<schema::host_volume_create_request, schema::host_volume_create_response>(c, "create", *std::move(wanted.host))));
  c.say(fmt::format("==> Created host volume {} with ID {}", made.name, made.id));
  if (!c.flags.on("detach")) TRY(wait_ready(c, made));
  return 0;
}

result<int> run_register(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <input>");
  TRY_ASSIGN(auto wanted, read_volume(c));
  if (wanted.csi) return register_csi_volume(c, *std::move(wanted.csi));
  TRY_ASSIGN(auto made, (put_volume<schema::host_volume_register_request, schema::host_volume_register_response>(c, "register", *std::move(wanted.host))));
  c.say(fmt::format("Successfully registered host volume {} with ID {}", made.name, made.id));
  return 0;
}

constexpr flag_spec register_flags[] = {create_flags[2], create_flags[3]};

// "csi", "host" or, where neither is said, "".
result<std::string> type_of_flag(context& c) {
  auto type = c.flags.has("type") ? to_lower(c.flags.text("type")) : std::string();
  if (!type.empty() && type != "csi" && type != "host") return fail(errc::invalid, "No such volume type \"{}\": there are csi and host", c.flags.text("type"));
  return type;
}

constexpr flag_spec delete_flags[] = {
    {"type", flag_kind::text, "Type of the volume: csi or host. Without it, a CSI volume of that ID counts first."},
    {"force", flag_kind::boolean, "Forget a host volume although its node cannot delete it."},
    {"secret", flag_kind::list, "key=value for the plugin of a CSI volume; may be given several times."},
};

result<int> run_delete(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <vol id>");
  TRY_ASSIGN(auto type, type_of_flag(c));
  if (type != "host") {
    TRY_ASSIGN(auto csi, find_csi_volume(c, c.arguments[0]));
    if (csi) return delete_csi_volume(c, *csi);
    if (type == "csi")
      return fail(errc::not_found, "Could not find existing CSI volume to delete: No volume(s) with prefix or ID \"{}\" found", c.arguments[0]);
  }
  TRY_ASSIGN(auto found, find_volume(c, c.arguments[0]));
  api_request ask{.method = "DELETE", .path = fmt::format("/v1/volume/host/{}/delete", path_word(found.id)), .namespace_ = found.namespace_};
  if (c.flags.on("force")) ask.query.emplace_back("force", "true");
  if (auto done = c.api.send(std::move(ask)); !done) return context::failed("deleting volume", done.error());
  c.say(fmt::format("Successfully deleted volume \"{}\"!", found.id));
  return 0;
}

constexpr flag_spec status_flags[] = {
    {"type", flag_kind::text, "Type of the volumes: csi or host."},
    {"node", flag_kind::text, "Only those on this node."},
    {"node-pool", flag_kind::text, "Only those in this node pool."},
    {"filter", flag_kind::text, "Only those for which this expression is true."},
    {"per-page", flag_kind::number, "At most so many."},
    {"page-token", flag_kind::text, "Continue where an earlier page ended."},
    {"short", flag_kind::boolean, "Without the allocations."},
    json_flag,
    template_flag,
    verbose_flag,
};

result<int> list_volumes(context& c) {
  api_request ask{.path = "/v1/volumes", .query = {{"type", "host"}}};
  if (c.flags.has("node")) {
    TRY_ASSIGN(auto node, find_node(c, c.flags.text("node")));
    ask.query.emplace_back("node_id", node.id);
  }
  if (c.flags.has("node-pool")) ask.query.emplace_back("node_pool", c.flags.text("node-pool"));
  if (c.flags.has("filter")) ask.query.emplace_back("filter", c.flags.text("filter"));
  if (c.flags.has("per-page")) ask.query.emplace_back("per_page", c.flags.text("per-page"));
  if (c.flags.has("page-token")) ask.query.emplace_back("next_token", c.flags.text("page-token"));
  if (!c.wants_raw()) c.say(format::bold("Dynamic Host Volumes"));
  auto answer = c.api.send(std::move(ask));
  if (!answer) return context::failed("querying host volumes", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto list, api_client::decode<std::vector<schema::host_volume_stub>>(answer->body));
  if (list.empty()) {
    c.out.complain("No dynamic host volumes");
    return 0;
  }
  auto how = c.style();
  format::table t({"ID", "Name", "Namespace", "Plugin ID", "Node ID", "Node Pool", "State"});
  for (const auto& v : list) t.add({how.id(v.id), v.name, v.namespace_, v.plugin_id.empty() ? "<none>" : v.plugin_id, how.id(v.node_id), v.node_pool, v.state});
  c.say(t.text());
  if (!answer->next_token.empty())
    c.say(fmt::format("\nResults have been paginated. To get the next page run:\n\n{} volume status -page-token {}", c.program, answer->next_token));
  return 0;
}

std::string shown(const volume& v, const format::style& how, bool brief) {
  format::pairs p;
  p.add("ID", v.id);
  p.add("Name", v.name);
  p.add("Namespace", v.namespace_);
  p.add("Plugin ID", v.plugin_id.empty() ? "<none>" : v.plugin_id);
  p.add("Node ID", v.node_id);
  p.add("Node Pool", v.node_pool);
  p.add("Capacity", v.capacity_bytes ? format::binary_size(static_cast<uint64_t>(v.capacity_bytes)) : "<none>");
  p.add("State", v.state);
  p.add("Host Path", v.host_path);
  auto text = p.text();
  format::table modes({"Access Mode", "Attachment Mode"});
  for (const auto& each : v.requested_capabilities) modes.add({each.access_mode, each.attachment_mode});
  text += "\n\nCapabilities\n" + modes.text();
  if (brief) return text;
  if (v.allocations.empty()) return text + "\n\nAllocations\nNo allocations placed";
  format::table allocs({"ID", "Node ID", "Task Group", "Version", "Desired", "Status", "Created"});
  for (const auto& a : v.allocations)
    allocs.add({how.id(a.id), how.id(a.node_id), a.task_group, std::to_string(a.job_version), a.desired_status, a.client_status, how.moment(a.create_time)});
  return text + "\n\nAllocations\n" + allocs.text();
}

result<int> run_status(context& c) {
  if (c.arguments.size() > 1) return c.misused("This command takes either no arguments or one: <id>");
  TRY_ASSIGN(auto type, type_of_flag(c));
  if (c.arguments.empty()) {
    if (type == "csi") return list_csi_volumes(c);
    // One JSON document: the kind that is asked for, or host volumes.
    if (type == "host" || c.wants_raw() || c.flags.has("node-pool") || c.flags.has("page-token")) return list_volumes(c);
    // What cannot be shown of one kind does not hide the other.
    auto host = list_volumes(c);
    if (!host) c.out.complain(host.error().text());
    c.say("");
    TRY(list_csi_volumes(c));
    return host ? 0 : 1;
  }
  if (type != "host") {
    TRY_ASSIGN(auto csi, find_csi_volume(c, c.arguments[0]));
    if (csi) return show_csi_volume(c, *csi);
    if (type == "csi") return fail(errc::not_found, "No volume(s) with prefix or ID \"{}\" found", c.arguments[0]);
  }
  TRY_ASSIGN(auto found, find_volume(c, c.arguments[0]));
  if (c.wants_raw()) return c.raw(codec::to_json(found));
  c.say(shown(found, c.style(), c.flags.on("short")));
  return 0;
}

constexpr flag_spec init_flags[] = {{"type", flag_kind::text, "Type of the volume: csi (unless given) or host."},
                                    {"json", flag_kind::boolean, "Write JSON instead of HCL."}};

result<int> run_init(context& c) {
  if (c.arguments.size() > 1) return c.misused("This command takes no arguments or one: <filename>");
  TRY_ASSIGN(auto type, type_of_flag(c));
  bool as_json = c.flags.on("json");
  auto path = !c.arguments.empty() ? c.arguments[0] : as_json ? std::string("volume.json") : std::string("volume.hcl");
  auto example = type == "host" ? (as_json ? &jobspec::example_host_volume_json : &jobspec::example_host_volume)
                                : (as_json ? &jobspec::example_csi_volume_json : &jobspec::example_csi_volume);
  auto written = write_new_file(path, example());
  if (!written && written.error().code() == errc::exists) return fail(errc::exists, "Volume file '{}' already exists", path);
  TRY(written);
  c.say(fmt::format("Example volume specification written to {}", path));
  return 0;
}

}  // namespace

const command volume_create = {
    .name = "volume create",
    .synopsis = "Create a volume",
    .usage = "[options] <input>",
    .help =
        "Has a plugin make the volume that a file describes (\"-\": standard input): one of CSI, or a dynamic host volume on a node that fits, and then waits "
        "until that node offers it.",
    .flags = create_flags,
    .run = &run_create,
};
const command volume_register = {
    .name = "volume register",
    .synopsis = "Register a volume that is there",
    .usage = "[options] <input>",
    .help =
        "The file names what a storage provider has (type csi), or a node and a directory there (type host). Deleting a registered host volume later leaves "
        "the directory alone.",
    .flags = register_flags,
    .run = &run_register,
};
const command volume_delete = {
    .name = "volume delete",
    .synopsis = "Delete a volume and what is in it",
    .usage = "[options] <vol id>",
    .help = "Refused while an allocation uses the volume. A volume that was registered is only forgotten.",
    .flags = delete_flags,
    .run = &run_delete,
};
const command volume_status = {
    .name = "volume status",
    .synopsis = "List volumes, or show one",
    .usage = "[options] [<id>]",
    .help = "With an ID, the beginning of one or a name: that volume, and the allocations that use it.",
    .flags = status_flags,
    .run = &run_status,
};
const command volume_init = {
    .name = "volume init",
    .synopsis = "Write an example volume specification",
    .usage = "[options] [<filename>]",
    .help = "Writes volume.hcl unless another name is given. An existing file is left alone.",
    .flags = init_flags,
    .run = &run_init,
    .local = true,
};

}  // namespace drover::cli::commands
