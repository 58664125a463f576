// Node drains: the leader moves allocations off draining nodes, a few of each group at a time, and ends the drain when nothing is left.
// Loop thread only; next_drain_step() is pure.
//
// What a drain does with each kind of job (Nomad's documentation, "Drain nodes"): service allocations move as their group's migrate block
// allows; batch and sysbatch allocations may finish until the deadline; system allocations go last, unless the drain ignores them. At the
// deadline, or at once with a forced drain, everything moves.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "net/event.h"
#include "net/task_scope.h"
#include "schema/node.h"
#include "server/context.h"

namespace drover::server {

struct drain_step {
  // To be told to migrate now.
  std::vector<std::string> migrate;
  // Their jobs, by namespace and id: each gets an evaluation.
  std::set<std::pair<std::string, std::string>> jobs;
  // Nodes whose drain is over.
  std::vector<std::string> done;
  // Zero: only a change of state makes another look worthwhile.
  timestamp look_again;
};
drain_step next_drain_step(const state::snapshot& state, const std::set<std::string>& draining_nodes, timestamp now);

class drainer {
 public:
  explicit drainer(server_context& context);

  void set_enabled(bool enabled);
  // A node was stored, changed or removed.
  void node_changed(const std::string& node_id);
  // Any allocation changed; costs nothing while no node drains.
  void alloc_changed() {
    if (!nodes_.empty()) changed_.set();
  }
  net::awaitable<void> stop() { co_await scope_.stop(); }

 private:
  net::awaitable<void> run();
  net::awaitable<result<>> carry_out(drain_step step);
  net::awaitable<result<>> finish(const std::vector<std::string>& nodes);

  server_context& context_;
  log::logger logger_{"nomad.drain"};
  std::set<std::string> nodes_;
  timestamp look_again_;
  net::event changed_;
  net::task_scope scope_;
};

}  // namespace drover::server
