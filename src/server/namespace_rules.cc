#include "server/namespace_rules.h"

#include <algorithm>

#include "base/text.h"
#include "jobspec/validate.h"
#include "sched/reconcile/reconciler.h"
#include "server/admission.h"
#include "state/tables.h"

namespace drover::server {
namespace {

using schema::ref;
using state::table;
using texts = std::vector<std::string>;

bool has(const texts& list, const std::string& text) { return std::ranges::find(list, text) != list.end(); }
// An empty list of what is allowed allows all.
bool is_allowed(const texts& allowed, const texts& denied, const std::string& text) { return (allowed.empty() || has(allowed, text)) && !has(denied, text); }

bool matches_any(const texts& patterns, const std::string& text) {
  return std::ranges::any_of(patterns, [&](const auto& pattern) { return matches_glob(pattern, text); });
}

const schema::quota_resources* limits_in(const schema::quota_spec& quota, const std::string& region) {
  for (const auto& limit : quota.limits)
    if ((limit.region == region || limit.region.empty()) && limit.region_limit) return &*limit.region_limit;
  return nullptr;
}

// Those whose jobs count against a quota.
texts namespaces_of(const state::snapshot& state, const std::string& quota) {
  texts out;
  for (const auto& ns : state::collect<table::namespaces>(state, state::tree_id::namespaces_by_quota, state::within(quota))) out.push_back(ns->name);
  return out;
}

void compare(texts& problems, const char* what, const char* unit, std::optional<int64_t> limit, int64_t wanted) {
  if (!limit || *limit == 0 || wanted <= std::max<int64_t>(*limit, 0)) return;
  problems.push_back(fmt::format("{} {}{} of {}{}", what, wanted, unit, std::max<int64_t>(*limit, 0), unit));
}

}  // namespace

std::string default_pool(const schema::namespace_definition& ns) { return ns.node_pool_configuration ? ns.node_pool_configuration->default_ : std::string(); }

result<> check_namespace_rules(const schema::job& job, const schema::namespace_definition& ns) {
  texts problems;
  if (ns.capabilities) {
    const auto& may = *ns.capabilities;
    for (const auto& group : job.task_groups) {
      for (const auto& task : group.tasks)
        if (!is_allowed(may.enabled_task_drivers, may.disabled_task_drivers, task.driver))
          problems.push_back(fmt::format("used task driver \"{}\" is not allowed in namespace \"{}\"", task.driver, ns.name));
      for (const auto& network : group.networks) {
        auto mode = network.mode.empty() ? std::string("host") : network.mode;
        if (!is_allowed(may.enabled_network_modes, may.disabled_network_modes, mode))
          problems.push_back(fmt::format("used group network mode \"{}\" is not allowed in namespace \"{}\"", mode, ns.name));
      }
    }
  }
  if (ns.node_pool_configuration) {
    const auto& pools = *ns.node_pool_configuration;
    bool is_default = job.node_pool == (pools.default_.empty() ? "default" : pools.default_);
    bool allowed = is_default || ((pools.allowed.empty() || matches_any(pools.allowed, job.node_pool)) && !matches_any(pools.denied, job.node_pool));
    if (!allowed) problems.push_back(fmt::format("job \"{}\" may not use node pool \"{}\" in namespace \"{}\"", job.id, job.node_pool, ns.name));
  }
  if (problems.empty()) return {};
  return fail(errc::invalid, "{}", jobspec::multi_error(problems));
}

void quota_amounts::add(const schema::resources& resources, int64_t times) {
  cpu += resources.cpu * times;
  cores += resources.cores * times;
  memory_mb += resources.memory_mb * times;
  memory_max_mb += std::max(resources.memory_mb, resources.memory_max_mb) * times;
}

quota_amounts wanted_by(const schema::job& job) {
  quota_amounts out;
  if (job.stop || !runs_itself(job)) return out;
  for (const auto& group : job.task_groups)
    for (const auto& task : group.tasks)
      if (task.resources) out.add(*task.resources, group.count);
  return out;
}

result<> check_quota(const schema::job& job, const schema::namespace_definition& ns, const state::snapshot& state, const std::string& region) {
  if (ns.quota.empty()) return {};
  auto quota = state::find<table::quotas>(state, {ns.quota, {}, {}});
  const auto* limits = quota ? limits_in(*quota, region) : nullptr;
  if (limits == nullptr) return {};
  auto all = wanted_by(job);
  for (const auto& name : namespaces_of(state, ns.quota))
    state.visit_jobs(name, "", [&](const ref<schema::job>& other) {
      if (other->namespace_ == job.namespace_ && other->id == job.id) return true;
      auto more = wanted_by(*other);
      all.cpu += more.cpu, all.cores += more.cores, all.memory_mb += more.memory_mb, all.memory_max_mb += more.memory_max_mb;
      return true;
    });
  texts problems;
  compare(problems, "cpu", " MHz", limits->cpu, all.cpu);
  compare(problems, "cores", "", limits->cores, all.cores);
  compare(problems, "memory", " MB", limits->memory_mb, all.memory_mb);
  compare(problems, "memory max", " MB", limits->memory_max_mb, all.memory_max_mb);
  if (problems.empty()) return {};
  return fail(errc::invalid, "quota \"{}\" of namespace \"{}\" would be exceeded: {}; stop other jobs, ask for less, or raise the quota", ns.quota, ns.name,
              join(problems, ", "));
}

schema::quota_usage usage_of(const schema::quota_spec& quota, const state::snapshot& state, const std::string& region) {
  quota_amounts used;
  for (const auto& name : namespaces_of(state, quota.name))
    state.visit_jobs(name, "", [&](const ref<schema::job>& job) {
      for (const auto& alloc : state.allocs_by_job(job->namespace_, job->id)) {
        if (!alloc->job || sched::client_terminal(*alloc) || sched::server_terminal(*alloc)) continue;
        for (const auto& group : alloc->job->task_groups)
          if (group.name == alloc->task_group)
            for (const auto& task : group.tasks)
              if (task.resources) used.add(*task.resources, 1);
      }
      return true;
    });
  schema::quota_usage out;
  out.name = quota.name;
  out.create_index = quota.create_index;
  out.modify_index = quota.modify_index;
  auto& shown = out.used[region];
  shown.region = region;
  auto& amounts = shown.region_limit.emplace();
  amounts.cpu = used.cpu;
  amounts.cores = used.cores;
  amounts.memory_mb = used.memory_mb;
  amounts.memory_max_mb = used.memory_max_mb;
  return out;
}

}  // namespace drover::server
