// CSIVolume.Register, Create, Delete, snapshots and lists of what is outside: what a plugin's controller is asked for before or instead of the
// state. A call to a controller may be repeated (the names and ids say what is meant), so whoever failed half-way asks again.
#include <algorithm>
#include <set>

#include "base/text.h"
#include "schema/volume.h"
#include "server/csi_limits.h"
#include "server/csi_volumes.h"
#include "server/endpoint/endpoints.h"
#include "server/reads.h"
#include "server/replicator.h"
#include "state/tables.h"

namespace drover::server {
namespace {

using state::table;
using volume = schema::csi_volume;
using plugin_ref = ref<schema::csi_plugin>;

std::string remote_id(const volume& v) { return v.external_id.empty() ? v.id : v.external_id; }

// What some controller of the plugin can do.
bool can(const schema::csi_plugin& p, bool schema::csi_controller_info::* what) {
  return std::ranges::any_of(p.controllers, [&](const auto& each) { return each.second.controller_info && (*each.second.controller_info).*what; });
}

// -- is it a volume?

const std::set<std::string, std::less<>> access_modes = {"single-node-reader-only", "single-node-writer", "multi-node-reader-only", "multi-node-single-writer",
                                                         "multi-node-multi-writer"};

result<> check_volume(const volume& v) {
  std::vector<std::string> wrong;
  if (v.id.empty()) wrong.push_back("missing volume id");
  if (v.plugin_id.empty()) wrong.push_back("missing plugin id");
  if (!v.snapshot_id.empty() && !v.clone_id.empty()) wrong.push_back("only one of snapshot_id and clone_id is allowed");
  if (v.requested_capabilities.empty()) wrong.push_back("must include at least one capability block");
  for (const auto& each : v.requested_capabilities) {
    if (!access_modes.contains(each.access_mode))
      wrong.push_back(fmt::format("access_mode \"{}\" is unknown: use {}", each.access_mode,
                                  join(std::vector<std::string>(access_modes.begin(), access_modes.end()), ", ")));
    if (each.attachment_mode != "file-system" && each.attachment_mode != "block-device")
      wrong.push_back(fmt::format("attachment_mode \"{}\" is unknown: use file-system or block-device", each.attachment_mode));
  }
  if (v.requested_capacity_min < 0 || v.requested_capacity_max < 0) wrong.push_back("capacity_min and capacity_max must not be negative");
  if (v.requested_capacity_max != 0 && v.requested_capacity_max < v.requested_capacity_min)
    wrong.push_back(fmt::format("max requested capacity ({}) less than or equal to min ({})", v.requested_capacity_max, v.requested_capacity_min));
  if (v.requested_topologies) {
    for (const auto& t : v.requested_topologies->required)
      if (t.segments.empty()) wrong.push_back("required topology is missing segments field");
    for (const auto& t : v.requested_topologies->preferred)
      if (t.segments.empty()) wrong.push_back("preferred topology is missing segments field");
  }
  if (wrong.empty()) return {};
  return fail(errc::invalid, "validation: {}", join(wrong, ", "));
}

result<plugin_ref> plugin_for(const state::snapshot& state, const volume& v) {
  auto plugin = state::find<table::csi_plugins>(state, {v.plugin_id, {}, {}});
  if (!plugin) return fail(errc::invalid, "no CSI plugin named: {} could be found", v.plugin_id);
  if (plugin->controller_required && plugin->controllers_healthy == 0) return fail(errc::invalid, "no healthy controllers for CSI plugin: {}", v.plugin_id);
  return plugin;
}

bool same(const schema::csi_mount_options& a, const schema::csi_mount_options& b) { return a.fs_type == b.fs_type && a.mount_flags == b.mount_flags; }

bool same(const std::vector<schema::csi_topology>& a, const std::vector<schema::csi_topology>& b) {
  return std::ranges::equal(a, b, {}, &schema::csi_topology::segments, &schema::csi_topology::segments);
}

// What of a volume that is there may change when it is registered again; the rest stays as it is stored.
result<volume> merge(const volume& stored, const volume& update) {
  std::vector<std::string> wrong;
  auto fixed = [&](const std::string& is, const std::string& wanted, std::string_view what) {
    if (!wanted.empty() && is != wanted) wrong.push_back(fmt::format("volume {} cannot be updated", what));
  };
  auto out = stored;
  fixed(stored.name, update.name, "name");
  fixed(stored.external_id, update.external_id, "external ID");
  fixed(stored.plugin_id, update.plugin_id, "plugin ID");
  fixed(stored.clone_id, update.clone_id, "clone ID");
  fixed(stored.snapshot_id, update.snapshot_id, "snapshot ID");
  bool used = !claims_of(stored).empty();
  bool fits = stored.access_mode.empty() || std::ranges::any_of(update.requested_capabilities, [&](const auto& each) {
                return each.access_mode == stored.access_mode && each.attachment_mode == stored.attachment_mode;
              });
  if (!fits) wrong.push_back("volume requested capabilities update was not compatible with existing capability in use");
  out.requested_capabilities = update.requested_capabilities;
  if (!stored.topologies.empty() && update.requested_topologies && stored.requested_topologies &&
      !(same(update.requested_topologies->required, stored.requested_topologies->required) &&
        same(update.requested_topologies->preferred, stored.requested_topologies->preferred)))
    wrong.push_back("volume topology request update was not compatible with existing topology");
  auto options = [](const volume& v) { return v.mount_options.value_or(schema::csi_mount_options()); };
  if (used && !same(options(stored), options(update))) wrong.push_back("can not update mount options while volume is in use");
  out.mount_options = update.mount_options;
  out.secrets = update.secrets;
  if (!update.parameters.empty() && update.parameters != stored.parameters) wrong.push_back("volume parameters cannot be updated");
  if (!update.context.empty()) out.context = update.context;
  if (wrong.empty()) return out;
  return fail(errc::invalid, "unable to update volume: {}", join(wrong, "; "));
}

// -- what its plugin does with it

template <class Request, class Response>
awaitable<result<Response>> ask(server_context& context, std::string method, Request r) {
  return context.csi->ask_controller<Request, Response>(std::move(method), std::move(r));
}

value capacity_range(int64_t least, int64_t most) {
  value::object out;
  out.set("RequiredBytes", least);
  out.set("LimitBytes", most);
  return value(std::move(out));
}

// The file systems on the nodes that use it, where the plugin says that they must follow.
awaitable<result<>> expand_on_nodes(server_context& context, const volume& v, value range) {
  for (const auto& claim : claims_of(v)) {
    schema::client_csi_node_expand_volume_request r;
    r.plugin_id = v.plugin_id;
    r.volume_id = v.id;
    r.volume_namespace = v.namespace_;
    r.external_id = remote_id(v);
    r.capacity = range;
    r.claim = claim;
    auto done = co_await ask_node<schema::client_csi_node_expand_volume_request, schema::client_csi_node_expand_volume_response>(
        context, claim.node_id, "ClientCSI.NodeExpandVolume", std::move(r));
    if (!done) co_return wrap(done.error(), "unable to expand volume on node " + claim.node_id);
  }
  co_return result<>{};
}

// Makes it as large as is asked for.
awaitable<result<>> expand(server_context& context, volume& v, plugin_ref plugin, int64_t least, int64_t most) {
  if (least == v.requested_capacity_min && most == v.requested_capacity_max) co_return result<>{};
  if (most != 0 && most < v.capacity)
    co_return fail(errc::invalid, "unable to update volume: max requested capacity ({}) less than or equal to current ({})", most, v.capacity);
  bool larger = least > v.capacity;
  v.requested_capacity_min = least;
  v.requested_capacity_max = most;
  if (!larger) co_return result<>{};
  if (!can(*plugin, &schema::csi_controller_info::supports_expand))
    co_return fail(errc::unsupported, "unable to update volume: expand is not implemented by this controller plugin");
  schema::client_csi_controller_expand_volume_request r;
  r.plugin_id = v.plugin_id;
  r.external_volume_id = remote_id(v);
  r.capacity_range = capacity_range(least, most);
  r.secrets = v.secrets;
  auto done = co_await ask<schema::client_csi_controller_expand_volume_request, schema::client_csi_controller_expand_volume_response>(
      context, "ClientCSI.ControllerExpandVolume", std::move(r));
  if (!done) co_return wrap(done.error(), "unable to update volume: unable to expand volume");
  v.capacity = done->capacity_bytes;
  if (done->node_expansion_required) CO_TRY(co_await expand_on_nodes(context, v, capacity_range(least, most)));
  co_return result<>{};
}

awaitable<result<>> validate_by_controller(server_context& context, const volume& v, plugin_ref plugin) {
  if (!plugin->controller_required) co_return result<>{};
  schema::client_csi_controller_validate_volume_request r;
  r.plugin_id = v.plugin_id;
  r.volume_id = remote_id(v);
  r.volume_capabilities = v.requested_capabilities;
  r.mount_options = v.mount_options;
  r.secrets = v.secrets;
  r.parameters = v.parameters;
  r.context = v.context;
  auto done = co_await ask<schema::client_csi_controller_validate_volume_request, schema::client_csi_controller_validate_volume_response>(
      context, "ClientCSI.ControllerValidateVolume", std::move(r));
  if (!done) co_return fail(done.error());
  co_return result<>{};
}

// -- register and create

result<volume> asked_volume(server_context& context, const ref<volume>& asked, const std::string& ns) {
  if (!asked) return fail(errc::invalid, "missing volume definition");
  auto v = *asked;
  if (v.namespace_.empty()) v.namespace_ = ns;
  TRY(check_volume(v));
  if (!context.state().namespace_named(v.namespace_)) return fail(errc::invalid, "volume {} is in nonexistent namespace {}", v.id, v.namespace_);
  v.read_allocs.clear();
  v.write_allocs.clear();
  v.read_claims.clear();
  v.write_claims.clear();
  v.past_claims.clear();
  v.access_mode.clear();
  v.attachment_mode.clear();
  return v;
}

result<> check_count(size_t volumes) {
  if (volumes == 0) return fail(errc::invalid, "missing volume definition");
  if (volumes > csi_limits::volumes_max) return fail(errc::too_large, "at most {} volumes may be given at once", csi_limits::volumes_max);
  return {};
}

awaitable<result<volume>> updated(server_context& context, ref<volume> stored, volume wanted, plugin_ref plugin) {
  CO_TRY_ASSIGN(auto v, merge(*stored, wanted));
  CO_TRY(co_await expand(context, v, std::move(plugin), wanted.requested_capacity_min, wanted.requested_capacity_max));
  co_return v;
}

template <class Response>
awaitable<result<Response>> store_volumes(server_context& context, std::string ns, std::vector<ref<volume>> all) {
  schema::csi_volume_register_request command;
  command.namespace_ = std::move(ns);
  command.volumes = std::move(all);
  command.timestamp = context.now_ns();
  Response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::csi_volume_register>(command));
  auto state = context.state();
  for (const auto& v : command.volumes)
    if (auto stored = state::find<table::csi_volumes>(state, {v->namespace_, v->id, {}})) out.volumes.push_back(stored);
  co_return out;
}

awaitable<result<schema::csi_volume_register_response>> register_volumes(server_context& context, schema::csi_volume_register_request request) {
  CO_TRY(check_count(request.volumes.size()));
  auto ns = namespace_of(request);
  std::vector<ref<volume>> ready;
  for (const auto& each : request.volumes) {
    CO_TRY_ASSIGN(auto v, asked_volume(context, each, ns));
    CO_TRY_ASSIGN(auto plugin, plugin_for(context.state(), v));
    if (auto stored = state::find<table::csi_volumes>(context.state(), {v.namespace_, v.id, {}})) {
      CO_TRY_ASSIGN(v, co_await updated(context, stored, std::move(v), plugin));
    } else if (v.topologies.empty() && v.requested_topologies) {
      // Whoever made it knows where it can be reached.
      v.topologies = v.requested_topologies->required;
    }
    CO_TRY(co_await validate_by_controller(context, v, plugin));
    ready.push_back(std::make_shared<const volume>(std::move(v)));
  }
  co_return co_await store_volumes<schema::csi_volume_register_response>(context, ns, std::move(ready));
}

awaitable<result<volume>> made(server_context& context, volume v) {
  schema::client_csi_controller_create_volume_request r;
  r.plugin_id = v.plugin_id;
  r.name = v.name.empty() ? v.id : v.name;
  r.volume_capabilities = v.requested_capabilities;
  r.mount_options = v.mount_options;
  r.parameters = v.parameters;
  r.secrets = v.secrets;
  r.capacity_min = v.requested_capacity_min;
  r.capacity_max = v.requested_capacity_max;
  r.snapshot_id = v.snapshot_id;
  r.clone_id = v.clone_id;
  r.requested_topologies = v.requested_topologies;
  auto done = co_await ask<schema::client_csi_controller_create_volume_request, schema::client_csi_controller_create_volume_response>(
      context, "ClientCSI.ControllerCreateVolume", std::move(r));
  if (!done) co_return wrap(done.error(), fmt::format("could not create volume {}", v.id));
  v.external_id = done->external_volume_id;
  v.capacity = done->capacity_bytes;
  v.context = done->volume_context;
  v.topologies = done->topologies;
  co_return v;
}

awaitable<result<schema::csi_volume_create_response>> create_volumes(server_context& context, schema::csi_volume_create_request request) {
  CO_TRY(check_count(request.volumes.size()));
  auto ns = namespace_of(request);
  std::vector<ref<volume>> ready;
  // All are looked at before the first is made.
  std::vector<std::pair<volume, plugin_ref>> wanted;
  for (const auto& each : request.volumes) {
    CO_TRY_ASSIGN(auto v, asked_volume(context, each, ns));
    CO_TRY_ASSIGN(auto plugin, plugin_for(context.state(), v));
    if (!plugin->controller_required) co_return fail(errc::invalid, "plugin has no controller: {}", v.plugin_id);
    if (!can(*plugin, &schema::csi_controller_info::supports_create_delete))
      co_return fail(errc::invalid, "plugin does not support creating volumes: {}", v.plugin_id);
    wanted.emplace_back(std::move(v), std::move(plugin));
  }
  for (auto& [v, plugin] : wanted) {
    auto stored = state::find<table::csi_volumes>(context.state(), {v.namespace_, v.id, {}});
    auto done = stored ? co_await updated(context, stored, v, plugin) : co_await made(context, v);
    if (!done) co_return fail(done.error());
    ready.push_back(std::make_shared<const volume>(std::move(*done)));
  }
  co_return co_await store_volumes<schema::csi_volume_create_response>(context, ns, std::move(ready));
}

// -- delete

awaitable<result<>> delete_one(server_context& context, std::string ns, std::string id, std::map<std::string, std::string> secrets) {
  auto state = context.state();
  auto found = state::find<table::csi_volumes>(state, {ns, id, {}});
  if (!found) co_return fail(errc::not_found, "volume not found: {}", id);
  if (!claims_of(*found).empty()) co_return fail(errc::conflict, "volume in use: {}", id);
  auto plugin = state::find<table::csi_plugins>(state, {found->plugin_id, {}, {}});
  if (!plugin) co_return fail(errc::invalid, "plugin \"{}\" for volume \"{}\" not found", found->plugin_id, id);
  if (!can(*plugin, &schema::csi_controller_info::supports_create_delete))
    co_return fail(errc::invalid, "plugin does not support deleting volumes: {}; volume deregister forgets it", found->plugin_id);
  schema::client_csi_controller_delete_volume_request r;
  r.plugin_id = found->plugin_id;
  r.external_volume_id = remote_id(*found);
  r.secrets = found->secrets;
  for (auto& [key, text] : secrets) r.secrets[key] = text;
  auto done = co_await ask<schema::client_csi_controller_delete_volume_request, schema::client_csi_controller_delete_volume_response>(
      context, "ClientCSI.ControllerDeleteVolume", std::move(r));
  if (!done) co_return wrap(done.error(), fmt::format("could not delete volume {}", id));
  co_return result<>{};
}

awaitable<result<schema::csi_volume_delete_response>> delete_volumes(server_context& context, schema::csi_volume_delete_request request) {
  if (request.volume_ids.empty()) co_return fail(errc::invalid, "missing volume IDs");
  if (request.volume_ids.size() > csi_limits::volumes_max)
    co_return fail(errc::too_large, "at most {} volumes may be deleted at once", csi_limits::volumes_max);
  auto ns = namespace_of(request);
  schema::csi_volume_delete_response out;
  for (const auto& id : request.volume_ids) {
    CO_TRY(co_await delete_one(context, ns, id, request.secrets));
    schema::csi_volume_deregister_request command;
    command.namespace_ = ns;
    command.volume_ids = {id};
    CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::csi_volume_deregister>(command));
  }
  co_return out;
}

