// Which nodes are alive: a deadline a node, renewed by every heartbeat. The leader's alone; loop thread only.
//
// TTLs grow with the number of nodes so that heartbeats per second stay bounded (shared facts, "Heartbeat formulas").
#pragma once

#include <algorithm>

#include <functional>
#include <map>
#include <string>
#include <unordered_map>

#include "env/clock.h"
#include "env/random.h"
#include "net/event.h"
#include "net/task_scope.h"
#include "server/options.h"

namespace drover::server {

// The shortest TTL of a fleet: so long that all of it sends no more than that many heartbeats a second. A node gets one to two times that.
inline duration heartbeat_ttl(size_t nodes, duration least, double per_second_max) {
  return std::max(least, duration(static_cast<int64_t>(static_cast<double>(nodes) / per_second_max * 1e9)));
}

class heartbeats {
 public:
  heartbeats(net::loop& l, const env::clock& clock, env::random& random, const server_options& options);

  void set_enabled(bool enabled);
  // The node is alive; answers after how long it should say so again.
  duration renew(const std::string& node_id);
  // A new leader gives every node time to find it.
  void give_grace(const std::string& node_id);
  // The node need not be heard of before that; then on_missed is called.
  void expect(const std::string& node_id, duration from_now);
  void forget(const std::string& node_id);
  bool tracks(const std::string& node_id) const { return deadlines_.contains(node_id); }
  size_t size() const { return deadlines_.size(); }
  // Nodes that should have been heard by now and are only within their grace.
  size_t late() const;
  // Called once for each node whose deadline passed.
  std::function<void(std::string node_id)> on_missed;
  net::awaitable<void> stop() { co_await scope_.stop(); }

 private:
  void set_deadline(const std::string& node_id, duration from_now);
  net::awaitable<void> run();

  const env::clock& clock_;
  env::random& random_;
  const server_options& options_;
  bool enabled_ = false;
  std::unordered_map<std::string, timestamp> deadlines_;
  std::multimap<timestamp, std::string> order_;
  net::event changed_;
  net::task_scope scope_;
};

}  // namespace drover::server
