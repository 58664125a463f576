#include "server/heartbeats.h"

#include <algorithm>

namespace drover::server {

heartbeats::heartbeats(net::loop& l, const env::clock& clock, env::random& random, const server_options& options)
    : clock_(clock), random_(random), options_(options), scope_(l, log::logger("nomad.heartbeat")) {
  scope_.spawn(run());
}

void heartbeats::set_enabled(bool enabled) {
  enabled_ = enabled;
  if (enabled) return;
  deadlines_.clear();
  order_.clear();
}

duration heartbeats::renew(const std::string& node_id) {
  auto base = heartbeat_ttl(deadlines_.size(), options_.min_heartbeat_ttl, options_.max_heartbeats_per_second);
  auto ttl = base + duration(static_cast<int64_t>(random_.below(static_cast<uint64_t>(base.ns) + 1)));
  if (enabled_) set_deadline(node_id, ttl + options_.heartbeat_grace);
  return ttl;
}

void heartbeats::give_grace(const std::string& node_id) {
  if (enabled_) set_deadline(node_id, options_.failover_heartbeat_ttl);
}

void heartbeats::expect(const std::string& node_id, duration from_now) {
  if (enabled_) set_deadline(node_id, from_now);
}

size_t heartbeats::late() const { return static_cast<size_t>(std::distance(order_.begin(), order_.upper_bound(clock_.now() + options_.heartbeat_grace))); }

void heartbeats::forget(const std::string& node_id) {
  auto it = deadlines_.find(node_id);
  if (it == deadlines_.end()) return;
  auto [first, last] = order_.equal_range(it->second);
  order_.erase(std::find_if(first, last, [&](const auto& entry) { return entry.second == node_id; }));
  deadlines_.erase(it);
}

void heartbeats::set_deadline(const std::string& node_id, duration from_now) {
  forget(node_id);
  auto when = clock_.now() + from_now;
  deadlines_[node_id] = when;
  auto it = order_.emplace(when, node_id);
  if (it == order_.begin()) changed_.notify_all();
}

net::awaitable<void> heartbeats::run() {
  for (;;) {
    auto until = order_.empty() ? net::never : net::after(std::max(duration(0), order_.begin()->first - clock_.now()));
    co_await changed_.wait(until);
    while (!order_.empty() && order_.begin()->first <= clock_.now()) {
      auto node_id = order_.begin()->second;
      forget(node_id);
      if (on_missed) on_missed(std::move(node_id));
    }
  }
}

}  // namespace drover::server
