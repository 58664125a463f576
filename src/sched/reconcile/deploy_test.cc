// Canaries: placed beside the old version, kept until somebody promotes them, gone with a deployment that failed.
#include <gtest/gtest.h>

#include <set>

#include "sched/test_world.h"

namespace drover::sched::testing {
namespace {

class canaries : public ::testing::Test {
 protected:
  canaries() {
    for (int i = 0; i < 4; ++i) w.add(make_node("n" + std::to_string(i)));
    job = make_job("web", "service", 3);
  }
  // Version 0 runs and is well.
  void start(int64_t canary, int64_t parallel) {
    job.task_groups[0].update->canary = canary;
    job.task_groups[0].update->max_parallel = parallel;
    w.put(job);
    w.run("web");
    w.settle("web");
    w.run("web");
    ASSERT_EQ(w.deployments["web"]->status, "successful");
  }
  void new_version() {
    job.task_groups[0].tasks[0].env["VERSION"] = std::to_string(++versions);
    w.put(job);
  }
  size_t of_version(uint64_t version) const {
    auto live = w.live("web");
    return static_cast<size_t>(std::ranges::count_if(live, [&](const auto& a) { return a->job->version == version; }));
  }
  const schema::deployment_state& state() { return w.deployments["web"]->task_groups.at("web"); }
  static const schema::desired_updates& updates(const outcome& out) { return out.eval.plan_annotations->desired_tg_updates.at("web"); }
  void fail(const std::string& id) {
    w.change_alloc(id, [&](auto& a) {
      a.client_status = "failed";
      a.task_states["main"].failed = true;
      a.task_states["main"].finished_at = w.now;
    });
  }
  // Clients follow and evaluations run until nothing changes.
  void roll() {
    for (int i = 0; i < 20; ++i) {
      w.settle("web");
      if (!w.run("web").has_plan()) return;
    }
    FAIL() << "it does not come to rest";
  }

