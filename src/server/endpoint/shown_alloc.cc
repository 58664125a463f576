#include "server/endpoint/shown_alloc.h"

#include <algorithm>
#include <memory>

#include "jobspec/redact.h"

namespace drover::server {
namespace {

schema::resources sum_of(const schema::allocated_resources& given) {
  schema::resources sum;
  for (const auto& [name, task] : given.tasks) {
    sum.cpu += task.cpu.cpu_shares;
    sum.memory_mb += task.memory.memory_mb;
    sum.memory_max_mb += task.memory.memory_max_mb;
    sum.networks.insert(sum.networks.end(), task.networks.begin(), task.networks.end());
  }
  sum.disk_mb = given.shared.disk_mb;
  sum.networks.insert(sum.networks.end(), given.shared.networks.begin(), given.shared.networks.end());
  return sum;
}

// Tools read what each task may use from here, too.
std::map<std::string, schema::resources> of_tasks(const schema::allocated_resources& given) {
  std::map<std::string, schema::resources> out;
  for (const auto& [name, task] : given.tasks) {
    auto& each = out[name];
    each.cpu = task.cpu.cpu_shares;
    each.cores = static_cast<int64_t>(task.cpu.reserved_cores.size());
    each.memory_mb = task.memory.memory_mb;
    each.memory_max_mb = task.memory.memory_max_mb;
    each.networks = task.networks;
  }
  return out;
}

}  // namespace

schema::ref<schema::allocation> shown_alloc(const schema::ref<schema::allocation>& stored) {
  if (!stored) return stored;
  const bool sums = !stored->resources && stored->allocated_resources;
  const bool names = stored->metrics && std::ranges::any_of(stored->metrics->score_meta_data, &std::string::empty, &schema::node_score_meta::node_id);
  if (!sums && !names) return stored;
  auto out = std::make_shared<schema::allocation>(*stored);
  if (sums) out->resources = sum_of(*stored->allocated_resources);
  if (sums && stored->task_resources.empty()) out->task_resources = of_tasks(*stored->allocated_resources);
  if (names) {
    auto metrics = *stored->metrics;
    for (auto& each : metrics.score_meta_data)
      if (each.node_id.empty()) each.node_id = stored->node_id;
    out->metrics = schema::share(std::move(metrics));
  }
  return out;
}

schema::ref<schema::allocation> without_secrets(const schema::allocation& alloc) {
  auto out = alloc;
  out.job = jobspec::redacted(alloc.job);
  return schema::share(std::move(out));
}

}  // namespace drover::server
