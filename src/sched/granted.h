// What an allocation is granted: the resources of its group as AllocatedResources, before and after a node is known. Pure.
#pragma once

#include <span>

#include "sched/fit.h"
#include "sched/ports.h"
#include "schema/job.h"

namespace drover::sched {

// Without ports and cores. `oversubscription`: memory_max counts (else it is dropped).
schema::allocated_resources granted_to_group(const schema::task_group& group, bool oversubscription);

// What was chosen on a node.
struct chosen_parts {
  port_plan::offer ports;
  std::vector<uint16_t> cores;                                                     // as many as the group asks for
  std::vector<std::pair<std::string, schema::allocated_device_resource>> devices;  // by task name
  // Then every allocation of the group gets the same, but for what a task has of a node's whole memory.
  bool empty() const { return ports.shared.empty() && ports.ports.empty() && ports.tasks.empty() && cores.empty() && devices.empty(); }
};
void grant(schema::allocated_resources& granted, const schema::task_group& group, const schema::node& node, const node_usage& usage, chosen_parts parts);

int64_t cores_wanted(const schema::task_group& group);

}  // namespace drover::sched
