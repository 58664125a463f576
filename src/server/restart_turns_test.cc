#include "server/restart_turns.h"

#include <gtest/gtest.h>

namespace drover::server {
namespace {

constexpr timestamp t0(1'700'000'000'000'000'000);
const restart_turns::group_key web{"default", "web", "g"};

schema::restart_turn_request by(std::string alloc, std::string task = "t") {
  schema::restart_turn_request out;
  out.alloc_id = std::move(alloc);
  out.task = std::move(task);
  return out;
}

schema::restart_turn_request held(std::string alloc) {
  auto out = by(std::move(alloc));
  out.held = true;
  return out;
}

schema::restart_turn_request left(std::string alloc, std::string task = "t") {
  auto out = by(std::move(alloc), std::move(task));
  out.leave = true;
  return out;
}

group_health three(size_t parallel = 1, std::set<std::string> unwell = {}) {
  return {.parallel = parallel, .members = {"a", "b", "c"}, .unwell = std::move(unwell)};
}

struct turns : ::testing::Test {
  turns() { all.lead(3, t0 - seconds(60)); }
  bool ask(const group_health& group, const schema::restart_turn_request& request, timestamp now = t0) { return all.ask(web, group, request, now).granted; }
  restart_turns all{seconds(10)};
};

TEST_F(turns, one_after_the_other) {
  EXPECT_TRUE(ask(three(), by("a")));
  EXPECT_TRUE(ask(three(), by("a"))) << "it has it";
  auto refused = all.ask(web, three(), by("b"), t0);
  EXPECT_FALSE(refused.granted);
  EXPECT_EQ(refused.reason, "1 of 3 allocations of group \"g\" restart or are not healthy; max_parallel is 1");
  EXPECT_TRUE(all.ask({"default", "other", "g"}, three(), by("x"), t0).granted) << "another job is no concern";
  EXPECT_FALSE(ask(three(), left("a")));
  EXPECT_TRUE(ask(three(), by("b")));
}

TEST_F(turns, as_many_as_may_be_out_at_once) {
  EXPECT_TRUE(ask(three(2), by("a")));
  EXPECT_TRUE(ask(three(2), by("b")));
  EXPECT_FALSE(ask(three(2), by("c")));
}

TEST_F(turns, whoever_is_not_well_counts_and_may_restart_itself) {
  EXPECT_FALSE(ask(three(1, {"b"}), by("a")));
  EXPECT_TRUE(ask(three(1, {"b"}), by("b")));
  EXPECT_TRUE(ask(three(1, {"b", "c"}), by("c")));
}

TEST_F(turns, end_with_the_lease_and_with_the_allocation) {
  EXPECT_TRUE(ask(three(), by("a")));
  EXPECT_FALSE(ask(three(), by("b"), t0 + seconds(9)));
  EXPECT_TRUE(ask(three(), held("a"), t0 + seconds(9)));
  EXPECT_FALSE(ask(three(), by("b"), t0 + seconds(18)));
  EXPECT_TRUE(ask(three(), by("b"), t0 + seconds(19)));
  EXPECT_TRUE(ask({.parallel = 1, .members = {"c", "d"}, .unwell = {}}, by("c"), t0 + seconds(20))) << "b was stopped";
}

TEST_F(turns, of_two_tasks_are_one_turn_until_both_have_left) {
  EXPECT_TRUE(ask(three(), by("a", "one")));
  EXPECT_TRUE(ask(three(), by("a", "two")));
  ask(three(), left("a", "one"));
  EXPECT_FALSE(ask(three(), by("b")));
  ask(three(), left("a", "two"));
  EXPECT_EQ(all.groups(), 0u);
  EXPECT_TRUE(ask(three(), by("b")));
}

TEST_F(turns, a_new_leader_first_hears_who_holds_one) {
  EXPECT_TRUE(ask(three(), by("a")));
  all.lead(4, t0);
  EXPECT_FALSE(ask(three(), by("b")));
  EXPECT_TRUE(ask(three(), held("a"), t0 + seconds(3)));
  EXPECT_FALSE(ask(three(), by("b"), t0 + seconds(11))) << "a holds it still";
  EXPECT_TRUE(ask(three(), by("b"), t0 + seconds(13)));
}

TEST(allocation, does_its_work) {
  schema::allocation alloc;
  alloc.client_status = "running";
  alloc.task_states["t"].state = "running";
  schema::deployment deployment;
  deployment.status = "running";
  EXPECT_TRUE(is_well(alloc, nullptr));
  EXPECT_FALSE(is_well(alloc, &deployment)) << "not judged yet";
  alloc.deployment_status.emplace().healthy = true;
  EXPECT_TRUE(is_well(alloc, &deployment));
  alloc.task_states["t"].state = "pending";
  EXPECT_FALSE(is_well(alloc, &deployment)) << "it restarts";
  alloc.task_states["t"].state = "running";
  alloc.deployment_status->healthy = false;
  EXPECT_FALSE(is_well(alloc, nullptr));
}

}  // namespace
}  // namespace drover::server
