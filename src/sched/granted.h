// What an allocation is granted: the resources of its group as AllocatedResources, before and after a node is known. Pure.
#pragma once

#include <span>

#include "sched/fit.h"
#include "sched/ports.h"
#include "schema/job.h"

namespace drover::sched {

// Without ports and cores. `oversubscription`: memory_max counts (else it is dropped).
schema::allocated_resources granted_to_group(const schema::task_group& group, bool oversubscription);

// Adds what was chosen on a node. Requires: `cores` has as many as the group asks for.
void grant(schema::allocated_resources& granted, const schema::task_group& group, const schema::node& node, const node_usage& usage,
           port_plan::offer ports, std::span<const uint16_t> cores);

int64_t cores_wanted(const schema::task_group& group);

}  // namespace drover::sched
