// How much is placed, and how tightly: against first-fit-decreasing on mixes as clusters have them, and against a search through every assignment
// in clusters small enough for one.
#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <set>

#include "sched/test_world.h"

namespace drover::sched::testing {
namespace {

struct size {
  int64_t cpu;
  int64_t memory;
};
struct kind {
  size each;
  int64_t count;
};
struct mix {
  const char* name;
  size node;
  std::vector<kind> kinds;

  // By the larger share of a node; then by CPU, so that the order is one.
  std::pair<double, int64_t> weight(const size& s) const {
    double cpu = static_cast<double>(s.cpu) / static_cast<double>(node.cpu);
    return {std::max(cpu, static_cast<double>(s.memory) / static_cast<double>(node.memory)), s.cpu};
  }
};

// CPU in MHz and memory in MB, as jobs ask for them: many small services and a few large ones, batch work, caches.
const mix mixes[] = {
    {"small services beside databases", {4000, 8000}, {{{100, 128}, 120}, {{250, 256}, 60}, {{500, 1024}, 24}, {{2000, 4096}, 8}}},
    {"much memory, little CPU", {4000, 8000}, {{{100, 2000}, 30}, {{200, 3000}, 14}, {{50, 900}, 40}}},
    {"much CPU, little memory", {8000, 8000}, {{{1500, 200}, 40}, {{2500, 300}, 20}, {{700, 100}, 50}}},
    {"batch of one size", {4000, 8000}, {{{333, 700}, 200}}},
    {"halves and thirds", {6000, 6000}, {{{3000, 3000}, 11}, {{2000, 2000}, 16}, {{1000, 1000}, 13}}},
    {"caches and workers", {8000, 16000}, {{{200, 4000}, 30}, {{2000, 500}, 40}, {{400, 900}, 60}}},
};

// How many nodes first-fit-decreasing needs; it may sort all the work beforehand.
size_t first_fit_decreasing(const mix& m) {
  std::vector<size> all;
  for (const auto& k : m.kinds) all.insert(all.end(), static_cast<size_t>(k.count), k.each);
  std::ranges::sort(all, std::greater{}, [&](const size& s) { return m.weight(s); });
  std::vector<size> free;
  for (const auto& s : all) {
    auto node = std::ranges::find_if(free, [&](const size& f) { return f.cpu >= s.cpu && f.memory >= s.memory; });
    if (node == free.end()) node = free.insert(free.end(), m.node);
    node->cpu -= s.cpu;
    node->memory -= s.memory;
  }
  return free.size();
}

schema::job asking(const std::string& id, const kind& k) {
  auto job = make_job(id, "batch", k.count);
  job.task_groups[0].tasks[0].resources->cpu = k.each.cpu;
  job.task_groups[0].tasks[0].resources->memory_mb = k.each.memory;
  job.task_groups[0].ephemeral_disk.emplace().size_mb = 1;
  return job;
}

// The same work as jobs, the largest first as first-fit-decreasing has it. Allocations of a group repel each other, which is no matter of
// packing: each job has one.
size_t nodes_used(const mix& m) {
  world w;
  for (int i = 0; i < 150; ++i) w.add(make_node(fmt::format("n{:03}", i), m.node.cpu, m.node.memory, 1'000'000));
  auto kinds = m.kinds;
  std::ranges::sort(kinds, std::greater{}, [&](const kind& k) { return m.weight(k.each); });
  int number = 0;
  for (const auto& k : kinds)
    for (int64_t i = 0; i < k.count; ++i) {
      auto id = fmt::format("job{}", number++);
      w.put(asking(id, {k.each, 1}));
      auto out = w.run(id);
      EXPECT_TRUE(out.eval.failed_tg_allocs.empty()) << m.name;
    }
  std::set<std::string> used;
  for (const auto& [id, alloc] : w.allocs) used.insert(alloc->node_id);
  return used.size();
}

TEST(packing, is_as_tight_as_first_fit_decreasing) {
  for (const auto& m : mixes) EXPECT_LE(nodes_used(m), first_fit_decreasing(m)) << m.name;
}

// ---- every assignment

using generator = std::mt19937_64;
int64_t between(generator& g, int64_t low, int64_t high) { return low + static_cast<int64_t>(g() % static_cast<uint64_t>(high - low + 1)); }

struct small_case {
  std::vector<schema::node> nodes;
  schema::job job;
  int64_t per_rack = 0;  // 0: as many as like
  bool one_per_node = false;
  int64_t cores = 0;
  bool static_port = false;
};

small_case random_case(generator& g) {
  small_case c;
  for (int64_t i = between(g, 1, 4); i > 0; --i) {
    auto node = make_node(fmt::format("n{}", i), between(g, 1, 6) * 100, between(g, 1, 6) * 100, 100'000);
    node.meta["rack"] = fmt::format("r{}", between(g, 0, 1));
    node.computed_class = computed_class(node);
    c.nodes.push_back(std::move(node));
  }
  c.job = make_job("j", "service", between(g, 1, 8));
  auto& group = c.job.task_groups[0];
  auto& wants = *group.tasks[0].resources;
  wants.cpu = between(g, 1, 4) * 50;
  wants.memory_mb = between(g, 1, 4) * 50;
  switch (between(g, 0, 4)) {
    case 0:
      c.per_rack = between(g, 1, 3);
      c.job.constraints.push_back({"${meta.rack}", std::to_string(c.per_rack), "distinct_property"});
      break;
    case 1:
      c.one_per_node = true;
      c.job.constraints.push_back({"", "true", "distinct_hosts"});
      break;
    case 2:
      c.static_port = true;
      group.networks.emplace_back().reserved_ports.push_back({"p", 8080, 0, "", false});
      break;
    case 3:
      c.cores = between(g, 1, 2);
      wants.cores = c.cores;
      wants.cpu = 0;
      break;
    default: break;
  }
  return c;
}

// The most that any way of giving each node a number of allocations reaches.
int64_t best_of_all(const small_case& c) {
  int64_t count = c.job.task_groups[0].count;
  const auto& wants = *c.job.task_groups[0].tasks[0].resources;
  std::vector<int64_t> most;
  for (const auto& node : c.nodes) {
    auto capacity = capacity_of(node);
    int64_t n = capacity.memory / wants.memory_mb;
    int64_t cpu = c.cores > 0 ? c.cores * node_usage(node).cpu_per_core() : wants.cpu;
    if (cpu > 0) n = std::min(n, capacity.cpu / cpu);
    if (c.cores > 0) n = std::min<int64_t>(n, 4 / c.cores);
    if (c.one_per_node || c.static_port) n = std::min<int64_t>(n, 1);
    most.push_back(n);
  }
  int64_t best = 0;
  std::vector<int64_t> given(c.nodes.size(), 0);
  for (;;) {
    int64_t total = std::accumulate(given.begin(), given.end(), int64_t{0});
    std::map<std::string, int64_t> racks;
    for (size_t i = 0; i < given.size(); ++i) racks[c.nodes[i].meta.at("rack")] += given[i];
    bool allowed = std::ranges::all_of(racks, [&](const auto& rack) { return c.per_rack == 0 || rack.second <= c.per_rack; });
    if (allowed) best = std::max(best, std::min(total, count));
    size_t digit = 0;
    while (digit < given.size() && ++given[digit] > most[digit]) given[digit++] = 0;
    if (digit == given.size()) return best;
  }
}

TEST(packing, places_as_many_as_any_assignment_could) {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    generator g(seed);
    auto c = random_case(g);
    world w;
    w.seed = seed;
    if (seed % 2 == 0) w.view.keep_load_index();
    for (const auto& node : c.nodes) w.add(node);
    w.put(c.job);
    w.run("j");
    EXPECT_EQ(static_cast<int64_t>(w.live("j").size()), best_of_all(c)) << "seed " << seed;
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace drover::sched::testing