  world w;
  schema::job job;
  int versions = 0;
};

TEST_F(canaries, stand_beside_the_old_version_until_promoted) {
  start(1, 1);
  EXPECT_EQ(state().desired_canaries, 0) << "a first version needs none";
  new_version();
  auto out = w.run("web");
  EXPECT_EQ(updates(out).canary, 1u);
  EXPECT_EQ(updates(out).place, 0u);
  EXPECT_EQ(updates(out).ignore, 3u);
  EXPECT_TRUE(out.plan.node_update.empty());
  EXPECT_EQ(out.plan.deployment->status_description, "Deployment is running but requires manual promotion");
  EXPECT_EQ(state().desired_canaries, 1);
  EXPECT_EQ(state().desired_total, 3);
  ASSERT_EQ(state().placed_canaries.size(), 1u);
  const auto& canary = *w.allocs[state().placed_canaries[0]];
  EXPECT_EQ(canary.name, "web.web[0]");
  EXPECT_TRUE(canary.deployment_status->canary);
  EXPECT_EQ(canary.deployment_id, w.deployments["web"]->id);

  w.settle("web");
  EXPECT_FALSE(w.run("web").has_plan()) << "healthy, but nobody has promoted it";
  EXPECT_EQ(of_version(0), 3u);

  w.promote("web");
  auto promoted = w.run("web");
  EXPECT_EQ(updates(promoted).stop, 1u) << "the one it stands for";
  EXPECT_EQ(of_version(1) + of_version(0), 3u);
  roll();
  EXPECT_EQ(of_version(1), 3u);
  EXPECT_EQ(w.deployments["web"]->status, "successful");
  std::set<std::string> names;
  for (const auto& alloc : w.live("web")) names.insert(alloc->name);
  EXPECT_EQ(names.size(), 3u);
}

TEST_F(canaries, as_many_as_the_count_are_blue_and_green) {
  start(3, 3);
  new_version();
  w.run("web");
  EXPECT_EQ(w.live("web").size(), 6u);
  w.settle("web");
  EXPECT_FALSE(w.run("web").has_plan());
  w.promote("web");
  w.run("web");
  EXPECT_EQ(of_version(0), 0u);
  EXPECT_EQ(of_version(1), 3u);
  EXPECT_EQ(w.deployments["web"]->status, "successful") << "nothing is left to do that would make another evaluation";
}

TEST_F(canaries, one_that_failed_does_not_count_for_the_version_after_it) {
  start(1, 1);
  new_version();
  w.run("web");
  fail(state().placed_canaries[0]);
  w.change_deployment("web", [](auto& d) { d.status = "failed"; });
  EXPECT_FALSE(w.run("web").plan.node_update.empty()) << "the failed one is stopped";
  job.task_groups[0].tasks[0].env.erase("VERSION");
  w.put(job);
  roll();
  EXPECT_EQ(w.live("web").size(), 3u);
  EXPECT_EQ(of_version(1), 0u);
}

TEST_F(canaries, what_failed_in_the_version_before_is_replaced_by_the_new_one) {
  job.task_groups[0].reschedule_policy->unlimited = false;
  job.task_groups[0].reschedule_policy->attempts = 0;
  start(0, 1);
  new_version();
  w.run("web");
  ASSERT_EQ(of_version(1), 1u);
  for (const auto& alloc : w.live("web"))
    if (alloc->job->version == 1) fail(alloc->id);
  job.task_groups[0].tasks[0].env.erase("VERSION");
  w.put(job);
  roll();
  EXPECT_EQ(w.live("web").size(), 3u);
  EXPECT_EQ(w.deployments["web"]->status, "successful");
}

TEST_F(canaries, promoted_automatically_the_description_says_so) {
  job.task_groups[0].update->auto_promote = true;
  start(1, 1);
  new_version();
  auto out = w.run("web");
  EXPECT_EQ(out.plan.deployment->status_description, "Deployment is running pending automatic promotion");
  EXPECT_TRUE(state().auto_promote);
}

TEST_F(canaries, go_when_their_deployment_fails) {
  start(2, 1);
  new_version();
  w.run("web");
  EXPECT_EQ(w.live("web").size(), 5u);
  w.change_deployment("web", [](auto& d) { d.status = "failed"; });
  auto out = w.run("web");
  EXPECT_EQ(updates(out).stop, 2u);
  EXPECT_EQ(of_version(0), 3u);
  EXPECT_EQ(of_version(1), 0u);
  EXPECT_FALSE(w.run("web").has_plan()) << "a failed deployment places nothing";
}

TEST_F(canaries, what_a_failed_deployment_loses_comes_back_once_there_is_room) {
  auto all_nodes = [&](const char* status) {
    for (int i = 0; i < 4; ++i) w.change_node("n" + std::to_string(i), [&](auto& n) { n.status = status; });
  };
  w.put(job);
  w.run("web");
  w.settle("web");
  w.change_deployment("web", [](auto& d) { d.status = "failed"; });
  EXPECT_FALSE(w.run("web").has_plan());
  all_nodes("down");
  w.run("web");
  EXPECT_TRUE(w.live("web").empty());
  EXPECT_FALSE(w.run("web").has_plan()) << "no room yet";
  all_nodes("ready");
  auto out = w.run("web");
  EXPECT_EQ(updates(out).place, 3u);
  std::set<std::string> before;
  for (const auto& alloc : w.live("web")) before.insert(std::string(alloc->previous_allocation));
  EXPECT_EQ(before.size(), 3u);
  EXPECT_FALSE(before.contains("")) << "each stands in for one that was lost";
  EXPECT_FALSE(w.run("web").has_plan());
}

TEST_F(canaries, go_when_a_newer_version_comes) {
  start(1, 1);
  new_version();
  w.run("web");
  new_version();
  auto out = w.run("web");
  EXPECT_EQ(updates(out).stop, 1u);
  EXPECT_EQ(updates(out).canary, 1u);
  EXPECT_EQ(out.plan.deployment_updates.at(0).status_description, "Cancelled due to newer version of job");
  EXPECT_EQ(of_version(0), 3u);
  EXPECT_EQ(of_version(1), 0u);
  EXPECT_EQ(of_version(2), 1u);
}

TEST_F(canaries, what_is_lost_meanwhile_comes_back_as_the_old_version) {
  start(1, 1);
  new_version();
  w.run("web");
  w.settle("web");
  auto canary = state().placed_canaries[0];
  auto old = std::ranges::find_if(w.allocs, [&](const auto& a) { return a.first != canary && a.second->node_id != w.allocs[canary]->node_id; });
  std::string node = old->second->node_id;
  w.change_node(node, [](auto& n) { n.status = "down"; });
  w.run("web");
  EXPECT_EQ(of_version(0), 3u);
  EXPECT_EQ(of_version(1), 1u);
  for (const auto& alloc : w.live("web")) {
    EXPECT_NE(alloc->node_id, node);
    if (alloc->job->version == 0 && alloc->previous_allocation == old->first) EXPECT_NE(alloc->deployment_id, w.deployments["web"]->id);
  }
}

TEST_F(canaries, a_lost_canary_is_placed_again) {
  start(1, 1);
  new_version();
  w.run("web");
  auto first = state().placed_canaries[0];
  std::string node = w.allocs[first]->node_id;
  w.change_node(node, [](auto& n) { n.status = "down"; });
  auto out = w.run("web");
  EXPECT_EQ(updates(out).canary, 1u);
  EXPECT_EQ(state().placed_canaries.size(), 2u);
  EXPECT_EQ(of_version(1), 1u);
}

TEST_F(canaries, a_failed_one_is_replaced_when_the_watcher_says_so) {
  start(1, 1);
  new_version();
  w.run("web");
  auto first = state().placed_canaries[0];
  fail(first);
  w.now = w.now + hours(1);
  EXPECT_FALSE(w.run("web").has_plan());
  w.change_alloc(first, [](auto& a) { a.desired_transition.reschedule = true; });
  w.run("web");
  EXPECT_EQ(of_version(1), 1u);
  auto live = w.live("web");
  auto again = std::ranges::find(live, first, [](const auto& a) { return a->previous_allocation.str(); });
  ASSERT_NE(again, live.end());
  EXPECT_TRUE((*again)->deployment_status->canary);
  EXPECT_EQ((*again)->reschedule_tracker->events.size(), 1u);
}

TEST_F(canaries, a_paused_deployment_places_none) {
  start(2, 1);
  new_version();
  auto eval = w.eval_for("web");
  auto out = w.plan(eval);
  w.deployments["web"] = out.plan.deployment;
  w.change_deployment("web", [](auto& d) { d.status = "paused"; });
  EXPECT_FALSE(w.run("web").has_plan());
  w.change_deployment("web", [](auto& d) { d.status = "running"; });
  EXPECT_EQ(updates(w.run("web")).canary, 2u);
}

}  // namespace
}  // namespace drover::sched::testing