// -- what is outside

result<plugin_ref> named_plugin(server_context& context, const std::string& id) {
  if (id.empty()) return fail(errc::invalid, "missing plugin ID: give plugin_id");
  auto plugin = state::find<table::csi_plugins>(context.state(), {id, {}, {}});
  if (!plugin) return fail(errc::not_found, "no such plugin: {}", id);
  return plugin;
}

int32_t entries_of(const schema::query_options& q) { return std::clamp<int32_t>(q.per_page, 0, csi_limits::page_entries_max); }

awaitable<result<schema::csi_volume_external_list_response>> list_external(server_context& context, schema::csi_volume_external_list_request request) {
  CO_TRY_ASSIGN(auto plugin, named_plugin(context, request.plugin_id));
  if (!can(*plugin, &schema::csi_controller_info::supports_list_volumes))
    co_return fail(errc::unsupported, "unimplemented for this plugin: {} does not list volumes", request.plugin_id);
  schema::client_csi_controller_list_volumes_request r;
  r.plugin_id = request.plugin_id;
  r.max_entries = entries_of(request);
  r.starting_token = request.next_token;
  CO_TRY_ASSIGN(auto done, (co_await ask<schema::client_csi_controller_list_volumes_request, schema::client_csi_controller_list_volumes_response>(
                               context, "ClientCSI.ControllerListVolumes", std::move(r))));
  schema::csi_volume_external_list_response out;
  out.volumes = std::move(done.entries);
  out.next_token = std::move(done.next_token);
  out.known_leader = context.has_leader();
  co_return out;
}

