// The quota of a namespace as placements see it: what all its namespaces' allocations take, and what one more would. Pure; any thread.
//
// A quota counts what tasks ask for, not what a node gives, so that one quota means the same on every node. A limit of 0 is none; below 0 nothing
// may run. Counting visits the allocations of every namespace that shares the quota, once in a scheduling.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "schema/alloc.h"
#include "schema/job.h"
#include "schema/operator_rpc.h"

namespace drover::state {
class snapshot;
}

namespace drover::sched {

struct quota_amounts {
  int64_t cpu = 0;  // MHz
  int64_t cores = 0;
  int64_t memory = 0;  // MB
  int64_t memory_max = 0;
  quota_amounts& add(const quota_amounts& o, int64_t times = 1);
};
quota_amounts quota_demand_of(const schema::task_group& group);
// Nothing, if the allocation has ended.
quota_amounts quota_demand_of(const schema::allocation& alloc);

struct quota_room {
  std::string name;
  schema::quota_resources limit;
  quota_amounts used;
  // Empty: one more fits. Else in the words of AllocMetric.QuotaExhausted: "memory exhausted (320 MB needed > 256 MB limit)".
  std::string refuse(const schema::task_group& group) const;
};
// Nothing: the job's namespace has no quota, or the quota no limit for its region.
std::optional<quota_room> gather_quota(const state::snapshot& state, const schema::job& job);

// Under this name a blocked evaluation waits for a quota.
std::string resource_of_quota(std::string_view name);
// The quota of a namespace, or empty.
std::string quota_of_namespace(const state::snapshot& state, std::string_view namespace_);

}  // namespace drover::sched
