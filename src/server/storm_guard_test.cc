#include "server/storm_guard.h"

#include <gtest/gtest.h>

#include "server/limits.h"

namespace drover::server {
namespace {

constexpr duration limit = minutes(5);
timestamp at(int second) { return timestamp(seconds(1'000'000 + second).ns); }
std::string node(int i) { return "n" + std::to_string(i); }

TEST(StormGuard, OneOfManyIsLostAtOnce) {
  for (size_t fleet : {1u, 2u, 3u, 10u, 1000u}) {
    storm_guard guard(limit);
    EXPECT_TRUE(guard.missed(node(1), {.nodes = fleet, .late = 0}, at(0))) << fleet;
    EXPECT_FALSE(guard.settles_at());
  }
}

TEST(StormGuard, WhatCountsAsMany) {
  struct row {
    size_t nodes, late;
    bool lost;
  };
  // `late` nodes beside the one that missed.
  for (auto [nodes, late, lost] : {row{2, 1, false}, row{4, 1, false}, row{8, 1, true}, row{8, 2, false}, row{100, 24, true}, row{100, 25, false}}) {
    storm_guard guard(limit);
    EXPECT_EQ(guard.missed(node(1), {.nodes = nodes, .late = late}, at(0)), lost) << late + 1 << " of " << nodes;
  }
}

TEST(StormGuard, NobodyIsLostWhileTheFleetReturns) {
  storm_guard guard(limit);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(guard.missed(node(i), {.nodes = 100, .late = static_cast<size_t>(99 - i)}, at(i / 10)));
  // One every two seconds comes back, for three minutes.
  int second = 20;
  for (int i = 0; i < 90; ++i, second += 2) {
    EXPECT_TRUE(guard.heard(node(i), at(second)));
    EXPECT_TRUE(guard.settle(at(second)).empty());
  }
  EXPECT_EQ(guard.held(), 10u);
  // Then no more.
  EXPECT_EQ(guard.settles_at(), at(second - 2) + storm_settle);
  EXPECT_TRUE(guard.settle(at(second - 2 + 29)).empty());
  auto lost = guard.settle(at(second - 2 + 30));
  EXPECT_EQ(lost.size(), 10u);
  EXPECT_EQ(guard.held(), 0u);
  // The next single loss is not held.
  EXPECT_TRUE(guard.missed(node(1), {.nodes = 90, .late = 0}, at(1000)));
}

TEST(StormGuard, ATrickleIsNotAReturn) {
  storm_guard guard(limit);
  // 1,000 nodes: fewer than 10 within 10 s do not hold up the rest.
  for (int i = 0; i < 1000; ++i) guard.missed(node(i), {.nodes = 1000, .late = 500}, at(0));
  for (int i = 0; i < 10; ++i) guard.heard(node(i), at(3 * i));
  EXPECT_EQ(guard.settles_at(), at(0) + storm_settle);
  EXPECT_EQ(guard.settle(at(30)).size(), 990u);
}

TEST(StormGuard, TheLimitEndsIt) {
  storm_guard guard(limit);
  for (int i = 0; i < 100; ++i) guard.missed(node(i), {.nodes = 100, .late = 50}, at(0));
  for (int second = 5; second < 300; second += 5) {
    guard.heard(node(second / 5), at(second));
    EXPECT_TRUE(guard.settle(at(second)).empty());
  }
  EXPECT_FALSE(guard.settle(at(300)).empty());
}

TEST(StormGuard, WhenAllAreBackItIsOver) {
  storm_guard guard(limit);
  guard.missed(node(1), {.nodes = 2, .late = 1}, at(0));
  guard.missed(node(2), {.nodes = 2, .late = 0}, at(1));
  guard.heard(node(1), at(2));
  EXPECT_TRUE(guard.holds(node(2)));
  guard.heard(node(2), at(3));
  EXPECT_FALSE(guard.settles_at());
  EXPECT_FALSE(guard.heard(node(2), at(4)));
}

TEST(StormGuard, SaysWhatItDoes) {
  storm_guard guard(limit);
  for (int i = 0; i < 8; ++i) guard.missed(node(i), {.nodes = 10, .late = 7}, at(0));
  for (int i = 0; i < 5; ++i) guard.heard(node(i), at(4));
  EXPECT_EQ(guard.describe(at(10)), "holding back the loss of 3 nodes: 5 came back within the last 10s, limit in 4m50s");
}

}  // namespace
}  // namespace drover::server