awaitable<result<schema::csi_snapshot_list_response>> list_snapshots(server_context& context, schema::csi_snapshot_list_request request) {
  CO_TRY_ASSIGN(auto plugin, named_plugin(context, request.plugin_id));
  if (!can(*plugin, &schema::csi_controller_info::supports_list_snapshots))
    co_return fail(errc::unsupported, "plugin does not support listing snapshots: {}", request.plugin_id);
  schema::client_csi_controller_list_snapshots_request r;
  r.plugin_id = request.plugin_id;
  r.max_entries = entries_of(request);
  r.starting_token = request.next_token;
  r.secrets = std::move(request.secrets);
  CO_TRY_ASSIGN(auto done, (co_await ask<schema::client_csi_controller_list_snapshots_request, schema::client_csi_controller_list_snapshots_response>(
                               context, "ClientCSI.ControllerListSnapshots", std::move(r))));
  schema::csi_snapshot_list_response out;
  out.snapshots = std::move(done.entries);
  for (auto& each : out.snapshots) each.plugin_id = request.plugin_id;
  out.next_token = std::move(done.next_token);
  out.known_leader = context.has_leader();
  co_return out;
}

// -- snapshots

awaitable<result<schema::csi_snapshot>> snapshot_of(server_context& context, std::string ns, schema::csi_snapshot wanted) {
  auto state = context.state();
  auto source = state::find<table::csi_volumes>(state, {ns, wanted.source_volume_id, {}});
  if (!source) co_return fail(errc::not_found, "no such volume \"{}\"", wanted.source_volume_id);
  if (wanted.plugin_id.empty()) wanted.plugin_id = source->plugin_id;
  CO_TRY_ASSIGN(auto plugin, named_plugin(context, wanted.plugin_id));
  if (!can(*plugin, &schema::csi_controller_info::supports_create_delete_snapshot))
    co_return fail(errc::unsupported, "plugin \"{}\" does not support snapshot", wanted.plugin_id);
  schema::client_csi_controller_create_snapshot_request r;
  r.plugin_id = wanted.plugin_id;
  r.external_source_volume_id = remote_id(*source);
  r.name = wanted.name;
  r.secrets = source->secrets;
  for (auto& [key, text] : wanted.secrets) r.secrets[key] = text;
  r.parameters = wanted.parameters;
  auto done = co_await ask<schema::client_csi_controller_create_snapshot_request, schema::client_csi_controller_create_snapshot_response>(
      context, "ClientCSI.ControllerCreateSnapshot", std::move(r));
  if (!done) co_return wrap(done.error(), "could not create snapshot");
  wanted.secrets.clear();
  wanted.id = done->id;
  wanted.external_source_volume_id = done->external_source_volume_id;
  wanted.size_bytes = done->size_bytes;
  wanted.create_time = done->create_time;
  wanted.is_ready = done->is_ready;
  co_return wanted;
}

