#include "server/peers.h"

#include <set>

namespace drover::server {

void peers::tell(const std::string& name) {
  // A listener may stop listening while it is told.
  auto listeners = listeners_;
  for (const auto& [number, changed] : listeners)
    if (listeners_.contains(number)) changed(name);
}

void peers::put(peer p) {
  auto name = p.name;
  auto& place = all_[name];
  if (place == p) return;
  place = std::move(p);
  tell(name);
}

void peers::remove(const std::string& name) {
  if (all_.erase(name) > 0) tell(name);
}

const peer* peers::by_name(const std::string& name) const {
  auto it = all_.find(name);
  return it == all_.end() ? nullptr : &it->second;
}

const peer* peers::by_id(const std::string& id) const {
  for (const auto& [name, each] : all_)
    if (each.id == id) return &each;
  return nullptr;
}

const peer* peers::by_raft_id(uint64_t raft_id) const {
  for (const auto& [name, each] : all_)
    if (each.raft_id == raft_id) return &each;
  return nullptr;
}

std::vector<peer> peers::alive_in(const std::string& region) const {
  std::vector<peer> out;
  for (const auto& [name, each] : all_)
    if (each.region == region && each.status == peer_status::alive) out.push_back(each);
  return out;
}

std::vector<std::string> peers::regions() const {
  std::set<std::string> out;
  for (const auto& [name, each] : all_)
    if (each.status != peer_status::left) out.insert(each.region);
  return {out.begin(), out.end()};
}

size_t peers::listen(std::function<void(const std::string&)> changed) {
  listeners_[next_listener_] = std::move(changed);
  return next_listener_++;
}

void peers::ignore(size_t listener) { listeners_.erase(listener); }

}  // namespace drover::server
