#include "server/lost_nodes.h"

#include <algorithm>

#include "sched/reconcile/disconnect.h"
#include "sched/reconcile/reconciler.h"
#include "schema/node_rpc.h"
#include "server/heartbeats.h"
#include "server/limits.h"

namespace drover::server {

using schema::ref;

std::optional<duration> disconnected_for(const state::snapshot& state, const schema::node& node, timestamp now) {
  if (node.status != "ready" && node.status != "disconnected") return std::nullopt;
  std::optional<duration> longest;
  state.visit_allocs_by_node(node.id, [&](const ref<schema::allocation>& alloc) {
    if (alloc->desired_status != "run" || sched::client_terminal(*alloc) || !alloc->job) return true;
    auto lost_after = sched::disconnect_rule_of(sched::find_group(*alloc->job, alloc->task_group)).lost_after;
    if (lost_after.ns <= 0) return true;
    auto since = alloc->client_status == "unknown" ? sched::last_unknown(*alloc) : now;
    auto left = since + lost_after - now;
    if (left.ns > 0) longest = std::max(longest.value_or(left), left);
    return true;
  });
  return longest;
}

lost_nodes::lost_nodes(server_context& context)
    : context_(context), logger_("nomad.heartbeat"), guard_(context.options.failover_heartbeat_ttl), scope_(context.loop, logger_) {
  context_.heartbeats->on_missed = [this](std::string node_id) { missed(std::move(node_id)); };
  scope_.spawn(watch());
}

void lost_nodes::establish() {
  leading_ = true;
  guard_.clear();
  context_.heartbeats->set_enabled(true);
  context_.store.current().visit_nodes("", [&](const ref<schema::node>& node) {
    if (node->status != "down") context_.heartbeats->give_grace(node->id);
    return true;
  });
}

void lost_nodes::revoke() {
  leading_ = false;
  guard_.clear();
  context_.heartbeats->set_enabled(false);
}

void lost_nodes::heard(const std::string& node_id) {
  if (!guard_.heard(node_id, context_.clock.now()) || guard_.held() > 0) return;
  logger_.info("the last node that was missing came back", {{"node_id", node_id}});
}

void lost_nodes::missed(std::string node_id) {
  if (!leading_) return;
  bool first = guard_.held() == 0;
  auto tracked = context_.heartbeats->size();
  // Once some are held it no longer matters who else is late, and counting them for each of many would take its square.
  const auto late = first ? context_.heartbeats->late() : 0;
  auto lost = guard_.missed(node_id, {.nodes = tracked + guard_.held() + 1, .late = late}, context_.clock.now());
  if (lost) {
    scope_.spawn(&lost_nodes::mark, this, std::move(node_id));
    return;
  }
  if (first)
    logger_.warn("many nodes are missing at once: their loss is held back until the fleet has settled",
                 {{"node_id", node_id}, {"nodes", tracked + 1}, {"late", late}});
  changed_.notify_all();
}

// Says every now and then what is held back, and lets go of it in the end.
net::awaitable<void> lost_nodes::watch() {
  for (;;) {
    auto when = guard_.settles_at();
    if (!when) {
      co_await changed_.wait();
      continue;
    }
    auto now = context_.clock.now();
    co_await net::sleep_for(std::clamp(*when - now, milliseconds(1), storm_log_interval));
    now = context_.clock.now();
    auto lost = guard_.settle(now);
    if (!lost.empty()) logger_.warn("the fleet has settled: nodes are lost", {{"nodes", lost.size()}});
    else if (guard_.held() > 0) logger_.info(guard_.describe(now));
    for (auto& node_id : lost) co_await mark(std::move(node_id));
  }
}

net::awaitable<void> lost_nodes::mark(std::string node_id) {
  auto state = context_.state();
  auto node = state.node(node_id);
  // It may have been heard of while it waited here.
  if (!leading_ || !node || node->status == "down" || context_.heartbeats->tracks(node_id)) co_return;
  auto waits = disconnected_for(state, *node, context_.clock.now());
  if (waits && node->status == "disconnected") {
    context_.heartbeats->expect(node_id, *waits);
    co_return;
  }
  logger_.warn("node TTL expired", {{"node_id", node_id}});
  schema::node_event event;
  event.subsystem = "Cluster";
  event.message = "Node heartbeat missed";
  event.timestamp = context_.clock.now();
  schema::node_update_status_request request;
  request.node_id = node_id;
  request.status = waits ? "disconnected" : "down";
  request.node_event = event;
  // Through the method, which also writes the evaluations that follow.
  auto answer = co_await context_.call<schema::node_update_response>("Node.UpdateStatus", std::move(request));
  if (!leading_) co_return;
  if (answer) {
    // When nobody waits for it any more it is down.
    if (waits) context_.heartbeats->expect(node_id, *waits);
    co_return;
  }
  logger_.error("a lost node could not be marked as such", {{"node_id", node_id}, {"error", answer.error().text()}});
  context_.heartbeats->give_grace(node_id);
}

}  // namespace drover::server
