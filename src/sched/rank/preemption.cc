#include "sched/rank/preemption.h"

#include <algorithm>
#include <cmath>

#include "schema/job.h"

namespace drover::sched {
namespace {

constexpr double parallel_penalty = 50;

struct candidate {
  ref<schema::allocation> alloc;
  amounts size;
  double penalty = 0;
  bool gone = false;
};

// What more of its group goes than its migrate block likes costs.
double penalty_of(const proposed& cluster, const schema::allocation& alloc) {
  auto group = std::ranges::find(alloc.job->task_groups, alloc.task_group.str(), &schema::task_group::name);
  if (group == alloc.job->task_groups.end() || !group->migrate) return 0;
  int64_t allowed = group->migrate->max_parallel.value_or(0);
  int64_t gone = std::ranges::count_if(cluster.evicted(), [&](const auto& other) {
    return other->job_id == alloc.job_id && other->namespace_ == alloc.namespace_ && other->task_group == alloc.task_group;
  });
  return allowed > 0 && gone + 1 > allowed ? static_cast<double>(gone + 1 - allowed) * parallel_penalty : 0;
}

std::vector<candidate> candidates_of(const proposed& cluster, node_view::row row, int64_t priority) {
  std::vector<candidate> found;
  for (const auto& alloc : cluster.occupants(row))
    if (alloc->job != nullptr && alloc->allocated_resources && alloc->job->priority <= priority - preemption_priority_delta)
      found.push_back({alloc, demand_of(*alloc->allocated_resources), penalty_of(cluster, *alloc)});
  // A fixed order whatever the view's history.
  std::ranges::sort(found, {}, [](const candidate& c) { return c.alloc->id; });
  return found;
}

bool holds_cores(const schema::allocation& alloc) {
  return std::ranges::any_of(alloc.allocated_resources->tasks, [](const auto& task) { return !task.second.cpu.reserved_cores.empty(); });
}

bool holds_devices(const schema::allocation& alloc) {
  return std::ranges::any_of(alloc.allocated_resources->tasks, [](const auto& task) { return !task.second.devices.empty(); });
}

bool holds_ports(const schema::allocation& alloc) {
  const auto& given = *alloc.allocated_resources;
  return !given.shared.ports.empty() || !given.shared.networks.empty() ||
         std::ranges::any_of(given.tasks, [](const auto& task) { return !task.second.networks.empty(); });
}

// Would its going help against what is short?
bool relieves(const candidate& c, const std::string* reason, const node_usage& now, const preemption_ask& ask) {
  if (*reason == "cpu") return c.size.cpu > 0;
  if (*reason == "memory") return c.size.memory > 0;
  if (*reason == "disk") return c.size.disk > 0;
  if (*reason == "max allocation exceeded") return true;
  if (*reason == "cores") return holds_cores(*c.alloc);
  if (reason->starts_with("devices")) return holds_devices(*c.alloc);
  if (!holds_ports(*c.alloc)) return false;
  if (!reason->starts_with("network: reserved port collision")) return true;
  node_usage trial = now;
  trial.remove(*c.alloc);
  return ask.refuse(trial) != reason;
}

// How far its size is from the shortage, each dimension relative to what is short.
double distance(const candidate& c, const amounts& missing) {
  double sum = 0;
  auto add = [&](int64_t short_by, int64_t size) {
    if (short_by <= 0) return;
    double part = static_cast<double>(short_by - size) / static_cast<double>(short_by);
    sum += part * part;
  };
  add(missing.cpu, c.size.cpu);
  add(missing.memory, c.size.memory);
  add(missing.disk, c.size.disk);
  return std::sqrt(sum) + c.penalty;
}

candidate* choose(std::vector<candidate>& all, const std::string* reason, const node_usage& now, const preemption_ask& ask) {
  amounts missing = ask.demand - now.free();
  candidate* best = nullptr;
  double best_distance = 0;
  for (auto& each : all) {
    if (each.gone || (best != nullptr && each.alloc->job->priority > best->alloc->job->priority)) continue;
    if (!relieves(each, reason, now, ask)) continue;
    double far = distance(each, missing);
    if (best != nullptr && each.alloc->job->priority == best->alloc->job->priority && far >= best_distance) continue;
    best = &each;
    best_distance = far;
  }
  return best;
}

// The most important stay first, then the largest.
void spare_the_needless(std::vector<candidate*>& evicted, node_usage& after, const preemption_ask& ask) {
  std::ranges::sort(evicted, [](const candidate* a, const candidate* b) {
    if (a->alloc->job->priority != b->alloc->job->priority) return a->alloc->job->priority > b->alloc->job->priority;
    int64_t x = a->size.cpu + a->size.memory;
    int64_t y = b->size.cpu + b->size.memory;
    return x != y ? x > y : a->alloc->id < b->alloc->id;
  });
  std::erase_if(evicted, [&](const candidate* each) {
    node_usage trial = after;
    trial.add(*each->alloc);
    if (ask.refuse(trial) != nullptr) return false;
    after = std::move(trial);
    return true;
  });
}

}  // namespace

double preemption_score(const std::vector<ref<schema::allocation>>& evicted) {
  double highest = 0;
  double sum = 0;
  for (const auto& alloc : evicted) {
    auto priority = static_cast<double>(alloc->job->priority);
    highest = std::max(highest, priority);
    sum += priority;
  }
  double net = highest > 0 ? highest + sum / highest : 0;
  return 1 / (1 + std::exp(0.0048 * (net - 2048)));
}

std::optional<preemption> find_preemption(const proposed& cluster, node_view::row row, const preemption_ask& ask) {
  auto all = candidates_of(cluster, row, ask.priority);
  if (all.empty()) return std::nullopt;
  preemption made;
  made.after = cluster.usage(row);
  std::vector<candidate*> evicted;
  while (const std::string* reason = ask.refuse(made.after)) {
    candidate* next = choose(all, reason, made.after, ask);
    if (next == nullptr) return std::nullopt;
    next->gone = true;
    made.after.remove(*next->alloc);
    evicted.push_back(next);
  }
  spare_the_needless(evicted, made.after, ask);
  for (const auto* each : evicted) made.evicted.push_back(each->alloc);
  made.score = preemption_score(made.evicted);
  return made;
}

}  // namespace drover::sched
