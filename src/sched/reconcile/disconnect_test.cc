// Clients that are cut off and come back.
#include "sched/reconcile/disconnect.h"

#include <gtest/gtest.h>

#include "sched/test_world.h"

namespace drover::sched::testing {
namespace {

class disconnects : public ::testing::Test {
 protected:
  void start(bool replace = true, const std::string& reconcile = "") {
    for (int i = 0; i < 3; ++i) w.add(make_node("n" + std::to_string(i)));
    auto job = make_job("web", "service", 2);
    job.constraints.push_back({"", "true", "distinct_hosts"});
    auto& group = job.task_groups[0];
    group.disconnect.emplace();
    group.disconnect->lost_after = hours(1);
    group.disconnect->replace = replace;
    group.disconnect->reconcile = reconcile;
    group.reschedule_policy->delay = duration{};
    group.update->max_parallel = 2;
    w.put(job);
    w.run("web");
    w.settle("web");
    w.run("web");
    original = w.live("web")[0];
  }
  void cut(const std::string& status = "disconnected") {
    w.change_node(original->node_id, [&](auto& n) { n.status = status; });
  }
  void come_back(const std::string& alloc_status = "running") {
    w.change_node(original->node_id, [](auto& n) { n.status = "ready"; });
    w.change_alloc(original->id, [&](auto& a) { a.client_status = alloc_status; });
  }
  ref<schema::allocation> now(const std::string& id) { return w.allocs.at(id); }
  std::string replacement() { return now(original->id)->next_allocation; }
  static const schema::desired_updates& updates(const outcome& out) { return out.eval.plan_annotations->desired_tg_updates.at("web"); }

