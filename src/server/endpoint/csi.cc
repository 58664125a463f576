// CSIVolume.* and CSIPlugin.*: what the state knows of CSI volumes and plugins, and the claims on volumes. What asks a plugin for storage
// itself (making, deleting, snapshots) is in csi_storage.cc.
#include <algorithm>
#include <set>

#include "fsm/csi_volumes.h"
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

// -- reads

schema::csi_volume_list_stub stub_of(const volume& v) {
  schema::csi_volume_list_stub out;
  out.id = v.id;
  out.namespace_ = v.namespace_;
  out.name = v.name;
  out.external_id = v.external_id;
  out.topologies = v.topologies;
  out.access_mode = v.access_mode;
  out.attachment_mode = v.attachment_mode;
  out.current_readers = static_cast<int64_t>(v.read_claims.size());
  out.current_writers = static_cast<int64_t>(v.write_claims.size());
  out.schedulable = v.schedulable;
  out.plugin_id = v.plugin_id;
  out.provider = v.provider;
  out.controller_required = v.controller_required;
  out.controllers_healthy = v.controllers_healthy;
  out.controllers_expected = v.controllers_expected;
  out.nodes_healthy = v.nodes_healthy;
  out.nodes_expected = v.nodes_expected;
  out.resource_exhausted = v.resource_exhausted;
  out.create_index = v.create_index;
  out.modify_index = v.modify_index;
  out.create_time = v.create_time;
  out.modify_time = v.modify_time;
  return out;
}

bool is_claimed_on(const volume& v, const std::string& node_id) {
  auto all = claims_of(v);
  return std::ranges::any_of(all, [&](const auto& claim) { return claim.node_id == node_id; });
}

result<> list_volumes(const read& r, const schema::csi_volume_list_request& request, schema::csi_volume_list_response& out) {
  r.watch(state::watch_table(table::csi_volumes));
  page on(request);
  auto ns = namespace_of(request);
  state::visit<table::csi_volumes>(r.state, ns == "*" ? state::starting({}) : state::within(ns, request.prefix), [&](const ref<volume>& v) {
    bool asked = v->id.starts_with(request.prefix) && (request.plugin_id.empty() || v->plugin_id == request.plugin_id) &&
                 (request.node_id.empty() || is_claimed_on(*v, request.node_id));
    if (asked && r.shows(v->namespace_) && on.takes(v->namespace_ + "." + v->id, *v)) out.volumes.push_back(stub_of(*v));
    return !on.full();
  });
  TRY_ASSIGN(out.next_token, on.end());
  out.index = r.state.index(table::csi_volumes);
  return {};
}

result<> get_volume(const read& r, const schema::csi_volume_get_request& request, schema::csi_volume_get_response& out) {
  auto ns = namespace_of(request);
  r.watch(state::watch_record(table::csi_volumes, ns, request.id));
  auto found = state::find<table::csi_volumes>(r.state, {ns, request.id, {}});
  out.index = r.state.index(table::csi_volumes);
  if (!found) return {};
  auto shown = std::make_shared<volume>(*found);
  for (const auto& claim : claims_of(*found)) {
    r.watch(state::watch_alloc(claim.allocation_id));
    auto alloc = r.state.alloc(claim.allocation_id);
    (claim.mode == fsm::claim_mode::read ? shown->read_allocs : shown->write_allocs)[claim.allocation_id] = alloc;
    if (alloc) out.index = std::max(out.index, alloc->modify_index);
  }
  out.volume = std::move(shown);
  return {};
}

result<> list_plugins(const read& r, const schema::csi_plugin_list_request& request, schema::csi_plugin_list_response& out) {
  r.watch(state::watch_table(table::csi_plugins));
  page on(request);
  state::visit<table::csi_plugins>(r.state, state::starting(request.prefix), [&](const ref<schema::csi_plugin>& p) {
    if (on.takes(p->id, *p))
      out.plugins.push_back({.id = p->id,
                             .provider = p->provider,
                             .controller_required = p->controller_required,
                             .controllers_healthy = p->controllers_healthy,
                             .controllers_expected = p->controllers_expected,
                             .nodes_healthy = p->nodes_healthy,
                             .nodes_expected = p->nodes_expected,
                             .create_index = p->create_index,
                             .modify_index = p->modify_index});
    return !on.full();
  });
  TRY_ASSIGN(out.next_token, on.end());
  out.index = r.state.index(table::csi_plugins);
  return {};
}

