// Deployments of system jobs: as many as nodes suit them, canaries in per cent, the next ones when the last are well.
#include <gtest/gtest.h>

#include "sched/test_world.h"

namespace drover::sched::testing {
namespace {

class system_deployments : public ::testing::Test {
 protected:
  system_deployments() {
    for (int i = 0; i < 4; ++i) w.add(make_node("n" + std::to_string(i)));
    job = make_job("sys", "system");
    auto& update = job.task_groups[0].update.emplace();
    update.max_parallel = 2;
    update.progress_deadline = minutes(10);
    update.stagger = seconds(30);
  }
  // Version 0 runs and is well.
  void start() {
    w.put(job);
    w.run("sys");
    w.settle("sys");
    w.run("sys");
    ASSERT_EQ(deployment().status, "successful");
  }
  outcome new_version() {
    job.task_groups[0].tasks[0].user = "user" + std::to_string(++versions);
    w.put(job);
    return w.run("sys");
  }
  size_t of_version(uint64_t version) const {
    auto live = w.live("sys");
    return static_cast<size_t>(std::ranges::count_if(live, [&](const auto& a) { return a->job->version == version; }));
  }
  const schema::deployment& deployment() { return *w.deployments["sys"]; }
  const schema::deployment_state& state() { return deployment().task_groups.at("web"); }
  static const schema::desired_updates& updates(const outcome& out) { return out.eval.plan_annotations->desired_tg_updates.at("web"); }

