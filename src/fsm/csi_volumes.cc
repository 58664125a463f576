#include "fsm/csi_volumes.h"

#include <algorithm>
#include <set>

#include "codec/compare.h"
#include "fsm/apply.h"
#include "fsm/upsert.h"

namespace drover::fsm {
namespace {

using plugins_of = std::map<std::string, schema::csi_info>;

// What a node says of a plugin; null: nothing.
const schema::csi_info* info_of(const plugins_of& all, const std::string& id) {
  auto it = all.find(id);
  return it == all.end() ? nullptr : &it->second;
}

void take_info(plugins_of& into, const std::string& node_id, const schema::csi_info* info, bool is_down) {
  if (info == nullptr) {
    into.erase(node_id);
    return;
  }
  auto& kept = into[node_id] = *info;
  if (is_down) {
    kept.healthy = false;
    kept.health_description = "node is down";
  }
}

int64_t healthy_of(const plugins_of& all) {
  return std::ranges::count_if(all, [](const auto& each) { return each.second.healthy; });
}

void count_up(schema::csi_plugin& p) {
  p.controller_required = false;
  for (const auto* side : {&p.controllers, &p.nodes})
    for (const auto& [node, info] : *side) {
      p.controller_required = p.controller_required || info.requires_controller_plugin;
      if (!info.provider.empty()) p.provider = info.provider;
      if (!info.provider_version.empty()) p.version = info.provider_version;
    }
  p.controllers_healthy = healthy_of(p.controllers);
  p.controllers_expected = static_cast<int64_t>(p.controllers.size());
  p.nodes_healthy = healthy_of(p.nodes);
  p.nodes_expected = static_cast<int64_t>(p.nodes.size());
}

void update_volumes_of(context& c, const std::string& plugin_id) {
  for (const auto& stored : state::collect<table::csi_volumes>(c.state(), state::tree_id::csi_volumes_by_plugin, state::within(plugin_id))) {
    auto volume = *stored;
    take_plugin(c.state(), volume);
    bool same = volume.schedulable == stored->schedulable && volume.provider == stored->provider && volume.provider_version == stored->provider_version &&
                volume.controller_required == stored->controller_required && volume.controllers_healthy == stored->controllers_healthy &&
                volume.controllers_expected == stored->controllers_expected && volume.nodes_healthy == stored->nodes_healthy &&
                volume.nodes_expected == stored->nodes_expected;
    if (same) continue;
    volume.modify_index = c.index();
    c.put<table::csi_volumes>(std::move(volume));
  }
}

void update_plugin(context& c, const std::string& id, const schema::node* before, const schema::node* now) {
  const auto& node_id = now != nullptr ? now->id : before->id;
  const bool is_down = now != nullptr && now->status == word::down;
  const auto stored = state::find<table::csi_plugins>(c.state(), {id, {}, {}});
  schema::csi_plugin p;
  if (stored) p = *stored;
  p.id = id;
  take_info(p.controllers, node_id, now == nullptr ? nullptr : info_of(now->csi_controller_plugins, id), is_down);
  take_info(p.nodes, node_id, now == nullptr ? nullptr : info_of(now->csi_node_plugins, id), is_down);
  if (p.controllers.empty() && p.nodes.empty()) {
    if (stored) c.erase<table::csi_plugins>({id, {}, {}});
  } else {
    count_up(p);
    upsert<table::csi_plugins>(c, p, {id, {}, {}});
  }
  update_volumes_of(c, id);
}

bool says_the_same(const schema::node& a, const schema::node& b) {
  auto same = [](const plugins_of& one, const plugins_of& other) {
    return std::ranges::equal(one, other,
                              [](const auto& x, const auto& y) { return x.first == y.first && codec::equal(schema::view(x.second), schema::view(y.second)); });
  };
  return (a.status == word::down) == (b.status == word::down) && same(a.csi_controller_plugins, b.csi_controller_plugins) &&
         same(a.csi_node_plugins, b.csi_node_plugins);
}

// ---- claims ----

bool writes(std::string_view mode) { return mode == "single-node-writer" || mode == "multi-node-single-writer" || mode == "multi-node-multi-writer"; }

result<> check_usable(const schema::csi_volume& v) {
  if (v.schedulable && v.resource_exhausted.is_zero()) return {};
  return fail(errc::conflict, "volume is currently unschedulable: {}", v.id);
}

result<> check_read(const schema::csi_volume& v) {
  TRY(check_usable(v));
  bool taken = (v.access_mode == "single-node-reader-only" && !v.read_claims.empty()) ||
               (v.access_mode == "single-node-writer" && !(v.read_claims.empty() && v.write_claims.empty()));
  if (taken) return fail(errc::conflict, "volume max claims reached: {}", v.id);
  return {};
}

result<> check_write(const schema::csi_volume& v) {
  TRY(check_usable(v));
  bool can =
      v.access_mode.empty() ? std::ranges::any_of(v.requested_capabilities, [](const auto& each) { return writes(each.access_mode); }) : writes(v.access_mode);
  if (!can) return fail(errc::conflict, "volume is currently unschedulable: {} cannot be written to", v.id);
  bool single = v.access_mode == "single-node-writer" || v.access_mode == "multi-node-single-writer";
  if (single && !v.write_claims.empty()) return fail(errc::conflict, "volume max claims reached: {}", v.id);
  return {};
}

schema::csi_volume_claim claim_of(const schema::csi_volume_claim_request& r) {
  return {.allocation_id = r.allocation_id,
          .node_id = r.node_id,
          .external_node_id = r.external_node_id,
          .mode = r.claim,
          .access_mode = r.access_mode,
          .attachment_mode = r.attachment_mode,
          .state = r.state};
}

result<> take_claim(context& c, schema::csi_volume& v, const schema::csi_volume_claim_request& r) {
  bool is_write = r.claim == claim_mode::write;
  auto& own = is_write ? v.write_claims : v.read_claims;
  auto& other = is_write ? v.read_claims : v.write_claims;
  if (own.contains(r.allocation_id)) return {};
  if (!c.state().alloc(r.allocation_id)) return fail(errc::not_found, "allocation missing: {}", r.allocation_id);
  if (!v.attachment_mode.empty() && !r.attachment_mode.empty() && v.attachment_mode != r.attachment_mode)
    return fail(errc::conflict, "cannot change attachment mode of claimed volume: {} is attached as {}", v.id, v.attachment_mode);
  TRY(is_write ? check_write(v) : check_read(v));
  own[r.allocation_id] = claim_of(r);
  other.erase(r.allocation_id);
  v.past_claims.erase(r.allocation_id);
  if (v.attachment_mode.empty()) v.attachment_mode = r.attachment_mode;
  if (v.access_mode.empty()) v.access_mode = r.access_mode;
  return {};
}

void release_claim(schema::csi_volume& v, const schema::csi_volume_claim_request& r) {
  if (r.state != claim_state::ready_to_free) {
    v.past_claims[r.allocation_id] = claim_of(r);
    return;
  }
  v.read_claims.erase(r.allocation_id);
  v.write_claims.erase(r.allocation_id);
  v.past_claims.erase(r.allocation_id);
  if (!v.read_claims.empty() || !v.write_claims.empty() || !v.past_claims.empty()) return;
  v.access_mode.clear();
  v.attachment_mode.clear();
}

}  // namespace

void take_plugin(const state::snapshot& state, schema::csi_volume& v) {
  const auto plugin = state::find<table::csi_plugins>(state, {v.plugin_id, {}, {}});
  static const schema::csi_plugin none;
  const auto& p = plugin ? *plugin : none;
  if (plugin) {
    v.provider = p.provider;
    v.provider_version = p.version;
    v.controller_required = p.controller_required;
  }
  v.controllers_healthy = p.controllers_healthy;
  v.controllers_expected = p.controllers_expected;
  v.nodes_healthy = p.nodes_healthy;
  v.nodes_expected = p.nodes_expected;
  v.schedulable = p.nodes_healthy > 0 && (!p.controller_required || p.controllers_healthy > 0);
}

void update_csi_plugins(context& c, const schema::node* before, const schema::node* now) {
  if (before != nullptr && now != nullptr && says_the_same(*before, *now)) return;
  std::set<std::string> touched;
  for (const auto* node : {before, now})
    if (node != nullptr)
      for (const auto* side : {&node->csi_controller_plugins, &node->csi_node_plugins})
        for (const auto& [id, info] : *side) touched.insert(id);
  for (const auto& id : touched) update_plugin(c, id, before, now);
}

result<std::any> apply_csi_volume_register(context& c, const schema::csi_volume_register_request& request) {
  for (const auto& wanted : request.volumes) {
    auto volume = *wanted;
    volume.namespace_ = namespace_of(volume.namespace_.empty() ? request.namespace_ : volume.namespace_);
    volume.modify_time = request.timestamp;
    volume.create_time = request.timestamp;
    if (const auto stored = state::find<table::csi_volumes>(c.state(), {volume.namespace_, volume.id, {}})) {
      if (volume.external_id != stored->external_id || volume.plugin_id != stored->plugin_id)
        return fail(errc::conflict, "volume identity cannot be updated: {}", volume.id);
      volume.create_time = stored->create_time;
      // Whoever registers it again says nothing about who uses it.
      volume.read_claims = stored->read_claims;
      volume.write_claims = stored->write_claims;
      volume.past_claims = stored->past_claims;
      volume.access_mode = stored->access_mode;
      volume.attachment_mode = stored->attachment_mode;
    }
    volume.read_allocs.clear();
    volume.write_allocs.clear();
    take_plugin(c.state(), volume);
    upsert<table::csi_volumes>(c, volume, {volume.namespace_, volume.id, {}});
  }
  return std::any();
}

result<std::any> apply_csi_volume_deregister(context& c, const schema::csi_volume_deregister_request& request) {
  for (const auto& id : request.volume_ids) {
    const auto ns = namespace_of(request.namespace_);
    const auto stored = state::find<table::csi_volumes>(c.state(), {ns, id, {}});
    if (!stored) return fail(errc::not_found, "volume not found: {}", id);
    // Claims of allocations that have ended, which cannot be released any more, may be forgotten; those of living ones never.
    bool used = false, lives = false;
    for (const auto* claims : {&stored->read_claims, &stored->write_claims})
      for (const auto& [alloc_id, claim] : *claims) {
        const auto alloc = c.state().alloc(alloc_id);
        used = true;
        lives = lives || (alloc && !is_client_terminal(*alloc));
      }
    if (lives || (used && !request.force)) return fail(errc::conflict, "volume in use: {}", id);
    c.erase<table::csi_volumes>({ns, id, {}});
  }
  return std::any();
}

result<std::any> apply_csi_volume_claim(context& c, const schema::csi_volume_claim_request& request) {
  auto ns = std::string(namespace_of(request.namespace_));
  const auto stored = state::find<table::csi_volumes>(c.state(), {ns, request.volume_id, {}});
  if (!stored) return fail(errc::not_found, "volume not found: {}", request.volume_id);
  auto volume = *stored;
  if (request.state == claim_state::taken && (request.claim == claim_mode::read || request.claim == claim_mode::write)) TRY(take_claim(c, volume, request));
  else release_claim(volume, request);
  volume.modify_time = request.timestamp;
  upsert<table::csi_volumes>(c, volume, {ns, volume.id, {}});
  return std::any();
}

result<std::any> apply_csi_plugin_delete(context& c, const schema::csi_plugin_delete_request& request) {
  const auto stored = state::find<table::csi_plugins>(c.state(), {request.id, {}, {}});
  // As often as it likes.
  if (!stored) return std::any();
  if (!stored->controllers.empty() || !stored->nodes.empty()) return fail(errc::conflict, "plugin in use: {}", request.id);
  c.erase<table::csi_plugins>({request.id, {}, {}});
  return std::any();
}

}  // namespace drover::fsm