// Its allocations are shown to whoever may read the jobs there.
result<> get_plugin(const read& r, const schema::csi_plugin_get_request& request, schema::csi_plugin_get_response& out) {
  r.watch(state::watch_record(table::csi_plugins, request.id));
  auto found = state::find<table::csi_plugins>(r.state, {request.id, {}, {}});
  out.index = r.state.index(table::csi_plugins);
  if (!found) return {};
  out.plugin = *found;
  std::set<std::string> ids;
  for (const auto* side : {&found->controllers, &found->nodes})
    for (const auto& [node_id, info] : *side) ids.insert(info.alloc_id);
  for (const auto& id : ids) {
    r.watch(state::watch_alloc(id));
    auto alloc = r.state.alloc(id);
    if (!alloc || (r.by != nullptr && !r.by->may->allows(alloc->namespace_, acl::capability::read_job))) continue;
    out.plugin->allocations.push_back(alloc_stub(*alloc, false, false));
    out.index = std::max(out.index, alloc->modify_index);
  }
  return {};
}

// -- writes

awaitable<result<schema::csi_volume_deregister_response>> deregister_volumes(server_context& context, schema::csi_volume_deregister_request request) {
  if (request.volume_ids.empty()) co_return fail(errc::invalid, "missing volume IDs");
  if (request.volume_ids.size() > csi_limits::volumes_max)
    co_return fail(errc::too_large, "at most {} volumes may be deregistered at once", csi_limits::volumes_max);
  request.namespace_ = namespace_of(request);
  request.auth_token.clear();
  schema::csi_volume_deregister_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::csi_volume_deregister>(request));
  co_return out;
}

awaitable<result<schema::csi_volume_claim_response>> claim_volume(server_context& context, schema::csi_volume_claim_request request) {
  if (request.volume_id.empty()) co_return fail(errc::invalid, "missing volume ID");
  if (request.claim != fsm::claim_mode::read && request.claim != fsm::claim_mode::write)
    co_return fail(errc::invalid, "claim mode {} of volume {} is none that takes it: 0 reads, 1 writes; CSIVolume.Unpublish gives it back", request.claim,
                   request.volume_id);
  auto state = context.state();
  auto alloc = state.alloc(request.allocation_id);
  if (!alloc) co_return fail(errc::not_found, "Unknown allocation: {}", request.allocation_id);
  request.namespace_ = namespace_of(request);
  request.node_id = alloc->node_id;
  request.state = fsm::claim_state::taken;
  request.timestamp = context.now_ns();
  request.auth_token.clear();
  auto found = state::find<table::csi_volumes>(state, {request.namespace_, request.volume_id, {}});
  if (!found) co_return fail(errc::not_found, "volume not found: {}", request.volume_id);
  request.external_node_id = external_node_id(state, alloc->node_id, found->plugin_id);
  co_return co_await context.csi->claim(std::move(request));
}

// Of one allocation, or of all on a node (`volume detach`).
awaitable<result<schema::csi_volume_unpublish_response>> unpublish_volume(server_context& context, schema::csi_volume_unpublish_request request) {
  if (request.volume_id.empty()) co_return fail(errc::invalid, "missing volume ID");
  if (!request.claim) co_return fail(errc::invalid, "missing volume claim");
  if (request.claim->allocation_id.empty() && request.claim->node_id.empty())
    co_return fail(errc::invalid, "the claim on volume {} names neither an allocation nor a node", request.volume_id);
  auto ns = namespace_of(request);
  auto found = state::find<table::csi_volumes>(context.state(), {ns, request.volume_id, {}});
  if (!found) co_return fail(errc::not_found, "no such volume: {}", request.volume_id);
  const auto& stands = *request.claim;
  for (auto claim : claims_of(*found)) {
    bool meant = stands.allocation_id.empty() ? claim.node_id == stands.node_id : claim.allocation_id == stands.allocation_id;
    if (!meant) continue;
    claim.state = stands.state;
    CO_TRY(co_await context.csi->release(ns, request.volume_id, claim));
  }
  schema::csi_volume_unpublish_response out;
  out.index = context.state().index(table::csi_volumes);
  co_return out;
}

awaitable<result<schema::csi_plugin_delete_response>> delete_plugin(server_context& context, schema::csi_plugin_delete_request request) {
  if (request.id.empty()) co_return fail(errc::invalid, "missing plugin ID");
  request.auth_token.clear();
  schema::csi_plugin_delete_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::csi_plugin_delete>(request));
  co_return out;
}

}  // namespace

void add_csi_methods(rpc::method_table& table, server_context& context) {
  add_read(table, context, "CSIVolume.List", &list_volumes);
  add_read(table, context, "CSIVolume.Get", &get_volume);
  add_read(table, context, "CSIPlugin.List", &list_plugins);
  add_read(table, context, "CSIPlugin.Get", &get_plugin);
  add_write(table, context, "CSIVolume.Deregister", &deregister_volumes);
  add_write(table, context, "CSIVolume.Claim", &claim_volume);
  add_write(table, context, "CSIVolume.Unpublish", &unpublish_volume);
  add_write(table, context, "CSIPlugin.Delete", &delete_plugin);
}

}  // namespace drover::server