  world w;
  schema::job job;
  int versions = 0;
};

TEST_F(system_deployments, the_first_version_is_watched_on_every_node) {
  w.put(job);
  auto out = w.run("sys");
  EXPECT_EQ(w.live("sys").size(), 4u) << "max_parallel limits replacements only";
  EXPECT_EQ(out.eval.deployment_id, deployment().id);
  EXPECT_EQ(state().desired_total, 4);
  for (const auto& alloc : w.live("sys")) EXPECT_EQ(alloc->deployment_id, deployment().id);
  EXPECT_FALSE(w.run("sys").has_plan()) << "nobody is well yet";
  w.settle("sys");
  auto done = w.run("sys");
  ASSERT_EQ(done.plan.deployment_updates.size(), 1u);
  EXPECT_EQ(deployment().status_description, "Deployment completed successfully");
  EXPECT_FALSE(w.run("sys").has_plan());
}

TEST_F(system_deployments, the_next_are_replaced_when_the_last_are_well) {
  start();
  auto out = new_version();
  EXPECT_EQ(updates(out).destructive_update, 2u);
  EXPECT_TRUE(out.eval.next_eval.empty()) << "no time to wait for: health decides";
  EXPECT_EQ(of_version(1), 2u);
  EXPECT_EQ(state().desired_total, 4);
  EXPECT_FALSE(w.run("sys").has_plan());
  w.settle("sys");
  EXPECT_EQ(updates(w.run("sys")).destructive_update, 2u);
  EXPECT_EQ(deployment().status, "running");
  w.settle("sys");
  w.run("sys");
  EXPECT_EQ(deployment().status, "successful");
  EXPECT_EQ(of_version(1), 4u);
}

TEST_F(system_deployments, what_is_ill_holds_up_the_others) {
  start();
  new_version();
  auto ill = w.live("sys");
  std::erase_if(ill, [](const auto& a) { return a->job->version == 0; });
  for (const auto& alloc : ill) w.change_alloc(alloc->id, [](auto& a) { a.deployment_status.emplace().healthy = false; });
  EXPECT_FALSE(w.run("sys").has_plan()) << "the deployment's deadline decides about ill ones";
  w.change_deployment("sys", [](auto& d) { d.status = "failed"; });
  EXPECT_FALSE(w.run("sys").has_plan()) << "a failed deployment replaces nobody";
  EXPECT_EQ(of_version(0), 2u);
}

TEST_F(system_deployments, paused_it_waits) {
  start();
  new_version();
  w.settle("sys");
  w.change_deployment("sys", [](auto& d) { d.status = "paused"; });
  EXPECT_FALSE(w.run("sys").has_plan());
  w.change_deployment("sys", [](auto& d) { d.status = "running"; });
  EXPECT_EQ(updates(w.run("sys")).destructive_update, 2u);
}

TEST_F(system_deployments, canaries_are_a_share_of_the_nodes) {
  start();
  job.task_groups[0].update->canary = 30;  // of 4 nodes: 2
  auto out = new_version();
  EXPECT_EQ(updates(out).canary, 2u);
  EXPECT_EQ(updates(out).destructive_update, 0u);
  EXPECT_EQ(w.live("sys").size(), 4u) << "a canary takes the place of the old one";
  EXPECT_EQ(state().desired_canaries, 2);
  EXPECT_EQ(state().placed_canaries.size(), 2u);
  EXPECT_EQ(deployment().status_description, "Deployment is running but requires manual promotion");
  w.settle("sys");
  EXPECT_FALSE(w.run("sys").has_plan()) << "nobody has promoted them";

  w.change_alloc(state().placed_canaries[0], [this](auto& a) {
    a.client_status = "failed";
    a.modify_time = w.now.ns;
  });
  EXPECT_EQ(updates(w.run("sys")).canary, 0u) << "not in a circle";
  w.now = w.now + seconds(30);
  auto again = w.run("sys");
  EXPECT_EQ(updates(again).canary, 1u) << "a canary that failed is placed again as one";
  EXPECT_EQ(state().desired_canaries, 2);
  EXPECT_EQ(of_version(0), 2u);

  w.settle("sys");
  w.promote("sys");
  EXPECT_EQ(updates(w.run("sys")).destructive_update, 2u);
  w.settle("sys");
  w.run("sys");
  EXPECT_EQ(deployment().status, "successful");
  EXPECT_EQ(of_version(1), 4u);
}

// A driver that is not ready yet, say, would otherwise be asked thirty times a second.
TEST_F(system_deployments, what_failed_is_tried_again_on_its_node_each_time_later) {
  start();
  auto fail = [this](const std::string& node) {
    for (const auto& alloc : w.live("sys"))
      if (alloc->node_id == node)
        w.change_alloc(alloc->id, [this](auto& a) {
          a.client_status = "failed";
          a.modify_time = w.now.ns;
        });
  };
  const auto node = w.live("sys")[1]->node_id;
  for (const auto delay : {seconds(30), seconds(60), seconds(120)}) {
    fail(node);
    auto waits = w.run("sys");
    ASSERT_EQ(waits.created.size(), 1u);
    EXPECT_EQ(waits.created[0].wait_until, w.now + delay);
    EXPECT_EQ(waits.created[0].triggered_by, "alloc-failure");
    EXPECT_TRUE(waits.plan.node_allocation.at(node).at(0)->followup_eval_id == waits.created[0].id);
    EXPECT_FALSE(w.run("sys").has_plan()) << "it waits, whoever asks";
    w.now = w.now + delay;
    EXPECT_EQ(updates(w.run("sys")).place, 1u);
    EXPECT_EQ(w.live("sys").size(), 4u);
  }
  EXPECT_FALSE(w.run("sys").has_plan());
  // A new version does not wait.
  fail(node);
  w.run("sys");
  EXPECT_EQ(updates(new_version()).place, 1u);
}

TEST_F(system_deployments, max_parallel_caps_canaries_and_a_newer_version_ends_the_deployment) {
  start();
  job.task_groups[0].update->canary = 100;
  new_version();
  EXPECT_EQ(state().desired_canaries, 2);
  auto old = deployment().id;
  auto out = new_version();
  ASSERT_EQ(out.plan.deployment_updates.size(), 1u);
  EXPECT_EQ(out.plan.deployment_updates[0].deployment_id, old);
  EXPECT_EQ(out.plan.deployment_updates[0].status_description, "Cancelled due to newer version of job");
  EXPECT_NE(deployment().id, old);
  job.stop = true;
  w.put(job);
  w.run("sys");
  EXPECT_EQ(deployment().status, "cancelled");
  EXPECT_TRUE(w.live("sys").empty());
}

TEST_F(system_deployments, nodes_come_and_go_while_it_runs) {
  w.put(job);
  w.run("sys");
  w.add(make_node("n9"));
  w.run("sys");
  EXPECT_EQ(state().desired_total, 5);
  w.change_node("n0", [](auto& n) { n.status = "down"; });
  w.run("sys");
  EXPECT_EQ(state().desired_total, 4);
  w.settle("sys");
  w.run("sys");
  EXPECT_EQ(deployment().status, "successful");
  w.add(make_node("n10"));
  w.run("sys");
  EXPECT_EQ(w.live("sys").size(), 5u);
  EXPECT_EQ(deployment().status, "successful") << "a node that comes later makes no deployment";
}

TEST_F(system_deployments, in_place_updates_are_watched_too) {
  start();
  job.task_groups[0].update->max_parallel = 1;
  job.task_groups[0].tasks[0].kill_timeout = seconds(9);
  w.put(job);
  auto out = w.run("sys");
  EXPECT_EQ(updates(out).in_place_update, 4u);
  for (const auto& alloc : w.live("sys")) EXPECT_EQ(alloc->deployment_id, deployment().id);
  w.settle("sys");
  w.run("sys");
  EXPECT_EQ(deployment().status, "successful");
}

TEST_F(system_deployments, without_max_parallel_there_is_none) {
  job.task_groups[0].update->max_parallel = 0;
  w.put(job);
  w.run("sys");
  EXPECT_TRUE(w.deployments.empty());
  EXPECT_EQ(w.live("sys").size(), 4u);
  job.type = "sysbatch";
  job.id = "once";
  job.task_groups[0].update->max_parallel = 1;
  w.put(job);
  w.run("once");
  EXPECT_FALSE(w.deployments.contains("once"));
}

}  // namespace
}  // namespace drover::sched::testing
