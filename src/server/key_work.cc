#include <algorithm>
#include <set>

#include "server/keyring.h"
#include "state/tables.h"

namespace drover::server {
namespace {

using schema::ref;
using state::table;

bool has_ended(const schema::allocation& alloc) {
  return alloc.client_status == "complete" || alloc.client_status == "failed" || alloc.client_status == "lost";
}

// Identities are signed with the key that is active then, so an allocation that came after a key was replaced has none of that key.
uint64_t oldest_live_alloc(const state::snapshot& state) {
  uint64_t oldest = UINT64_MAX;
  state.visit_allocs("", [&](const auto& alloc) {
    if (!has_ended(*alloc)) oldest = std::min(oldest, alloc->create_index);
    return true;
  });
  return oldest;
}

std::set<std::string> keys_of_nodes(const state::snapshot& state) {
  std::set<std::string> out;
  state.visit_nodes("", [&](const auto& node) {
    if (!node->identity_signing_key_id.empty()) out.insert(node->identity_signing_key_id);
    return true;
  });
  return out;
}

bool seals_something(const state::snapshot& state, const std::string& key_id) {
  return !state::visit<table::variables>(state, state::tree_id::variables_by_key, state::within(key_id), [](const auto&) { return false; });
}

void find_removable(const state::snapshot& state, const std::vector<ref<state::root_key>>& keys, const keyring_thresholds& thresholds, timestamp now,
                    bool force, key_work& out) {
  std::vector<ref<state::root_key>> old;
  for (const auto& key : keys)
    if (key->state == "inactive" && (force || timestamp(key->create_time) + thresholds.gc < now)) old.push_back(key);
  // Looking at every allocation is for the rare case.
  if (old.empty()) return;
  auto oldest = oldest_live_alloc(state);
  auto nodes = keys_of_nodes(state);
  for (const auto& key : old)
    if (oldest > key->modify_index && !nodes.contains(key->key_id) && !seals_something(state, key->key_id)) out.remove.push_back(key->key_id);
}

}  // namespace

key_work find_key_work(const state::snapshot& state, const keyring_thresholds& thresholds, timestamp now, bool force) {
  auto keys = state::collect<table::root_keys>(state, state::tree_of(table::root_keys), state::starting({}));
  key_work out;
  auto active = std::ranges::find_if(keys, [](const auto& key) { return key->state == "active"; });
  auto next = std::ranges::find_if(keys, [](const auto& key) { return key->state == "prepublished"; });
  if (next != keys.end() && timestamp((*next)->publish_time) <= now) out.promote = (*next)->key_id;
  // Half of its time before a key is replaced the next one is published, so that others learn of it before it signs.
  if (active != keys.end() && next == keys.end()) {
    auto due = timestamp((*active)->create_time) + thresholds.rotation;
    out.prepublish = due - thresholds.rotation / 2 <= now;
    out.publish_time = out.prepublish ? std::max(due, now).ns : 0;
  }
  for (const auto& key : keys)
    if (key->state == "rekeying" && active != keys.end()) out.rekey.push_back(key->key_id);
  find_removable(state, keys, thresholds, now, force, out);
  return out;
}

}  // namespace drover::server
