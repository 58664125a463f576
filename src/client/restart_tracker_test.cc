#include "client/restart_tracker.h"

#include <gtest/gtest.h>

namespace drover::client {
namespace {

schema::restart_policy policy(int64_t attempts, std::string mode) {
  schema::restart_policy p;
  p.attempts = attempts;
  p.interval = minutes(1);
  p.delay = seconds(4);
  p.mode = std::move(mode);
  return p;
}
timestamp at(int64_t s) { return timestamp(1'000'000'000'000 + s * 1'000'000'000); }

TEST(restart_tracker, fails_after_the_attempts_of_an_interval) {
  restart_tracker t(policy(2, "fail"), false);
  auto first = t.decide(run_outcome::exited_failed, at(0), 0.5);
  EXPECT_EQ(first.step, next_step::restart);
  EXPECT_EQ(first.delay, milliseconds(4500));
  EXPECT_EQ(first.reason, restart_reason::within_policy);
  EXPECT_EQ(t.decide(run_outcome::exited_ok, at(10), 0).step, next_step::restart);
  auto third = t.decide(run_outcome::exited_failed, at(20), 0);
  EXPECT_EQ(third.step, next_step::fail);
  EXPECT_EQ(third.reason, "Exceeded allowed attempts 2 in interval 1m0s and mode is \"fail\"");
}

TEST(restart_tracker, counts_anew_after_the_interval) {
  restart_tracker t(policy(1, "fail"), false);
  EXPECT_EQ(t.decide(run_outcome::exited_failed, at(0), 0).step, next_step::restart);
  EXPECT_EQ(t.decide(run_outcome::exited_failed, at(61), 0).step, next_step::restart);
}

TEST(restart_tracker, delay_mode_waits_for_the_end_of_the_interval) {
  restart_tracker t(policy(1, "delay"), false);
  t.decide(run_outcome::exited_failed, at(0), 0);
  auto second = t.decide(run_outcome::exited_failed, at(20), 0);
  EXPECT_EQ(second.step, next_step::restart);
  EXPECT_EQ(second.delay, seconds(40));
  EXPECT_EQ(second.reason, restart_reason::delay);
}

TEST(restart_tracker, single_decisions) {
  struct row {
    const char* name;
    int64_t attempts;
    bool finishes;
    run_outcome outcome;
    next_step step;
    std::string_view reason;
  } rows[] = {
      {"batch success", 3, true, run_outcome::exited_ok, next_step::done, restart_reason::unnecessary},
      {"service success", 3, false, run_outcome::exited_ok, next_step::restart, restart_reason::within_policy},
      {"no restarts", 0, false, run_outcome::exited_failed, next_step::fail, restart_reason::no_restarts},
      {"no restarts, success of batch", 0, true, run_outcome::exited_ok, next_step::done, restart_reason::unnecessary},
      {"start failed", 3, false, run_outcome::start_failed, next_step::restart, restart_reason::within_policy},
      {"start failed for good", 3, false, run_outcome::start_failed_for_good, next_step::fail, restart_reason::unrecoverable},
      {"asked for", 0, false, run_outcome::restart_requested, next_step::restart, ""},
  };
  for (auto& r : rows) {
    restart_tracker t(policy(r.attempts, "fail"), r.finishes);
    auto d = t.decide(r.outcome, at(0), 0);
    EXPECT_EQ(d.step, r.step) << r.name;
    EXPECT_EQ(d.reason, r.reason) << r.name;
  }
}

TEST(restart_tracker, a_restart_that_was_asked_for_does_not_count) {
  restart_tracker t(policy(1, "fail"), false);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(t.decide(run_outcome::restart_requested, at(i), 0).step, next_step::restart);
  EXPECT_EQ(t.decide(run_outcome::exited_failed, at(6), 0).step, next_step::restart);
}

}  // namespace
}  // namespace drover::client
