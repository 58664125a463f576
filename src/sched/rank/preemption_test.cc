// Who makes room for whom, and for nobody in vain.
#include "sched/rank/preemption.h"

#include <gtest/gtest.h>

#include <random>

#include "sched/plan_check.h"
#include "sched/test_world.h"

namespace drover::sched::testing {
namespace {

class preemptions : public ::testing::Test {
 protected:
  schema::job sized(const std::string& id, int64_t priority, int64_t cpu, int64_t memory, const std::string& type = "service", int64_t count = 1) {
    auto job = make_job(id, type, count);
    job.priority = priority;
    job.task_groups[0].tasks[0].resources->cpu = cpu;
    job.task_groups[0].tasks[0].resources->memory_mb = memory;
    return job;
  }
  void fill(schema::job job) {
    w.put(job);
    ASSERT_TRUE(w.run(job.id).eval.failed_tg_allocs.empty());
    w.settle(job.id);
  }
  outcome plan(const schema::job& job) {
    w.put(job);
    auto facts = w.facts_for(job.id);
    facts.config = config;
    auto eval = w.eval_for(job.id);
    eval.priority = job.priority;
    return schedule(facts, w.view, eval, w.now, w.seed);
  }
  static std::set<std::string> evicted_jobs(const outcome& out) {
    std::set<std::string> jobs;
    for (const auto& [node, list] : out.plan.node_preemptions)
      for (const auto& alloc : list) jobs.insert(alloc->job_id);
    return jobs;
  }
  void allow_all() {
    auto made = std::make_shared<schema::scheduler_configuration>();
    made->preemption_config = {true, true, true, true};
    config = made;
  }

