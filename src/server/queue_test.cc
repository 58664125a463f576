// The queues of the leader: broker, blocked evaluations, heartbeats, and the judgement of deployments.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "net/test_loop.h"
#include "server/blocked_evals.h"
#include "server/deployments.h"
#include "server/eval_broker.h"
#include "server/gc.h"
#include "server/heartbeats.h"
#include "server/limits.h"

namespace drover::server {
namespace {

ref<schema::evaluation> make_eval(std::string id, std::string job, int64_t priority = 50, uint64_t index = 1) {
  auto eval = std::make_shared<schema::evaluation>();
  eval->id = std::move(id);
  eval->job_id = std::move(job);
  eval->namespace_ = "default";
  eval->type = "service";
  eval->status = "pending";
  eval->priority = priority;
  eval->create_index = index;
  return eval;
}

struct broker_fixture {
  explicit broker_fixture(eval_broker_options options = {}) : broker(loop, env::real_clock(), env::real_random(), options) { broker.set_enabled(true); }
  void run(net::awaitable<void> body) {
    net::run_test(loop, [](broker_fixture& f, net::awaitable<void> inner) -> net::awaitable<void> {
      co_await std::move(inner);
      co_await f.broker.stop();
    }(*this, std::move(body)));
  }
  net::loop loop;
  eval_broker broker;
};

TEST(Broker, UrgentFirstOneOfAJobAtATime) {
  broker_fixture f;
  f.run([](eval_broker& b) -> net::awaitable<void> {
    b.enqueue(make_eval("low", "a", 10));
    b.enqueue(make_eval("high", "b", 90));
    b.enqueue(make_eval("behind", "b", 90, 2));
    b.enqueue(make_eval("newest", "b", 90, 3));
    b.enqueue(make_eval("high", "b", 90));  // known already
    auto first = co_await b.dequeue({"service"});
    EXPECT_EQ(first.eval->id, "high");
    auto second = co_await b.dequeue({"service", "batch"});
    EXPECT_EQ(second.eval->id, "low");
    EXPECT_EQ(b.stats().waiting, 2u);
    EXPECT_FALSE(b.ack("high", "wrong token"));
    EXPECT_TRUE(b.ack("high", first.token));
    // The newest of those that waited goes on; the other has nothing left to say.
    auto third = co_await b.dequeue({"service"});
    EXPECT_EQ(third.eval->id, "newest");
    auto superseded = b.take_superseded();
    EXPECT_EQ(superseded.size(), 1u);
    EXPECT_EQ(superseded.at(0)->id, "behind");
  }(f.broker));
}

TEST(Broker, LeasesEndAndDeliveriesAreCounted) {
  broker_fixture f({.nack_timeout = milliseconds(5), .delivery_limit = 2, .initial_nack_delay = milliseconds(1), .later_nack_delay = milliseconds(1)});
  f.run([](eval_broker& b) -> net::awaitable<void> {
    net::event failed;
    b.on_failed = [&](ref<schema::evaluation> eval) {
      EXPECT_EQ(eval->id, "e");
      failed.set();
    };
    b.enqueue(make_eval("e", "a"));
    auto first = co_await b.dequeue({"service"});
    auto second = co_await b.dequeue({"service"});  // comes back by itself
    EXPECT_EQ(second.eval->id, "e");
    EXPECT_FALSE(b.renew("e", first.token));
    EXPECT_TRUE(b.nack("e", second.token));
    EXPECT_TRUE(co_await failed.wait(net::after(seconds(10))));
    EXPECT_EQ(b.stats().leased, 0u);
  }(f.broker));
}

TEST(Broker, ALeaseLastsWhileItsHolderHasIt) {
  broker_fixture f({.nack_timeout = milliseconds(2), .delivery_limit = 1});
  f.run([](eval_broker& b) -> net::awaitable<void> {
    int asked = 0;
    net::event enough, failed;
    b.on_failed = [&](ref<schema::evaluation>) { failed.set(); };
    std::string token;
    b.still_held = [&](const std::string& eval, const std::string& with) {
      EXPECT_EQ(eval, "e");
      EXPECT_EQ(with, token);
      if (++asked == 5) enough.set();
      return asked <= 5;
    };
    b.enqueue(make_eval("e", "a"));
    token = (co_await b.dequeue({"service"})).token;
    EXPECT_TRUE(co_await enough.wait(net::after(seconds(10))));
    EXPECT_TRUE(b.holds("e", token));
    EXPECT_TRUE(co_await failed.wait(net::after(seconds(10))));
  }(f.broker));
}

TEST(Broker, WaitsUntilTheTimeIsThere) {
  broker_fixture f;
  f.run([](eval_broker& b) -> net::awaitable<void> {
    auto later = std::make_shared<schema::evaluation>(*make_eval("later", "a"));
    later->wait_until = env::real_clock().now() + milliseconds(20);
    b.enqueue(later);
    EXPECT_EQ(b.stats().delayed, 1u);
    auto lease = co_await b.dequeue({"service"});
    EXPECT_GE(env::real_clock().now(), later->wait_until);
    EXPECT_EQ(lease.eval->id, "later");
  }(f.broker));
}

TEST(Broker, AWokenEvaluationIsQueuedAgainAfterItsAck) {
  broker_fixture f;
  f.run([](eval_broker& b) -> net::awaitable<void> {
    b.enqueue(make_eval("e", "a"));
    auto lease = co_await b.dequeue({"service"});
    b.enqueue(make_eval("e", "a"));  // its own update: nothing new
    b.requeue(make_eval("e", "a"));
    EXPECT_TRUE(b.ack("e", lease.token));
    auto again = co_await b.dequeue({"service"});
    EXPECT_TRUE(b.ack("e", again.token));
    EXPECT_EQ(b.stats().ready, 0u);
  }(f.broker));
}

struct blocked_fixture {
  std::vector<std::string> woken;
  blocked_evals blocked{[this](ref<schema::evaluation> eval) { woken.push_back(eval->id); }};
  blocked_fixture() { blocked.set_enabled(true); }
  void block(std::string id, std::string job, std::map<std::string, bool> classes, bool escaped = false, uint64_t snapshot = 10, uint64_t index = 1) {
    auto eval = std::make_shared<schema::evaluation>(*make_eval(std::move(id), std::move(job), 50, index));
    eval->status = "blocked";
    eval->class_eligibility = std::move(classes);
    eval->escaped_computed_class = escaped;
    eval->snapshot_index = snapshot;
    blocked.block(eval);
  }
};

TEST(Blocked, OnlyWhatTheClassMayHelpWakes) {
  blocked_fixture f;
  f.block("no", "a", {{"v1:1", false}});
  f.block("yes", "b", {{"v1:1", true}});
  f.block("unknown", "c", {{"v1:2", false}});
  f.block("escaped", "d", {}, true);
  f.blocked.unblock("v1:1", 11);
  std::ranges::sort(f.woken);
  EXPECT_EQ(f.woken, (std::vector<std::string>{"escaped", "unknown", "yes"}));
  EXPECT_EQ(f.blocked.size(), 1u);
}

TEST(Blocked, WhatWasFreedMeanwhileIsNotMissed) {
  blocked_fixture f;
  f.blocked.unblock("v1:1", 20);
  f.block("stale", "a", {{"v1:1", true}}, false, 15);
  f.block("fresh", "b", {{"v1:1", true}}, false, 25);
  EXPECT_EQ(f.woken, std::vector<std::string>{"stale"});
}

TEST(Blocked, ThousandsWakeAFewAtATimeMostUrgentFirst) {
  blocked_fixture f;
  constexpr int count = 1000;
  for (int i = 0; i < count; ++i) {
    auto eval = std::make_shared<schema::evaluation>(*make_eval("e" + std::to_string(i), "j" + std::to_string(i), i % 100, 1));
    eval->status = "blocked";
    eval->snapshot_index = 10;
    f.blocked.block(eval);
  }
  f.blocked.unblock("v1:1", 11);
  EXPECT_EQ(f.woken.size(), blocked_awake_max);
  EXPECT_EQ(f.blocked.awake(), blocked_awake_max);
  f.blocked.unblock("v1:1", 12);  // they are awake, or about to be
  EXPECT_EQ(f.woken.size(), blocked_awake_max);
  f.blocked.settled("unknown");
  EXPECT_EQ(f.woken.size(), blocked_awake_max);
  // Each that is settled makes room for one more; one that is blocked again stays so.
  for (size_t i = 0; i < f.woken.size(); ++i) {
    const auto id = f.woken[i];
    if (i % 2 == 0) f.blocked.settled(id);
    else f.block(id, "j" + id.substr(1), {}, false, 12);
  }
  EXPECT_EQ(f.woken.size(), static_cast<size_t>(count));
  EXPECT_EQ(f.blocked.awake(), 0u);
  EXPECT_EQ(f.blocked.size(), static_cast<size_t>(count / 2));
  auto priority = [](const std::string& id) { return std::stoi(id.substr(1)) % 100; };
  EXPECT_TRUE(std::ranges::is_sorted(f.woken, std::greater{}, priority));
  // Nothing was freed since they looked.
  f.blocked.unblock_failed();
  EXPECT_EQ(f.blocked.awake(), 0u);
}

TEST(Blocked, AStoppedJobDoesNotWake) {
  blocked_fixture f;
  for (int i = 0; i < 70; ++i) f.block("e" + std::to_string(i), "j" + std::to_string(i), {}, false, 10, static_cast<uint64_t>(i + 1));
  f.blocked.unblock("v1:1", 11);
  f.blocked.untrack("default", "j69");
  for (int i = 0; i < 64; ++i) f.blocked.settled("e" + std::to_string(i));
  EXPECT_EQ(f.woken.size(), 69u);
  EXPECT_EQ(std::ranges::count(f.woken, "e69"), 0);
}

TEST(Blocked, OneOfAJobTheNewest) {
  blocked_fixture f;
  f.block("new", "a", {}, false, 10, 5);
  f.block("old", "a", {}, false, 10, 4);
  ASSERT_TRUE(f.blocked.has_duplicates());
  EXPECT_EQ(f.blocked.take_duplicates().at(0)->id, "old");
  f.blocked.untrack("default", "a");
  EXPECT_EQ(f.blocked.size(), 0u);
}

TEST(Heartbeats, MissedOnceAndTtlGrowsWithTheCluster) {
  server_options options;
  options.min_heartbeat_ttl = milliseconds(2);
  options.heartbeat_grace = milliseconds(1);
  net::loop l;
  net::run_test(l, [](net::loop& loop, const server_options& o) -> net::awaitable<void> {
    heartbeats beats(loop, env::real_clock(), env::real_random(), o);
    beats.set_enabled(true);
    net::event missed;
    int count = 0;
    beats.on_missed = [&](std::string node) {
      EXPECT_EQ(node, "gone");
      ++count;
      missed.set();
    };
    beats.renew("gone");
    EXPECT_TRUE(co_await missed.wait(net::after(seconds(10))));
    EXPECT_EQ(count, 1);
    EXPECT_FALSE(beats.tracks("gone"));
    for (int i = 0; i < 1000; ++i) beats.give_grace(std::to_string(i));
    EXPECT_GE(beats.renew("0"), seconds(20));  // 1,000 nodes at 50 a second
    co_await beats.stop();
  }(l, options));
}

TEST(Deployments, Judgement) {
  struct row {
    const char* what;
    std::function<void(schema::deployment_state&)> change;
    uint64_t seen;
    deployment_judgement::action expected;
    bool go_back = false;
  };
  timestamp now(1'000'000'000'000);
  auto deadline_at = [&](int64_t offset) {
    return [=](schema::deployment_state& g) {
      g.progress_deadline = seconds(600);
      g.require_progress_by = now + seconds(offset);
    };
  };
  for (const auto& r : std::vector<row>{
           {"nothing happened", [](auto&) {}, 0, deployment_judgement::nothing},
           {"one more is healthy", [](auto& g) { g.healthy_allocs = 1; }, 0, deployment_judgement::evaluate},
           {"that was seen", [](auto& g) { g.healthy_allocs = 1; }, 1, deployment_judgement::nothing},
           {"no deadline: unhealthy fails",
            [](auto& g) {
              g.unhealthy_allocs = 1;
              g.auto_revert = true;
            },
            0, deployment_judgement::fail_unhealthy, true},
           {"deadline to come: unhealthy goes on",
            [&](auto& g) {
              deadline_at(10)(g);
              g.unhealthy_allocs = 1;
            },
            0, deployment_judgement::evaluate},
           {"deadline passed",
            [&](auto& g) {
              deadline_at(-1)(g);
              g.healthy_allocs = 1;
            },
            1, deployment_judgement::fail_deadline},
           {"deadline passed but all healthy",
            [&](auto& g) {
              deadline_at(-1)(g);
              g.healthy_allocs = 3;
            },
            3, deployment_judgement::nothing},
           {"waits for a person to promote",
            [&](auto& g) {
              deadline_at(-1)(g);
              g.desired_canaries = 1;
              g.healthy_allocs = 1;
            },
            1, deployment_judgement::nothing},
       }) {
    schema::deployment deployment;
    deployment.status = "running";
    auto& group = deployment.task_groups["g"];
    group.desired_total = 3;
    r.change(group);
    auto verdict = judge(deployment, {}, now, r.seen);
    EXPECT_EQ(verdict.what, r.expected) << r.what;
    EXPECT_EQ(verdict.go_back, r.go_back) << r.what;
    deployment.status = "paused";
    EXPECT_EQ(judge(deployment, {}, now, r.seen).what, deployment_judgement::nothing) << r.what;
  }
}

}  // namespace
}  // namespace drover::server
