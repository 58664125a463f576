#include "client/lifecycle.h"

#include <gtest/gtest.h>

#include "client/health_watcher.h"

namespace drover::client {
namespace {

schema::task task(std::string name, std::string hook = {}, bool sidecar = false) {
  schema::task t;
  t.name = std::move(name);
  if (!hook.empty()) t.lifecycle = schema::task_lifecycle_config{hook, sidecar};
  return t;
}
schema::task_state state(std::string s, bool failed = false, bool started = true) {
  schema::task_state out;
  out.state = std::move(s);
  out.failed = failed;
  if (started && out.state != "pending") out.started_at = timestamp(5);
  return out;
}
schema::task_group group() {
  schema::task_group g;
  g.tasks = {task("init", "prestart"), task("proxy", "prestart", true), task("main"), task("warm", "poststart"), task("clean", "poststop")};
  return g;
}

TEST(lifecycle, order) {
  auto g = group();
  struct row {
    const char* what;
    task_states states;
    std::vector<std::string> may;
  } rows[] = {
      {"at first", {{"init", state("pending")}, {"proxy", state("pending")}, {"main", state("pending")}}, {"init", "proxy"}},
      {"init runs", {{"init", state("running")}, {"proxy", state("running")}, {"main", state("pending")}}, {"init", "proxy"}},
      {"init done", {{"init", state("dead")}, {"proxy", state("running")}, {"main", state("pending")}}, {"init", "proxy", "main"}},
      {"main runs", {{"init", state("dead")}, {"proxy", state("running")}, {"main", state("running")}}, {"init", "proxy", "main", "warm"}},
      {"init failed", {{"init", state("dead", true)}, {"proxy", state("running")}, {"main", state("pending")}}, {"init", "proxy"}},
      {"all dead",
       {{"init", state("dead")}, {"proxy", state("dead")}, {"main", state("dead")}, {"warm", state("dead")}},
       {"init", "proxy", "main", "warm", "clean"}},
  };
  for (auto& r : rows) {
    std::vector<std::string> may;
    for (auto& t : g.tasks)
      if (may_start(g, r.states, t)) may.push_back(t.name);
    EXPECT_EQ(may, r.may) << r.what;
  }
}

TEST(lifecycle, a_failed_prestart_takes_the_turn_of_main) {
  auto g = group();
  task_states s = {{"init", state("dead", true)}, {"main", state("pending")}};
  EXPECT_TRUE(turn_lost(g, s, g.tasks[2]));
  EXPECT_FALSE(turn_lost(g, s, g.tasks[4]));
  // Main never started, so poststart never will.
  s["main"] = state("dead", false, false);
  EXPECT_TRUE(turn_lost(g, s, g.tasks[3]));
}

TEST(lifecycle, client_status) {
  struct row {
    task_states states;
    const char* status;
  } rows[] = {
      {{}, "pending"},
      {{{"a", state("pending")}, {"b", state("pending")}}, "pending"},
      {{{"a", state("running")}, {"b", state("pending")}}, "running"},
      {{{"a", state("dead")}, {"b", state("running")}}, "running"},
      {{{"a", state("dead", true)}, {"b", state("running")}}, "failed"},
      {{{"a", state("dead")}, {"b", state("dead")}}, "complete"},
  };
  for (auto& r : rows) EXPECT_EQ(status_of(r.states).status, r.status);
}

TEST(health, counts_only_what_must_run) {
  auto g = group();
  task_states s = {{"init", state("dead")}, {"proxy", state("running")}, {"main", state("running")}, {"warm", state("dead")}, {"clean", state("pending")}};
  s["main"].started_at = timestamp(9);
  auto view = look_at_health(g, s);
  EXPECT_TRUE(view.running);
  EXPECT_FALSE(view.failed);
  EXPECT_EQ(view.since, timestamp(9));
  s["main"] = state("pending");
  EXPECT_FALSE(look_at_health(g, s).running);
  s["main"] = state("dead", true);
  EXPECT_TRUE(look_at_health(g, s).failed);
}

}  // namespace
}  // namespace drover::client
