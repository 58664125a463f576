#include "server/endpoint/shown_alloc.h"

#include <memory>

namespace drover::server {

schema::ref<schema::allocation> shown_alloc(const schema::ref<schema::allocation>& stored) {
  if (!stored || stored->resources || !stored->allocated_resources) return stored;
  auto sum = std::make_shared<schema::resources>();
  const auto& given = *stored->allocated_resources;
  for (const auto& [name, task] : given.tasks) {
    sum->cpu += task.cpu.cpu_shares;
    sum->memory_mb += task.memory.memory_mb;
    sum->memory_max_mb += task.memory.memory_max_mb;
    sum->networks.insert(sum->networks.end(), task.networks.begin(), task.networks.end());
  }
  sum->disk_mb = given.shared.disk_mb;
  sum->networks.insert(sum->networks.end(), given.shared.networks.begin(), given.shared.networks.end());
  auto out = std::make_shared<schema::allocation>(*stored);
  out->resources = std::move(sum);
  return out;
}

}  // namespace drover::server
