// volume snapshot create, delete, list: snapshots that a CSI plugin makes.
#include "base/text.h"
#include "cli/command/all.h"
#include "cli/command/csi_volume.h"
#include "cli/format/table.h"
#include "cli/resolve.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec secret_flag = {"secret", flag_kind::list, "key=value for the plugin; may be given several times."};
constexpr flag_spec create_flags[] = {{"parameter", flag_kind::list, "key=value for the plugin; may be given several times."}, secret_flag, verbose_flag};
constexpr flag_spec delete_flags[] = {secret_flag};
constexpr flag_spec list_flags[] = {
    {"plugin", flag_kind::text, "The plugin, or the beginning of its ID."},
    {"per-page", flag_kind::number, "At most so many."},
    {"page-token", flag_kind::text, "Continue where an earlier page ended."},
    secret_flag,
    verbose_flag,
};

std::string table_of(const std::vector<schema::csi_snapshot>& all, const format::style& how) {
  format::table t({"Snapshot ID", "Volume ID", "Size", "Create Time", "Ready?"});
  for (const auto& s : all)
    t.add({s.id, s.external_source_volume_id, format::binary_size(static_cast<uint64_t>(std::max<int64_t>(0, s.size_bytes))),
           how.moment(s.create_time * 1'000'000'000), s.is_ready ? "true" : "false"});
  return t.text();
}

result<int> run_create(context& c) {
  if (c.arguments.empty() || c.arguments.size() > 2) return c.misused("This command takes two arguments: <vol id> <snapshot name>");
  TRY_ASSIGN(auto found, need_csi_volume(c, c.arguments[0]));
  schema::csi_snapshot_create_request request;
  auto& wanted = request.snapshots.emplace_back();
  wanted.source_volume_id = found.id;
  if (c.arguments.size() == 2) wanted.name = c.arguments[1];
  TRY_ASSIGN(wanted.secrets, pairs_of_flag(c, "secret"));
  TRY_ASSIGN(wanted.parameters, pairs_of_flag(c, "parameter"));
  auto answer = c.api.send({.method = "PUT", .path = "/v1/volumes/snapshot", .body = codec::to_json(request), .namespace_ = found.namespace_});
  if (!answer) return context::failed("snapshotting volume", answer.error());
  TRY_ASSIGN(auto done, api_client::decode<schema::csi_snapshot_create_response>(answer->body));
  c.say(table_of(done.snapshots, c.style()));
  return 0;
}

result<int> run_delete(context& c) {
  if (c.arguments.size() != 2) return c.misused("This command takes two arguments: <plugin id> <snapshot id>");
  api_request ask{.method = "DELETE", .path = "/v1/volumes/snapshot", .query = {{"plugin_id", c.arguments[0]}, {"snapshot_id", c.arguments[1]}}};
  TRY_ASSIGN(auto secrets, csi_secrets_header(c));
  if (secrets) ask.headers.push_back(*secrets);
  if (auto done = c.api.send(std::move(ask)); !done) return context::failed("deleting volume", done.error());
  return 0;
}

result<std::string> find_plugin(context& c, const std::string& wanted) {
  auto list = c.api.get<std::vector<schema::csi_plugin_list_stub>>(api_request{.path = "/v1/plugins", .query = {{"type", "csi"}}});
  if (!list) return context::failed("querying CSI plugins", list.error());
  std::vector<std::string> ids;
  for (const auto& p : *list) ids.push_back(p.id);
  size_t at = 0;
  switch (choose(ids, wanted, at)) {
    case match::none: return fail(errc::not_found, "No plugins(s) with prefix or ID \"{}\" found", wanted);
    case match::many: return fail(errc::invalid, "Prefix matched multiple plugins: {}", join(ids, ", "));
    case match::one: break;
  }
  return ids[at];
}

result<int> run_list(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  if (!c.flags.has("plugin")) return c.misused("Say whose snapshots: -plugin <plugin id>");
  TRY_ASSIGN(auto plugin, find_plugin(c, c.flags.text("plugin")));
  api_request ask{.path = "/v1/volumes/snapshot", .query = {{"plugin_id", plugin}, {"per_page", c.flags.has("per-page") ? c.flags.text("per-page") : "30"}}};
  if (c.flags.has("page-token")) ask.query.emplace_back("next_token", c.flags.text("page-token"));
  TRY_ASSIGN(auto secrets, csi_secrets_header(c));
  if (secrets) ask.headers.push_back(*secrets);
  auto answer = c.api.send(std::move(ask));
  if (!answer) return context::failed(fmt::format("querying CSI external snapshots for plugin \"{}\"", plugin), answer.error());
  TRY_ASSIGN(auto done, api_client::decode<schema::csi_snapshot_list_response>(answer->body));
  if (done.snapshots.empty()) return 0;
  c.say(table_of(done.snapshots, c.style()));
  if (!done.next_token.empty())
    c.say(fmt::format("\nResults have been paginated. To get the next page run:\n\n{} volume snapshot list -plugin {} -page-token {}", c.program, plugin,
                      done.next_token));
  return 0;
}

}  // namespace

const command volume_snapshot_create = {
    .name = "volume snapshot create",
    .synopsis = "Have a CSI plugin make a snapshot of a volume",
    .usage = "[options] <vol id> [<snapshot name>]",
    .help = "The volume must be registered.",
    .flags = create_flags,
    .run = &run_create,
};
const command volume_snapshot_delete = {
    .name = "volume snapshot delete",
    .synopsis = "Have a CSI plugin delete a snapshot",
    .usage = "[options] <plugin id> <snapshot id>",
    .help = "The snapshot's ID is the storage provider's, as volume snapshot list shows it.",
    .flags = delete_flags,
    .run = &run_delete,
};
const command volume_snapshot_list = {
    .name = "volume snapshot list",
    .synopsis = "List the snapshots that a CSI plugin knows",
    .usage = "[options]",
    .help = "Asks the plugin, which may know snapshots that nobody made here.",
    .flags = list_flags,
    .run = &run_list,
};

}  // namespace drover::cli::commands