result<> check_snapshots(size_t count) {
  if (count == 0) return fail(errc::invalid, "missing snapshot definition");
  if (count > csi_limits::snapshots_max) return fail(errc::too_large, "at most {} snapshots may be given at once", csi_limits::snapshots_max);
  return {};
}

awaitable<result<schema::csi_snapshot_create_response>> create_snapshots(server_context& context, schema::csi_snapshot_create_request request) {
  CO_TRY(check_snapshots(request.snapshots.size()));
  auto ns = namespace_of(request);
  schema::csi_snapshot_create_response out;
  for (const auto& each : request.snapshots) {
    CO_TRY_ASSIGN(auto done, co_await snapshot_of(context, ns, each));
    out.snapshots.push_back(std::move(done));
  }
  out.index = context.state().index();
  co_return out;
}

awaitable<result<schema::csi_snapshot_delete_response>> delete_snapshots(server_context& context, schema::csi_snapshot_delete_request request) {
  CO_TRY(check_snapshots(request.snapshots.size()));
  for (const auto& each : request.snapshots) {
    CO_TRY_ASSIGN(auto plugin, named_plugin(context, each.plugin_id));
    if (!can(*plugin, &schema::csi_controller_info::supports_create_delete_snapshot))
      co_return fail(errc::unsupported, "plugin does not support snapshot: {}", each.plugin_id);
    if (each.id.empty()) co_return fail(errc::invalid, "missing snapshot ID: give snapshot_id");
    schema::client_csi_controller_delete_snapshot_request r;
    r.plugin_id = each.plugin_id;
    r.id = each.id;
    r.secrets = each.secrets;
    auto done = co_await ask<schema::client_csi_controller_delete_snapshot_request, schema::client_csi_controller_delete_snapshot_response>(
        context, "ClientCSI.ControllerDeleteSnapshot", std::move(r));
    if (!done) co_return wrap(done.error(), fmt::format("could not delete \"{}\"", each.id));
  }
  schema::csi_snapshot_delete_response out;
  out.index = context.state().index();
  co_return out;
}

