// next_drain_step(): which allocations a drain moves, when, and when it is over.
#include "server/drainer.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "schema/alloc.h"
#include "schema/job.h"
#include "state/store.h"
#include "state/tables.h"

namespace drover::server {
namespace {

using state::table;
constexpr timestamp now(1'000'000'000'000);

class cluster {
 public:
  void drain(const std::string& node_id, duration deadline = hours(1), bool ignore_system = false) {
    schema::node node;
    node.id = node_id;
    auto& strategy = node.drain_strategy.emplace();
    strategy.deadline = deadline;
    strategy.ignore_system_jobs = ignore_system;
    strategy.started_at = now;
    if (deadline.ns > 0) strategy.force_deadline = now + deadline;
    change([&](auto& t) { t.template put<table::nodes>(node); });
    draining_.insert(node_id);
  }
  void job(const std::string& id, const std::string& type, int64_t count, int64_t parallel = 1) {
    schema::job job;
    job.id = id;
    job.namespace_ = "default";
    job.type = type;
    auto& group = job.task_groups.emplace_back();
    group.name = "g";
    group.count = count;
    group.migrate.emplace().max_parallel = parallel;
    change([&](auto& t) { t.template put<table::jobs>(job); });
  }
  void alloc(const std::string& id, const std::string& job_id, const std::string& node_id, bool healthy = true, bool told = false,
             const std::string& client_status = "running") {
    schema::allocation alloc;
    alloc.id = id;
    alloc.namespace_ = "default";
    alloc.job_id = job_id;
    alloc.job = store_.current().job("default", job_id);
    alloc.task_group = "g";
    alloc.node_id = node_id;
    alloc.desired_status = "run";
    alloc.client_status = client_status;
    if (healthy) alloc.deployment_status.emplace().healthy = true;
    if (told) alloc.desired_transition.migrate = true;
    change([&](auto& t) { t.template put<table::allocs>(alloc); });
  }
  drain_step step(timestamp at = now) { return next_drain_step(store_.current(), draining_, at); }

 private:
  template <class F>
  void change(F each) {
    auto t = store_.begin(++index_);
    each(t);
    t.commit();
  }
  state::store store_;
  uint64_t index_ = 0;
  std::set<std::string> draining_;
};

TEST(Drain, AnEmptyNodeIsDoneAtOnce) {
  cluster c;
  c.drain("n1");
  EXPECT_EQ(c.step().done, std::vector<std::string>{"n1"});
}

TEST(Drain, MovesAsManyAsMayBeAway) {
  cluster c;
  c.job("web", "service", 4, 2);
  c.drain("n1");
  for (auto id : {"a", "b", "c"}) c.alloc(id, "web", "n1");
  c.alloc("d", "web", "n2");
  auto step = c.step();
  EXPECT_EQ(step.migrate.size(), 2u);
  EXPECT_EQ(step.jobs.size(), 1u);
  EXPECT_TRUE(step.done.empty());
  EXPECT_EQ(step.look_again, now + hours(1));
}

TEST(Drain, WaitsForReplacementsToBeHealthy) {
  cluster c;
  c.job("web", "service", 3, 1);
  c.drain("n1");
  c.alloc("a", "web", "n1");
  c.alloc("b", "web", "n1");
  c.alloc("c", "web", "n2");
  c.alloc("gone", "web", "n1", true, true, "complete");
  EXPECT_EQ(c.step().migrate.size(), 1u);
  c.alloc("c", "web", "n2", false);
  EXPECT_TRUE(c.step().migrate.empty());
}

TEST(Drain, ThoseThatWereToldAreNotToldAgainButHoldTheDrain) {
  cluster c;
  c.job("web", "service", 1);
  c.drain("n1");
  c.alloc("a", "web", "n1", true, true);
  auto step = c.step();
  EXPECT_TRUE(step.migrate.empty());
  EXPECT_TRUE(step.done.empty());
}

TEST(Drain, BatchRunsOnUntilTheDeadline) {
  cluster c;
  c.job("sum", "batch", 1);
  c.drain("n1");
  c.alloc("a", "sum", "n1");
  EXPECT_TRUE(c.step().migrate.empty());
  EXPECT_EQ(c.step(now + hours(1)).migrate, std::vector<std::string>{"a"});
}

TEST(Drain, SystemGoesLastOrStays) {
  cluster c;
  c.job("logs", "system", 1);
  c.job("web", "service", 1);
  c.drain("n1");
  c.alloc("s", "logs", "n1");
  c.alloc("w", "web", "n1");
  EXPECT_EQ(c.step().migrate, std::vector<std::string>{"w"});
  c.alloc("w", "web", "n1", true, true, "complete");
  EXPECT_EQ(c.step().migrate, std::vector<std::string>{"s"});
  c.drain("n1", hours(1), true);
  auto step = c.step();
  EXPECT_TRUE(step.migrate.empty());
  EXPECT_EQ(step.done, std::vector<std::string>{"n1"});
}

TEST(Drain, AForcedDrainTakesEverything) {
  cluster c;
  c.job("logs", "system", 1);
  c.job("web", "service", 2);
  c.job("sum", "batch", 1);
  c.drain("n1", duration(-1));
  c.alloc("s", "logs", "n1");
  c.alloc("w1", "web", "n1", false);
  c.alloc("w2", "web", "n1");
  c.alloc("b", "sum", "n1");
  auto step = c.step();
  std::ranges::sort(step.migrate);
  EXPECT_EQ(step.migrate, (std::vector<std::string>{"b", "s", "w1", "w2"}));
  EXPECT_TRUE(step.look_again.is_zero());
}

TEST(Drain, TwoNodesShareOneGroupsAllowance) {
  cluster c;
  c.job("web", "service", 4, 1);
  c.drain("n1");
  c.drain("n2");
  for (auto id : {"a", "b"}) c.alloc(id, "web", "n1");
  for (auto id : {"c", "d"}) c.alloc(id, "web", "n2");
  EXPECT_EQ(c.step().migrate.size(), 1u);
}

}  // namespace
}  // namespace drover::server
