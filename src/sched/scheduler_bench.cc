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

void schedule_once(benchmark::State& state, world& w, const schema::job& job) {
  w.put(job);
  auto facts = w.facts_for(job.id);
  auto eval = w.eval_for(job.id);
  for (auto _ : state) benchmark::DoNotOptimize(schedule(facts, w.view, eval, w.now, 1).plan);
  state.SetItemsProcessed(state.iterations() * state.range(1));
  // Against the goal of a job of its kind, and against the 2,600 placements a second of Nomad through RPC, Raft and fsync.
  double goal = job.spreads.empty() && job.affinities.empty() ? 100'000 : 50'000;
  auto placements = static_cast<double>(state.iterations() * state.range(1));
  state.counters["of_goal"] = benchmark::Counter(placements / goal, benchmark::Counter::kIsRate);
  state.counters["of_nomad"] = benchmark::Counter(placements / 2600, benchmark::Counter::kIsRate);
}

// range: nodes, allocations of the job
void one_large_job(benchmark::State& state) {
  world w = cluster(state.range(0));
  schedule_once(state, w, job_of("large", state.range(1)));
}
BENCHMARK(one_large_job)->Args({500, 2000})->Args({5000, 2000})->Args({5000, 20000})->Unit(benchmark::kMillisecond);

// All on one node; range: unused, allocations.
void one_node(benchmark::State& state) {
  world w;
  w.add(make_node("only", 100'000'000, 100'000'000, 100'000'000));
  schedule_once(state, w, job_of("crowd", state.range(1)));
}
BENCHMARK(one_node)->Args({1, 10000})->Unit(benchmark::kMillisecond);

// A new version of everything that runs, all at once; range: nodes, allocations.
void update_all(benchmark::State& state) {
  world w = cluster(state.range(0));
  auto job = job_of("large", state.range(1));
  job.type = "batch";
  job.task_groups[0].update.reset();
  w.put(job);
  w.run("large");
  job.task_groups[0].tasks[0].env["VERSION"] = "2";
  schedule_once(state, w, job);
}
BENCHMARK(update_all)->Args({5000, 20000})->Unit(benchmark::kMillisecond);

// The same with what a job may prefer; range: nodes, allocations.
void spread_over_racks(benchmark::State& state) {
  world w = cluster(state.range(0));
  auto job = job_of("spread", state.range(1));
  job.spreads.push_back({"${meta.rack}", 50, {}});
  schedule_once(state, w, job);
}
BENCHMARK(spread_over_racks)->Args({1000, 10000})->Args({5000, 20000})->Unit(benchmark::kMillisecond);

void spread_over_nodes(benchmark::State& state) {
  world w = cluster(state.range(0));
  auto job = job_of("spread", state.range(1));
  job.spreads.push_back({"${node.unique.id}", 50, {}});
  schedule_once(state, w, job);
}
BENCHMARK(spread_over_nodes)->Args({1000, 10000})->Args({5000, 20000})->Unit(benchmark::kMillisecond);

void spread_and_affinity(benchmark::State& state) {
  world w = cluster(state.range(0));
  auto job = job_of("both", state.range(1));
  job.spreads.push_back({"${meta.rack}", 50, {{"r1", 20}, {"r2", 10}}});
  job.affinities.push_back({"${meta.rack}", "r[1-5]", "regexp", 70});
  schedule_once(state, w, job);
}
BENCHMARK(spread_and_affinity)->Args({1000, 10000})->Args({5000, 20000})->Unit(benchmark::kMillisecond);

// range: nodes. Every plan is checked and applied to the view, as worker and planner do.
void many_small_jobs(benchmark::State& state) {
  world w = cluster(state.range(0));
  w.view.keep_load_index();
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
BENCHMARK(many_small_jobs)->Arg(500)->Arg(5000)->Arg(50000)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace drover::sched::testing

BENCHMARK_MAIN();
