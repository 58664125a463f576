#include "server/plan_turns.h"

#include <gtest/gtest.h>

#include <vector>

#include "net/blocking.h"
#include "net/task_scope.h"

namespace drover::server {
namespace {

struct fixture {
  net::loop loop;
  plan_turns turns;
  net::task_scope scope{loop, log::logger("test")};
  std::vector<int> began;
  net::event go_on;

  net::awaitable<void> plan(int number) {
    auto turn = co_await turns.take();
    began.push_back(number);
    co_await go_on.wait();
  }
};

TEST(plan_turns, nobody_waits_until_plans_collide) {
  fixture f;
  net::run_to_completion(f.loop, [](fixture& f) -> net::awaitable<void> {
    auto first = co_await f.turns.take();
    auto second = co_await f.turns.take();
    EXPECT_FALSE(f.turns.are_taken());
  }(f));
}

TEST(plan_turns, after_a_collision_one_plans_at_a_time_in_the_order_in_which_they_came) {
  fixture f;
  net::run_to_completion(f.loop, [](fixture& f) -> net::awaitable<void> {
    f.turns.collided();
    for (int i = 0; i < 3; ++i) f.scope.spawn(f.plan(i));
    for (int expected = 1; expected <= 3; ++expected) {
      while (f.began.size() < static_cast<size_t>(expected) || !f.go_on.has_waiters()) co_await net::yield();
      EXPECT_EQ(f.began.size(), static_cast<size_t>(expected));
      f.go_on.notify_all();
    }
    co_await f.scope.join();
  }(f));
  EXPECT_EQ(f.began, (std::vector{0, 1, 2}));
}

TEST(plan_turns, who_waits_goes_on_when_it_is_calm_again) {
  fixture f;
  net::run_to_completion(f.loop, [](fixture& f) -> net::awaitable<void> {
    f.turns.collided();
    f.go_on.set();
    {
      auto held = co_await f.turns.take();
      for (int i = 0; i < 3; ++i) f.scope.spawn(f.plan(i));
      for (int i = 0; i < plan_turns::calm_after; ++i) f.turns.went_well();
      EXPECT_FALSE(f.turns.are_taken());
    }
    co_await f.scope.join();
  }(f));
  EXPECT_EQ(f.began.size(), 3u);
}

TEST(plan_turns, are_taken_for_longer_where_plans_collide_again_soon) {
  plan_turns turns;
  auto until_calm = [&] {
    turns.collided();
    int plans = 0;
    for (; turns.are_taken(); ++plans) turns.went_well();
    return plans;
  };
  EXPECT_EQ(until_calm(), plan_turns::calm_after);
  EXPECT_EQ(until_calm(), 2 * plan_turns::calm_after);
  for (int i = 0; i < 10; ++i) until_calm();
  EXPECT_EQ(until_calm(), plan_turns::calm_after_max);
  for (int i = 0; i < 4 * plan_turns::calm_after_max; ++i) turns.went_well();
  EXPECT_EQ(until_calm(), plan_turns::calm_after);
}

TEST(plan_turns, a_turn_may_outlive_its_maker) {
  fixture f;
  net::run_to_completion(f.loop, [](net::loop&) -> net::awaitable<void> {
    plan_turns::turn kept;
    {
      plan_turns turns;
      turns.collided();
      kept = co_await turns.take();
    }
    kept.end();
    kept.end();
  }(f.loop));
}

}  // namespace
}  // namespace drover::server