  world w;
  ref<schema::allocation> original;
};

TEST_F(disconnects, unknown_and_replaced_until_it_is_lost) {
  start();
  cut();
  auto out = w.run("web");
  EXPECT_EQ(updates(out).disconnect, 1u);
  EXPECT_EQ(now(original->id)->client_status, "unknown");
  EXPECT_EQ(now(original->id)->desired_status, "run");
  EXPECT_EQ(now(original->id)->alloc_states.back().value, "unknown");
  ASSERT_FALSE(replacement().empty());
  EXPECT_EQ(now(replacement())->name, original->name);
  auto timeout = std::ranges::find(out.created, "max-disconnect-timeout", &schema::evaluation::triggered_by);
  ASSERT_NE(timeout, out.created.end());
  EXPECT_EQ(timeout->wait_until, w.now + hours(1));
  EXPECT_EQ(now(original->id)->followup_eval_id, timeout->id);

  w.settle("web");
  w.change_alloc(original->id, [](auto& a) { a.client_status = "unknown"; });
  EXPECT_FALSE(w.run("web").has_plan());
  w.now = w.now + hours(1);
  w.run("web");
  EXPECT_EQ(now(original->id)->client_status, "lost");
  EXPECT_EQ(now(original->id)->desired_status, "stop");
  EXPECT_EQ(w.live("web").size(), 2u);
  EXPECT_FALSE(w.run("web").has_plan());
}

TEST_F(disconnects, without_patience_it_is_lost_at_once) {
  start();
  auto job = *w.jobs["web"];
  job.task_groups[0].disconnect->lost_after = duration{};
  w.put(job);
  w.run("web");
  cut();
  w.run("web");
  EXPECT_EQ(now(original->id)->client_status, "lost");
}

TEST_F(disconnects, single_instances_wait) {
  start(false);
  cut();
  w.run("web");
  EXPECT_EQ(now(original->id)->client_status, "unknown");
  EXPECT_TRUE(replacement().empty());
  EXPECT_EQ(w.live("web").size(), 2u);
  EXPECT_FALSE(w.run("web").has_plan());
}

TEST_F(disconnects, single_instances_wait_for_a_node_that_is_down_too) {
  start(false);
  cut("down");
  w.run("web");
  EXPECT_EQ(now(original->id)->client_status, "unknown");
  EXPECT_TRUE(replacement().empty());
}

TEST_F(disconnects, the_policy_may_delay_the_replacement) {
  start();
  auto job = *w.jobs["web"];
  job.task_groups[0].reschedule_policy->delay = seconds(30);
  w.put(job);
  w.run("web");
  w.settle("web");
  w.run("web");
  cut();
  auto out = w.run("web");
  EXPECT_TRUE(replacement().empty());
  auto later = std::ranges::find(out.created, "alloc-failure", &schema::evaluation::triggered_by);
  ASSERT_NE(later, out.created.end());
  EXPECT_EQ(later->wait_until, w.now + seconds(30));
  EXPECT_FALSE(w.run("web").has_plan());
  w.now = w.now + seconds(30);
  w.run("web");
  EXPECT_FALSE(replacement().empty());
}

TEST_F(disconnects, reconcile_table) {
  struct row {
    const char* strategy;
    double original_score;
    double replacement_score;
    int64_t replacement_started;  // before (negative) or after the original
    bool keeps_replacement;
  };
  const row rows[] = {
      {"keep_original", 0, 1, -10, false},  {"keep_replacement", 1, 0, 10, true}, {"best_score", 0.5, 0.6, 10, true},
      {"best_score", 0.6, 0.5, -10, false}, {"best_score", 0.5, 0.5, -10, false}, {"", 0.5, 0.6, 10, true},
      {"longest_running", 0, 1, 10, false}, {"longest_running", 1, 0, -10, true},
  };
  for (const auto& r : rows) {
    SCOPED_TRACE(std::string(r.strategy) + " " + std::to_string(r.original_score));
    w = {};
    start(true, r.strategy);
    cut();
    w.run("web");
    w.settle("web");
    auto score = [&](const std::string& id, double value, int64_t started) {
      w.change_alloc(id, [&](auto& a) {
        schema::alloc_metric metrics;
        metrics.score_meta_data.push_back({"n", {}, value});
        a.metrics = std::make_shared<const schema::alloc_metric>(metrics);
        a.task_states["main"].started_at = w.now + seconds(started);
      });
    };
    score(original->id, r.original_score, 0);
    score(replacement(), r.replacement_score, r.replacement_started);
    come_back();
    auto out = w.run("web");
    EXPECT_EQ(w.live("web").size(), 2u);
    EXPECT_EQ(occupies(*now(replacement())), r.keeps_replacement);
    EXPECT_EQ(occupies(*now(original->id)), !r.keeps_replacement);
    if (!r.keeps_replacement) {
      EXPECT_EQ(now(replacement())->desired_description, "alloc not needed due to disconnected client reconnect");
      EXPECT_EQ(updates(out).reconnect, 1u);
      EXPECT_EQ(now(original->id)->alloc_states.back().value, "running");
    }
    EXPECT_FALSE(w.run("web").has_plan());
  }
}

TEST_F(disconnects, a_failure_while_away_is_stopped) {
  start();
  cut();
  w.run("web");
  w.settle("web");
  come_back("failed");
  w.run("web");
  EXPECT_EQ(now(original->id)->desired_status, "stop");
  EXPECT_EQ(w.live("web").size(), 2u);
}

TEST_F(disconnects, a_client_that_stops_by_itself_is_given_the_time) {
  start();
  auto job = *w.jobs["web"];
  job.task_groups[0].disconnect->lost_after = duration{};
  job.task_groups[0].disconnect->stop_on_client_after = minutes(5);
  w.put(job);
  w.run("web");
  cut("down");
  auto out = w.run("web");
  EXPECT_EQ(now(original->id)->client_status, "lost");
  EXPECT_EQ(w.live("web").size(), 1u);
  EXPECT_EQ(out.created.at(0).wait_until, w.now + minutes(5));
  EXPECT_FALSE(w.run("web").has_plan());
  w.now = w.now + minutes(5);
  w.run("web");
  EXPECT_EQ(w.live("web").size(), 2u);
}

TEST_F(disconnects, system_jobs_wait_for_their_node) {
  w.add(make_node("n0"));
  auto job = make_job("sys", "system");
  job.task_groups[0].disconnect.emplace();
  job.task_groups[0].disconnect->lost_after = hours(1);
  w.put(job);
  w.run("sys");
  w.settle("sys");
  w.change_node("n0", [](auto& n) { n.status = "disconnected"; });
  w.run("sys");
  ASSERT_EQ(w.live("sys").size(), 1u);
  EXPECT_EQ(w.live("sys")[0]->client_status, "unknown");
  EXPECT_FALSE(w.run("sys").has_plan());
  w.now = w.now + hours(1);
  w.run("sys");
  EXPECT_TRUE(w.live("sys").empty());
}

}  // namespace
}  // namespace drover::sched::testing
