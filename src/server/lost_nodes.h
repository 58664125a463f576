// What the leader does about nodes that fall silent: a missed heartbeat makes a node "down", or "disconnected" while one of its allocations may
// wait for it (group.disconnect.lost_after); not at once when many are missing (storm_guard.h).
//
// A new leader knows nothing of the heartbeats before it and gives every node failover_heartbeat_ttl. Loop thread only; works on the leader.
#pragma once

#include <string>

#include "net/event.h"
#include "net/task_scope.h"
#include "server/context.h"
#include "server/storm_guard.h"

namespace drover::server {

class lost_nodes {
 public:
  explicit lost_nodes(server_context& context);

  void establish();
  void revoke();
  // The node has registered or said that it lives.
  void heard(const std::string& node_id);
  size_t held() const { return guard_.held(); }
  net::awaitable<void> stop() { co_await scope_.stop(); }

 private:
  void missed(std::string node_id);
  net::awaitable<void> mark(std::string node_id);
  net::awaitable<void> watch();

  server_context& context_;
  log::logger logger_;
  bool leading_ = false;
  storm_guard guard_;
  net::event changed_;
  net::task_scope scope_;
};

// How long the allocations of a node that fell silent let it stay "disconnected", counted from now; nothing: it is down.
std::optional<duration> disconnected_for(const state::snapshot& state, const schema::node& node, timestamp now);

}  // namespace drover::server