  world w;
  ref<schema::scheduler_configuration> config;
};

using names = std::set<std::string>;

TEST_F(preemptions, happen_for_the_kinds_that_the_configuration_names) {
  struct row {
    const char* type;
    schema::preemption_config allowed;
    bool preempts;
  };
  const row rows[] = {
      {"service", {true, true, true, false}, false},  {"service", {false, false, false, true}, true},  {"batch", {true, true, false, true}, false},
      {"batch", {false, false, true, false}, true},   {"system", {false, true, true, true}, false},    {"system", {true, false, false, false}, true},
      {"sysbatch", {true, false, true, true}, false}, {"sysbatch", {false, true, false, false}, true},
  };
  for (const auto& r : rows) {
    SCOPED_TRACE(r.type);
    w = {};
    w.add(make_node("n1", 1000, 1000));
    fill(sized("low", 20, 900, 100));
    auto made = std::make_shared<schema::scheduler_configuration>();
    made->preemption_config = r.allowed;
    config = made;
    EXPECT_EQ(!evicted_jobs(plan(sized("high", 80, 500, 100, r.type))).empty(), r.preempts);
  }
  config = nullptr;
  EXPECT_TRUE(evicted_jobs(plan(sized("b", 80, 500, 100))).empty());
  EXPECT_FALSE(evicted_jobs(plan(sized("s", 80, 500, 100, "system"))).empty()) << "system jobs may by default";
}

TEST_F(preemptions, say_who_and_for_whom) {
  allow_all();
  w.add(make_node("n1", 1000, 1000));
  fill(sized("low", 20, 900, 100));
  auto out = plan(sized("high", 80, 500, 100));
  ASSERT_EQ(out.plan.node_preemptions.at("n1").size(), 1u);
  const auto& victim = *out.plan.node_preemptions.at("n1")[0];
  const auto& winner = *out.plan.node_allocation.at("n1")[0];
  EXPECT_EQ(victim.desired_status, "evict");
  EXPECT_EQ(victim.preempted_by_allocation, winner.id);
  EXPECT_EQ(victim.desired_description, "Preempted by alloc ID " + winner.id);
  EXPECT_EQ(winner.preempted_allocations, std::vector<std::string>{victim.id});
  EXPECT_EQ(out.eval.plan_annotations->preempted_allocs.at(0).id, victim.id);
  EXPECT_EQ(out.eval.plan_annotations->desired_tg_updates.at("web").preemptions, 1u);
  EXPECT_NEAR(winner.metrics->score_meta_data.at(0).scores.at("preemption"), 1 / (1 + std::exp(0.0048 * (21.0 - 2048))), 1e-12);
  EXPECT_TRUE(check_plan(w.view, out.plan).rejected_nodes.empty());
}

TEST_F(preemptions, need_a_priority_ten_below) {
  allow_all();
  for (auto [low, high, evicts] : {std::tuple{41, 50, false}, {40, 50, true}, {50, 50, false}, {60, 50, false}}) {
    w = {};
    w.add(make_node("n1", 1000, 1000));
    fill(sized("low", low, 900, 100));
    EXPECT_EQ(!evicted_jobs(plan(sized("high", high, 500, 100))).empty(), evicts) << low;
  }
}

TEST_F(preemptions, the_lowest_go_first_and_only_those_needed) {
  allow_all();
  w.add(make_node("n1", 1000, 1000));
  fill(sized("p30", 30, 300, 10));
  fill(sized("p10", 10, 300, 10));
  fill(sized("p20", 20, 300, 10));
  EXPECT_EQ(evicted_jobs(plan(sized("a", 80, 350, 10))), names{"p10"});
  EXPECT_EQ(evicted_jobs(plan(sized("b", 80, 700, 10))), (names{"p10", "p20"}));
  // A big one of middling priority makes the small ones needless.
  w = {};
  w.add(make_node("n1", 1000, 1000));
  fill(sized("small", 10, 100, 10));
  fill(sized("big", 20, 800, 10));
  EXPECT_EQ(evicted_jobs(plan(sized("c", 80, 800, 10))), names{"big"});
}

TEST_F(preemptions, the_nearest_in_size_goes) {
  allow_all();
  w.add(make_node("n1", 1000, 1000));
  fill(sized("small", 20, 100, 10));
  fill(sized("near", 20, 300, 10));
  fill(sized("large", 20, 600, 10));
  EXPECT_EQ(evicted_jobs(plan(sized("a", 80, 290, 10))), names{"near"});
}

TEST_F(preemptions, only_where_no_node_has_room) {
  allow_all();
  w.add(make_node("n1", 1000, 1000));
  fill(sized("low", 20, 900, 100));
  w.add(make_node("n2", 1000, 1000));
  auto out = plan(sized("high", 80, 500, 100));
  EXPECT_TRUE(evicted_jobs(out).empty());
  EXPECT_TRUE(out.plan.node_allocation.contains("n2"));
}

TEST_F(preemptions, free_a_static_port) {
  allow_all();
  w.add(make_node("n1"));
  auto with_port = [&](schema::job job) {
    schema::network_resource network;
    network.reserved_ports.push_back({"http", 8080, 0, "", false});
    job.task_groups[0].networks.push_back(network);
    return job;
  };
  fill(with_port(sized("holder", 20, 100, 10)));
  fill(sized("bystander", 10, 100, 10));
  auto out = plan(with_port(sized("high", 80, 100, 10)));
  EXPECT_EQ(evicted_jobs(out), names{"holder"});
  EXPECT_EQ(out.plan.node_allocation.at("n1")[0]->allocated_resources->shared.ports.at(0).value, 8080);
}

TEST_F(preemptions, free_devices_and_cores) {
  allow_all();
  auto node = make_node("n1");
  node.node_resources->devices.push_back({"nvidia", "gpu", "t4", {{"g0", true, "", {}}}, {}});
  node.computed_class = computed_class(node);
  w.add(node);
  auto with_gpu = [&](schema::job job) {
    job.task_groups[0].tasks[0].resources->devices.push_back({"gpu", 1, {}, {}});
    return job;
  };
  fill(with_gpu(sized("holder", 20, 100, 10)));
  fill(sized("bystander", 10, 100, 10));
  EXPECT_EQ(evicted_jobs(plan(with_gpu(sized("high", 80, 100, 10)))), names{"holder"});
  auto with_cores = [&](schema::job job, int64_t cores) {
    job.task_groups[0].tasks[0].resources->cores = cores;
    return job;
  };
  w = {};
  w.add(make_node("n1"));
  fill(with_cores(sized("pinned", 20, 0, 10), 3));
  EXPECT_EQ(evicted_jobs(plan(with_cores(sized("high", 80, 0, 10), 2))), names{"pinned"});
}

TEST_F(preemptions, of_two_nodes_the_lesser_evil) {
  allow_all();
  w.add(make_node("n1", 1000, 1000));
  fill(sized("dear", 60, 900, 100));
  w.add(make_node("n2", 1000, 1000));
  fill(sized("cheap", 10, 900, 100));
  EXPECT_EQ(evicted_jobs(plan(sized("high", 80, 500, 100))), names{"cheap"});
}

TEST_F(preemptions, migrate_limits_how_many_of_a_group_go_at_once) {
  allow_all();
  w.add(make_node("n1", 1000, 10000));
  w.add(make_node("n2", 1000, 10000));
  auto batch = sized("many", 20, 450, 10, "batch", 2);
  batch.task_groups[0].migrate.emplace();
  batch.task_groups[0].migrate->max_parallel = 1;
  fill(batch);
  fill(sized("other", 20, 450, 10, "batch", 2));
  auto out = plan(sized("high", 80, 400, 10, "service", 2));
  EXPECT_EQ(evicted_jobs(out).size(), 2u);
}

// Random nodes full of random allocations: the winner fits, nobody too important goes, nobody goes in vain.
TEST_F(preemptions, hold_for_random_clusters) {
  allow_all();
  for (uint64_t seed = 1; seed <= 100 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 g(seed);
    auto between = [&](int64_t low, int64_t high) { return low + static_cast<int64_t>(g() % static_cast<uint64_t>(high - low + 1)); };
    w = {};
    w.seed = seed;
    for (int64_t i = between(1, 4); i > 0; --i) w.add(make_node("n" + std::to_string(i), between(500, 1500), between(500, 1500)));
    for (int64_t i = between(2, 10); i > 0; --i) {
      std::string id = "j" + std::to_string(i);
      w.put(sized(id, between(1, 90), between(50, 500), between(50, 500), "batch", between(1, 3)));
      w.run(id);
      w.settle(id);
    }
    auto high = sized("high", between(1, 100), between(50, 500), between(50, 500), "service", between(1, 3));
    auto out = plan(high);
    EXPECT_TRUE(check_plan(w.view, out.plan).rejected_nodes.empty());
    for (const auto& [node, list] : out.plan.node_preemptions) {
      auto usage = w.view.usage(w.view.find(node));
      for (const auto& alloc : list) {
        EXPECT_LE(alloc->job->priority + 10, high.priority);
        usage.remove(*w.allocs.at(alloc->id));
      }
      for (const auto& alloc : out.plan.node_allocation.at(node)) usage.add(*alloc);
      EXPECT_TRUE(usage.fits().ok);
      for (const auto& alloc : list) {
        auto back = usage;
        back.add(*w.allocs.at(alloc->id));
        if (list.size() == 1 || out.plan.node_allocation.at(node).size() == 1) EXPECT_FALSE(back.fits().ok) << alloc->name << " went in vain";
      }
    }
    // Whoever waits would wait for nobody who could go: a plain search over single nodes.
    if (out.eval.failed_tg_allocs.empty() || !out.plan.node_allocation.empty()) continue;
    for (const auto& [id, node] : w.nodes) {
      auto usage = w.view.usage(w.view.find(id));
      for (const auto& [alloc_id, alloc] : w.allocs)
        if (alloc->node_id == id && occupies(*alloc) && alloc->job->priority + 10 <= high.priority) usage.remove(*alloc);
      const auto& wants = *high.task_groups[0].tasks[0].resources;
      EXPECT_FALSE(usage.free().cpu >= wants.cpu && usage.free().memory >= wants.memory_mb) << id;
    }
  }
}

}  // namespace
}  // namespace drover::sched::testing
