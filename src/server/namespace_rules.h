// What a namespace lets its jobs use: task drivers, network modes, node pools, and its quota. Pure functions of the job and the state; any thread.
#pragma once

#include <string>

#include "base/result.h"
#include "schema/job.h"
#include "schema/node.h"
#include "schema/operator_rpc.h"
#include "state/snapshot.h"

namespace drover::server {

// The pool of a job of this namespace that names none.
std::string default_pool(const schema::namespace_definition& ns);

// errc::invalid with everything in `job` that the namespace does not allow. Requires: `job` is canonical.
result<> check_namespace_rules(const schema::job& job, const schema::namespace_definition& ns);

// What a quota limits, added up. 0 of a limit: none; below 0: nothing at all is allowed (as Nomad writes them).
struct quota_amounts {
  int64_t cpu = 0, cores = 0, memory_mb = 0, memory_max_mb = 0;
  void add(const schema::resources& resources, int64_t times);
};
quota_amounts wanted_by(const schema::job& job);

// errc::invalid naming each limit that `job` would exceed, together with all other jobs that count against the same quota. Without a quota: fine.
result<> check_quota(const schema::job& job, const schema::namespace_definition& ns, const state::snapshot& state, const std::string& region);

// What the allocations that are not over use of a quota now, in the form of the limits.
schema::quota_usage usage_of(const schema::quota_spec& quota, const state::snapshot& state, const std::string& region);

}  // namespace drover::server
