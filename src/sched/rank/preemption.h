// Which allocations of lower priority would have to go so that one more fits a node. Pure.
//
// Only allocations of jobs whose priority is at least 10 below may go. The lowest priority goes first; within one priority what is nearest
// to the shortage, and rather not more of a group at once than its migrate block allows. Nobody goes in vain: whoever is not needed in the
// end stays.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "sched/proposed.h"

namespace drover::sched {

inline constexpr int64_t preemption_priority_delta = 10;

struct preemption {
  std::vector<ref<schema::allocation>> evicted;
  node_usage after;  // the node without them
  double score = 0;  // 0 .. 1: the less the evicted matter, the more
};

struct preemption_ask {
  int64_t priority = 0;
  amounts demand;
  // Null if the group fits this load of the node; otherwise what is short, as metrics name it.
  std::function<const std::string*(const node_usage&)> refuse;
};

std::optional<preemption> find_preemption(const proposed& cluster, node_view::row row, const preemption_ask& ask);

// 1 / (1 + e^(0.0048 * (net - 2048))), net = highest priority + sum of priorities / highest priority.
double preemption_score(const std::vector<ref<schema::allocation>>& evicted);

}  // namespace drover::sched