// -- from server to server

template <class Request>
std::string controller_of(const Request& r) {
  return r.controller_node_id;
}

std::string node_of_detach(const schema::client_csi_node_detach_volume_request& r) { return r.node_id; }
std::string node_of_expand(const schema::client_csi_node_expand_volume_request& r) { return r.claim ? r.claim->node_id : std::string(); }

void add_passed_on(rpc::method_table& t, server_context& c) {
  using namespace schema;
  pass_to_node<client_csi_controller_attach_volume_request, client_csi_controller_attach_volume_response>(t, c, "ClientCSI.ControllerAttachVolume",
                                                                                                          &controller_of);
  pass_to_node<client_csi_controller_detach_volume_request, client_csi_controller_detach_volume_response>(t, c, "ClientCSI.ControllerDetachVolume",
                                                                                                          &controller_of);
  pass_to_node<client_csi_controller_validate_volume_request, client_csi_controller_validate_volume_response>(t, c, "ClientCSI.ControllerValidateVolume",
                                                                                                              &controller_of);
  pass_to_node<client_csi_controller_create_volume_request, client_csi_controller_create_volume_response>(t, c, "ClientCSI.ControllerCreateVolume",
                                                                                                          &controller_of);
  pass_to_node<client_csi_controller_delete_volume_request, client_csi_controller_delete_volume_response>(t, c, "ClientCSI.ControllerDeleteVolume",
                                                                                                          &controller_of);
  pass_to_node<client_csi_controller_expand_volume_request, client_csi_controller_expand_volume_response>(t, c, "ClientCSI.ControllerExpandVolume",
                                                                                                          &controller_of);
  pass_to_node<client_csi_controller_list_volumes_request, client_csi_controller_list_volumes_response>(t, c, "ClientCSI.ControllerListVolumes",
                                                                                                        &controller_of);
  pass_to_node<client_csi_controller_create_snapshot_request, client_csi_controller_create_snapshot_response>(t, c, "ClientCSI.ControllerCreateSnapshot",
                                                                                                              &controller_of);
  pass_to_node<client_csi_controller_delete_snapshot_request, client_csi_controller_delete_snapshot_response>(t, c, "ClientCSI.ControllerDeleteSnapshot",
                                                                                                              &controller_of);
  pass_to_node<client_csi_controller_list_snapshots_request, client_csi_controller_list_snapshots_response>(t, c, "ClientCSI.ControllerListSnapshots",
                                                                                                            &controller_of);
  pass_to_node<client_csi_node_detach_volume_request, client_csi_node_detach_volume_response>(t, c, "ClientCSI.NodeDetachVolume", &node_of_detach);
  pass_to_node<client_csi_node_expand_volume_request, client_csi_node_expand_volume_response>(t, c, "ClientCSI.NodeExpandVolume", &node_of_expand);
}

}  // namespace

void add_csi_storage_methods(rpc::method_table& table, server_context& context) {
  add_write(table, context, "CSIVolume.Register", &register_volumes);
  add_write(table, context, "CSIVolume.Create", &create_volumes);
  add_write(table, context, "CSIVolume.Delete", &delete_volumes);
  add_write(table, context, "CSIVolume.CreateSnapshot", &create_snapshots);
  add_write(table, context, "CSIVolume.DeleteSnapshot", &delete_snapshots);
  add_here(table, context, "CSIVolume.ListExternal", &list_external);
  add_here(table, context, "CSIVolume.ListSnapshots", &list_snapshots);
  add_passed_on(table, context);
}

}  // namespace drover::server
