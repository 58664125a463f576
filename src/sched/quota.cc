#include "sched/quota.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "sched/fit.h"
#include "state/snapshot.h"
#include "state/tables.h"

namespace drover::sched {

using state::table;

quota_amounts& quota_amounts::add(const quota_amounts& o, int64_t times) {
  cpu += o.cpu * times;
  cores += o.cores * times;
  memory += o.memory * times;
  memory_max += o.memory_max * times;
  return *this;
}

quota_amounts quota_demand_of(const schema::task_group& group) {
  quota_amounts out;
  for (const auto& task : group.tasks) {
    if (!task.resources) continue;
    const auto& r = *task.resources;
    out.add({.cpu = r.cpu, .cores = r.cores, .memory = r.memory_mb, .memory_max = std::max(r.memory_mb, r.memory_max_mb)});
  }
  return out;
}

quota_amounts quota_demand_of(const schema::allocation& alloc) {
  if (!alloc.job || !occupies(alloc)) return {};
  for (const auto& group : alloc.job->task_groups)
    if (group.name == alloc.task_group) return quota_demand_of(group);
  return {};
}

std::string quota_room::refuse(const schema::task_group& group) const {
  auto after = used;
  after.add(quota_demand_of(group));
  struct measure {
    const char* what;
    const char* unit;
    std::optional<int64_t> most;
    int64_t wanted;
  };
  for (const auto& m : {measure{"cpu", " MHz", limit.cpu, after.cpu}, measure{"cores", "", limit.cores, after.cores},
                        measure{"memory", " MB", limit.memory_mb, after.memory}, measure{"memory_max", " MB", limit.memory_max_mb, after.memory_max}}) {
    if (!m.most || *m.most == 0) continue;
    const auto most = std::max<int64_t>(*m.most, 0);
    if (m.wanted > most) return fmt::format("{} exhausted ({}{} needed > {}{} limit)", m.what, m.wanted, m.unit, most, m.unit);
  }
  return {};
}

std::string quota_of_namespace(const state::snapshot& state, std::string_view namespace_) {
  auto ns = state::find<table::namespaces>(state, {namespace_, {}, {}});
  return ns ? ns->quota : std::string();
}

std::optional<quota_room> gather_quota(const state::snapshot& state, const schema::job& job) {
  const auto name = quota_of_namespace(state, job.namespace_);
  if (name.empty()) return std::nullopt;
  auto spec = state::find<table::quotas>(state, {name, {}, {}});
  if (!spec) return std::nullopt;
  auto of_region =
      std::ranges::find_if(spec->limits, [&](const auto& each) { return each.region_limit && (each.region == job.region || each.region.empty()); });
  if (of_region == spec->limits.end()) return std::nullopt;
  quota_room room{.name = name, .limit = *of_region->region_limit, .used = {}};
  // All allocations of a group in one version of a job ask for the same.
  std::map<std::pair<const schema::job*, std::string>, quota_amounts> known;
  for (const auto& ns : state::collect<table::namespaces>(state, state::tree_id::namespaces_by_quota, state::within(name)))
    state.visit_jobs(ns->name, "", [&](const ref<schema::job>& other) {
      for (const auto& alloc : state.allocs_by_job(other->namespace_, other->id)) {
        if (!occupies(*alloc)) continue;
        auto [it, first] = known.try_emplace({alloc->job.get(), alloc->task_group.str()});
        if (first) it->second = quota_demand_of(*alloc);
        room.used.add(it->second);
      }
      return true;
    });
  return room;
}

std::string resource_of_quota(std::string_view name) { return fmt::format("quota:{}", name); }

}  // namespace drover::sched
