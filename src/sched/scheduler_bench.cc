// Placements per second of the pure scheduler: one job of many allocations, and many jobs of one. Build with -DDROVER_BENCH=ON.
#include <benchmark/benchmark.h>

#include "sched/plan_check.h"
#include "sched/test_world.h"

namespace drover::sched::testing {
namespace {

world cluster(int64_t nodes) {
  world w;
  for (int64_t i = 0; i < nodes; ++i) {
    auto node = make_node("node-" + std::to_string(i), 16000, 64000, 1000000);
    node.meta["rack"] = "r" + std::to_string(i % 40);
    node.computed_class = computed_class(node);
    w.add(std::move(node));
  }
  return w;
}

schema::job job_of(const std::string& id, int64_t count) {
  auto job = make_job(id, "service", count);
  job.constraints.push_back({"${attr.kernel.name}", "linux", "="});
  schema::network_resource network;
  network.dynamic_ports.push_back({"http", 0, 0, "", false});
  job.task_groups[0].networks.push_back(network);
  return job;
}

// range: nodes, allocations of the job
void one_large_job(benchmark::State& state) {
  world w = cluster(state.range(0));
  w.put(job_of("large", state.range(1)));
  auto facts = w.facts_for("large");
  auto eval = w.eval_for("large");
  for (auto _ : state) benchmark::DoNotOptimize(schedule(facts, w.view, eval, w.now, 1).plan);
  state.SetItemsProcessed(state.iterations() * state.range(1));
}
BENCHMARK(one_large_job)->Args({500, 2000})->Args({5000, 2000})->Args({5000, 20000})->Unit(benchmark::kMillisecond);

// range: nodes. Every plan is checked and applied to the view, as worker and planner do.
void many_small_jobs(benchmark::State& state) {
  world w = cluster(state.range(0));
  int64_t number = 0;
  for (auto _ : state) {
    std::string id = "small" + std::to_string(number++);
    w.put(job_of(id, 1));
    auto job = w.jobs[id];
    job_facts facts;
    facts.job = job;
    auto out = schedule(facts, w.view, w.eval_for(id), w.now, static_cast<uint64_t>(number));
    auto result = check_plan(w.view, out.plan);
    for (const auto& [node, list] : result.node_allocation)
      for (const auto& alloc : list) w.view.put_alloc(alloc);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(many_small_jobs)->Arg(500)->Arg(5000)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace drover::sched::testing

BENCHMARK_MAIN();
