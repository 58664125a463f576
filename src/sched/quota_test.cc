#include "sched/quota.h"

#include <gtest/gtest.h>

#include "sched/test_world.h"

namespace drover::sched::testing {
namespace {

// The job asks for 100 MHz and 64 MB each.
struct quotas : ::testing::Test {
  quotas() {
    for (const char* id : {"n1", "n2", "n3"}) w.add(make_node(id));
    room.name = "small";
  }
  outcome run(const std::string& id) {
    auto facts = w.facts_for(id);
    facts.quota = room;
    auto out = schedule(facts, w.view, w.eval_for(id), w.now, w.seed, {.explain = true});
    w.apply(out.plan, id);
    return out;
  }
  world w;
  quota_room room;
};

TEST_F(quotas, as_many_run_as_the_quota_allows) {
  room.limit.memory_mb = 200;
  room.used.memory = 64;
  w.put(make_job("web", "service", 5));
  auto out = run("web");
  EXPECT_EQ(w.live("web").size(), 2u);
  EXPECT_EQ(out.eval.queued_allocations.at("web"), 3);
  const auto& failed = out.eval.failed_tg_allocs.at("web");
  EXPECT_EQ(failed.quota_exhausted, std::vector<std::string>{"memory exhausted (256 MB needed > 200 MB limit)"});
  EXPECT_EQ(failed.coalesced_failures, 2);
  ASSERT_EQ(out.created.size(), 1u);
  const auto& blocked = out.created[0];
  EXPECT_EQ(blocked.quota_limit_reached, "small");
  EXPECT_EQ(blocked.missing_non_node_resources, std::vector<std::string>{"quota:small"});
  EXPECT_FALSE(blocked.escaped_computed_class) << "free nodes do not help";
  ASSERT_EQ(out.explanations.size(), 1u);
  EXPECT_EQ(out.explanations[0].waiting, 3);
  EXPECT_NE(out.explanations[0].waits_for.at(0).find("quota \"small\""), std::string::npos);
}

TEST_F(quotas, each_measure_counts_and_none_means_no_limit) {
  auto group = make_job("web").task_groups[0];
  EXPECT_EQ(room.refuse(group), "");
  room.limit.cpu = 100;
  EXPECT_EQ(room.refuse(group), "");
  room.used.cpu = 1;
  EXPECT_EQ(room.refuse(group), "cpu exhausted (101 MHz needed > 100 MHz limit)");
  room.limit.cpu = 0;
  EXPECT_EQ(room.refuse(group), "");
  room.limit.cpu = -1;
  EXPECT_EQ(room.refuse(group), "cpu exhausted (101 MHz needed > 0 MHz limit)");
  room.limit.cpu.reset();
  room.limit.memory_max_mb = 100;
  group.tasks[0].resources->memory_max_mb = 128;
  EXPECT_EQ(room.refuse(group), "memory_max exhausted (128 MB needed > 100 MB limit)");
}

TEST_F(quotas, what_is_replaced_makes_room_for_its_successor) {
  room.limit.cpu = 300;
  auto job = make_job("web", "service", 3);
  job.task_groups[0].update->max_parallel = 3;
  w.put(job);
  run("web");
  ASSERT_EQ(w.live("web").size(), 3u);
  w.settle("web");
  job.task_groups[0].tasks[0].user = "nobody";
  w.put(job);
  room.used.cpu = 300;
  auto out = run("web");
  EXPECT_TRUE(out.eval.failed_tg_allocs.empty());
  EXPECT_EQ(w.live("web").size(), 3u);
}

TEST_F(quotas, count_for_system_jobs_too) {
  room.limit.cpu = 200;
  w.put(make_job("sys", "system"));
  auto out = run("sys");
  EXPECT_EQ(w.live("sys").size(), 2u);
  EXPECT_EQ(out.eval.failed_tg_allocs.at("web").quota_exhausted.size(), 1u);
}

}  // namespace
}  // namespace drover::sched::testing
