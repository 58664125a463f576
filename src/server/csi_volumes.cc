#include "server/csi_volumes.h"

#include <algorithm>

#include "fsm/csi_volumes.h"
#include "server/csi_limits.h"
#include "server/replicator.h"
#include "state/tables.h"

namespace drover::server {

using net::awaitable;
using schema::csi_volume_claim;
using state::table;
namespace claim_state = fsm::claim_state;

namespace {

bool has_ended(const schema::allocation& alloc) {
  return alloc.client_status == "complete" || alloc.client_status == "failed" || alloc.client_status == "lost";
}

// How far a release in that state has come.
int rank_of(int64_t state) {
  switch (state) {
    case claim_state::unpublishing: return 1;
    case claim_state::node_detached: return 2;
    case claim_state::controller_detached: return 3;
    case claim_state::ready_to_free: return 4;
    default: return 0;
  }
}

schema::csi_volume_claim_request request_of(const csi_volume_claim& claim) {
  schema::csi_volume_claim_request r;
  r.allocation_id = claim.allocation_id;
  r.node_id = claim.node_id;
  r.external_node_id = claim.external_node_id;
  r.claim = claim.mode;
  r.access_mode = claim.access_mode;
  r.attachment_mode = claim.attachment_mode;
  return r;
}

}  // namespace

std::vector<std::string> controllers_of(const state::snapshot& state, const std::string& plugin_id) {
  std::vector<std::string> out;
  auto plugin = state::find<table::csi_plugins>(state, {plugin_id, {}, {}});
  if (!plugin) return out;
  for (const auto& [node_id, info] : plugin->controllers)
    if (info.healthy) out.push_back(node_id);
  return out;
}

bool claim_is_over(const state::snapshot& state, const csi_volume_claim& claim) {
  auto alloc = state.alloc(claim.allocation_id);
  return !alloc || has_ended(*alloc);
}

std::vector<csi_volume_claim> claims_of(const schema::csi_volume& volume) {
  auto all = volume.past_claims;
  for (const auto* side : {&volume.read_claims, &volume.write_claims}) all.insert(side->begin(), side->end());
  std::vector<csi_volume_claim> out;
  for (auto& [alloc_id, claim] : all) {
    out.push_back(claim);
    out.back().allocation_id = alloc_id;
  }
  return out;
}

bool attaches(const schema::csi_plugin& plugin) {
  return std::ranges::any_of(plugin.controllers,
                             [](const auto& each) { return each.second.controller_info && each.second.controller_info->supports_attach_detach; });
}

std::string external_node_id(const state::snapshot& state, const std::string& node_id, const std::string& plugin_id) {
  auto node = state.node(node_id);
  if (!node) return {};
  auto plugin = node->csi_node_plugins.find(plugin_id);
  return plugin == node->csi_node_plugins.end() || !plugin->second.node_info ? std::string() : plugin->second.node_info->id;
}

csi_volumes::csi_volumes(server_context& context) : context_(context), scope_(context.loop, context.logger.named("csi")) { scope_.spawn(run()); }

void csi_volumes::set_enabled(bool enabled) {
  enabled_ = enabled;
  changed_.set();
}

void csi_volumes::note_alloc(const schema::allocation* after) {
  if (enabled_ && (after == nullptr || has_ended(*after)) && state::count(context_.state(), table::csi_volumes) > 0) changed_.set();
}

// ---- the leader's watch ----

awaitable<void> csi_volumes::run() {
  auto next = net::never;
  for (;;) {
    co_await changed_.wait(next);
    changed_.reset();
    next = enabled_ ? look() : net::never;
  }
}

// Begins what is due; when to look again.
net::time_point csi_volumes::look() {
  auto state = context_.state();
  auto now = net::now();
  auto next = net::never;
  if (state::count(state, table::csi_volumes) == 0) return next;
  state::visit<table::csi_volumes>(state, state::starting({}), [&](const auto& volume) {
    for (auto& claim : claims_of(*volume)) {
      if (rank_of(claim.state) == 0 && !claim_is_over(state, claim)) continue;
      key which{volume->namespace_, volume->id, claim.allocation_id};
      auto& attempt = attempts_.try_emplace(which, server::csi_volumes::attempt{.runs = false, .next = now, .pause = csi_limits::release_retry}).first->second;
      if (attempt.runs) continue;
      if (attempt.next > now) {
        next = std::min(next, attempt.next);
        continue;
      }
      attempt.runs = true;
      scope_.spawn(&csi_volumes::finish, this, which, claim);
    }
    return true;
  });
  return std::min(next, net::after(csi_limits::look_interval));
}

awaitable<void> csi_volumes::finish(key which, csi_volume_claim claim) {
  const auto& [ns, id, alloc_id] = which;
  auto done = co_await release(ns, id, claim);
  auto found = attempts_.find(which);
  if (found == attempts_.end()) co_return;
  if (done) {
    attempts_.erase(found);
    co_return;
  }
  auto& attempt = found->second;
  logger_.warn("cannot release a volume claim yet", {{"volume", id}, {"namespace", ns}, {"alloc_id", alloc_id}, {"error", done.error().text()}});
  attempt.runs = false;
  attempt.next = net::after(attempt.pause);
  attempt.pause = std::min(attempt.pause * 2, csi_limits::release_retry_max);
  changed_.set();
}

// ---- the steps ----

awaitable<result<>> csi_volumes::store_step(const std::string& ns, const std::string& volume_id, csi_volume_claim& claim, int64_t to) {
  auto r = request_of(claim);
  r.namespace_ = ns;
  r.volume_id = volume_id;
  r.state = to;
  r.timestamp = context_.now_ns();
  CO_TRY(co_await context_.replicate->apply<fsm::command_type::csi_volume_claim>(r));
  claim.state = to;
  co_return result<>{};
}

awaitable<result<>> csi_volumes::detach_from_node(ref<schema::csi_volume> volume, csi_volume_claim claim) {
  auto node = context_.state().node(claim.node_id);
  // Nobody there who could: what it had mounted went with it.
  if (!node || node->status == "down") co_return result<>{};
  schema::client_csi_node_detach_volume_request r;
  r.plugin_id = volume->plugin_id;
  r.volume_id = volume->id;
  r.volume_namespace = volume->namespace_;
  r.alloc_id = claim.allocation_id;
  r.node_id = claim.node_id;
  r.external_id = volume->external_id.empty() ? volume->id : volume->external_id;
  r.attachment_mode = claim.attachment_mode;
  r.access_mode = claim.access_mode;
  r.read_only = claim.mode == fsm::claim_mode::read;
  auto done = co_await ask_node<schema::client_csi_node_detach_volume_request, schema::client_csi_node_detach_volume_response>(
      context_, claim.node_id, "ClientCSI.NodeDetachVolume", std::move(r));
  if (!done) co_return wrap(done.error(), "could not detach from node");
  co_return result<>{};
}

// True: a controller was asked.
awaitable<result<bool>> csi_volumes::detach_from_controller(ref<schema::csi_volume> volume, csi_volume_claim claim) {
  if (!volume->controller_required) co_return false;
  auto state = context_.state();
  auto plugin = state::find<table::csi_plugins>(state, {volume->plugin_id, {}, {}});
  if (!plugin) co_return fail(errc::unavailable, "no such plugin: \"{}\"", volume->plugin_id);
  if (!attaches(*plugin)) co_return false;
  // The last user of the volume on that node detaches it.
  for (const auto& other : claims_of(*volume))
    if (other.node_id == claim.node_id && other.allocation_id != claim.allocation_id) co_return false;
  schema::client_csi_controller_detach_volume_request r;
  r.plugin_id = volume->plugin_id;
  r.volume_id = volume->external_id.empty() ? volume->id : volume->external_id;
  r.client_csi_node_id = claim.external_node_id.empty() ? external_node_id(state, claim.node_id, volume->plugin_id) : claim.external_node_id;
  r.secrets = volume->secrets;
  // It was never attached either.
  if (r.client_csi_node_id.empty()) co_return false;
  auto done = co_await ask_controller<schema::client_csi_controller_detach_volume_request, schema::client_csi_controller_detach_volume_response>(
      "ClientCSI.ControllerDetachVolume", std::move(r));
  if (!done) co_return wrap(done.error(), "could not detach from controller");
  co_return true;
}

awaitable<result<>> csi_volumes::release(std::string ns, std::string volume_id, csi_volume_claim stands) {
  auto turn = co_await volume_turns_.take(ns + "/" + volume_id);
  auto current = [&] { return state::find<table::csi_volumes>(context_.state(), {ns, volume_id, {}}); };
  auto volume = current();
  if (!volume) co_return result<>{};
  auto known = claims_of(*volume);
  auto found = std::ranges::find(known, stands.allocation_id, &csi_volume_claim::allocation_id);
  if (found == known.end()) co_return result<>{};
  auto claim = *found;
  auto begun = std::max(rank_of(stands.state), 1);
  if (begun > rank_of(claim.state)) CO_TRY(co_await store_step(ns, volume_id, claim, rank_of(stands.state) > 0 ? stands.state : claim_state::unpublishing));
  if (rank_of(claim.state) < rank_of(claim_state::node_detached)) {
    CO_TRY(co_await detach_from_node(volume, claim));
    CO_TRY(co_await store_step(ns, volume_id, claim, claim_state::node_detached));
  }
  if (rank_of(claim.state) < rank_of(claim_state::controller_detached)) {
    if (volume = current(); !volume) co_return result<>{};
    CO_TRY_ASSIGN(bool asked, co_await detach_from_controller(volume, claim));
    if (asked) CO_TRY(co_await store_step(ns, volume_id, claim, claim_state::controller_detached));
  }
  auto freed = co_await store_step(ns, volume_id, claim, claim_state::ready_to_free);
  if (!freed && freed.error().code() != errc::not_found) co_return freed;
  logger_.debug("volume claim released", {{"volume", volume_id}, {"namespace", ns}, {"alloc_id", claim.allocation_id}});
  co_return result<>{};
}

awaitable<result<schema::csi_volume_claim_response>> csi_volumes::claim(schema::csi_volume_claim_request r) {
  // Or what is attached for this claim could be detached by a release that has not seen it.
  auto turn = co_await volume_turns_.take(r.namespace_ + "/" + r.volume_id);
  schema::csi_volume_claim_response out;
  CO_TRY_ASSIGN(out.index, co_await context_.replicate->apply<fsm::command_type::csi_volume_claim>(r));
  out.volume = state::find<table::csi_volumes>(context_.state(), {r.namespace_, r.volume_id, {}});
  if (!out.volume) co_return fail(errc::not_found, "volume not found: {}", r.volume_id);
  auto published = co_await publish(out.volume, std::move(r));
  if (!published) co_return wrap(published.error(), "controller publish");
  out.publish_context = std::move(*published);
  co_return out;
}

awaitable<result<std::map<std::string, std::string>>> csi_volumes::publish(ref<schema::csi_volume> volume, schema::csi_volume_claim_request claim) {
  std::map<std::string, std::string> none;
  if (!volume->controller_required) co_return none;
  auto state = context_.state();
  auto plugin = state::find<table::csi_plugins>(state, {volume->plugin_id, {}, {}});
  if (!plugin) co_return fail(errc::unavailable, "plugin not found: {}", volume->plugin_id);
  if (!attaches(*plugin)) co_return none;
  if (claim.external_node_id.empty())
    co_return fail(errc::unavailable, "missing external node ID: node plugin \"{}\" is not running or has not fingerprinted on client \"{}\"",
                   volume->plugin_id, claim.node_id);
  schema::client_csi_controller_attach_volume_request r;
  r.plugin_id = volume->plugin_id;
  r.volume_id = volume->external_id.empty() ? volume->id : volume->external_id;
  r.client_csi_node_id = claim.external_node_id;
  r.attachment_mode = claim.attachment_mode;
  r.access_mode = claim.access_mode;
  r.mount_options = volume->mount_options;
  r.read_only = claim.claim == fsm::claim_mode::read;
  r.secrets = volume->secrets;
  r.volume_context = volume->context;
  auto done = co_await ask_controller<schema::client_csi_controller_attach_volume_request, schema::client_csi_controller_attach_volume_response>(
      "ClientCSI.ControllerAttachVolume", std::move(r));
  if (!done) co_return fail(done.error());
  co_return std::move(done->publish_context);
}

}  // namespace drover::server
