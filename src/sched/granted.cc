#include "sched/granted.h"

#include "base/ensure.h"
#include "schema/node.h"

namespace drover::sched {

schema::allocated_resources granted_to_group(const schema::task_group& group, bool oversubscription) {
  schema::allocated_resources granted;
  for (const auto& task : group.tasks) {
    auto& given = granted.tasks[task.name];
    granted.task_lifecycles[task.name] = task.lifecycle;
    if (!task.resources) continue;
    if (task.resources->cores == 0) given.cpu.cpu_shares = task.resources->cpu;
    given.memory.memory_mb = task.resources->memory_mb;
    if (oversubscription) given.memory.memory_max_mb = task.resources->memory_max_mb;
  }
  granted.shared.disk_mb = group.ephemeral_disk ? group.ephemeral_disk->size_mb : schema::ephemeral_disk{}.size_mb;
  return granted;
}

void grant(schema::allocated_resources& granted, const schema::task_group& group, const schema::node& node, const node_usage& usage, chosen_parts parts) {
  granted.shared.networks = std::move(parts.ports.shared);
  granted.shared.ports = std::move(parts.ports.ports);
  for (auto& [task, network] : parts.ports.tasks) granted.tasks[task].networks.push_back(std::move(network));
  for (auto& [task, device] : parts.devices) granted.tasks[task].devices.push_back(std::move(device));
  std::span<const uint16_t> cores = parts.cores;
  for (const auto& task : group.tasks) {
    auto& given = granted.tasks[task.name];
    // -1: as much as the node has.
    if (given.memory.memory_max_mb < 0) given.memory.memory_max_mb = node.node_resources ? node.node_resources->memory.memory_mb : 0;
    size_t wanted = task.resources ? static_cast<size_t>(task.resources->cores) : 0;
    if (wanted == 0) continue;
    ENSURE(cores.size() >= wanted, "cores were counted before they are handed out");
    given.cpu.reserved_cores.assign(cores.begin(), cores.begin() + static_cast<std::ptrdiff_t>(wanted));
    given.cpu.cpu_shares = usage.cpu_per_core() * static_cast<int64_t>(wanted);
    cores = cores.subspan(wanted);
  }
}

int64_t cores_wanted(const schema::task_group& group) {
  int64_t all = 0;
  for (const auto& task : group.tasks)
    if (task.resources) all += task.resources->cores;
  return all;
}

}  // namespace drover::sched
