// The garbage collector: ended evaluations, allocations, jobs, deployments and nodes that are old enough leave the state, and expired tokens.
// The leader's alone; loop thread only. What to collect is a pure function of the state and the time.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "net/task_scope.h"
#include "server/context.h"

namespace drover::server {

struct garbage {
  std::vector<std::string> evals;
  std::vector<std::string> allocs;
  std::vector<std::pair<std::string, std::string>> jobs;  // namespace, id
  std::vector<std::string> deployments;
  std::vector<std::string> nodes;
  std::vector<std::pair<std::string, std::string>> host_volumes;  // namespace, id: of those nodes that take theirs with them
  std::vector<std::string> acl_tokens;                            // expired; accessor ids
  bool one_time_tokens = false;                                   // some are over
  bool empty() const {
    return evals.empty() && allocs.empty() && jobs.empty() && deployments.empty() && nodes.empty() && host_volumes.empty() && acl_tokens.empty() &&
           !one_time_tokens;
  }
};
// With `force` age does not matter, only that a thing has ended.
garbage find_garbage(const state::snapshot& state, const gc_thresholds& thresholds, timestamp now, bool force);

// Removes it, in a few log entries.
net::awaitable<result<>> collect(server_context& context, garbage what);

}  // namespace drover::server
