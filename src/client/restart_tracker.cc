#include "client/restart_tracker.h"

#include <algorithm>

namespace drover::client {

restart_tracker::restart_tracker(const schema::restart_policy& policy, bool finishes) : finishes_(finishes) { set_policy(policy); }

void restart_tracker::set_policy(const schema::restart_policy& policy) {
  attempts_ = policy.attempts.value_or(2);
  interval_ = policy.interval.value_or(minutes(30));
  delay_ = policy.delay.value_or(seconds(15));
  delay_mode_ = policy.mode.value_or("fail") == "delay";
}

restart_decision restart_tracker::decide(run_outcome outcome, timestamp now, double dice) {
  if (outcome == run_outcome::restart_requested) return {next_step::restart, {}, {}};
  if (outcome == run_outcome::start_failed_for_good) return {next_step::fail, {}, std::string(restart_reason::unrecoverable)};
  bool ok = outcome == run_outcome::exited_ok;
  if (ok && finishes_) return {next_step::done, {}, std::string(restart_reason::unnecessary)};
  if (attempts_ == 0 && !delay_mode_) return {next_step::fail, {}, std::string(restart_reason::no_restarts)};

  if (interval_start_.is_zero() || now - interval_start_ > interval_) {
    interval_start_ = now;
    count_ = 0;
  }
  ++count_;
  auto jittered = delay_ + duration(static_cast<int64_t>(static_cast<double>(delay_.ns) * 0.25 * dice));
  if (count_ <= attempts_) return {next_step::restart, jittered, std::string(restart_reason::within_policy)};
  if (!delay_mode_)
    return {next_step::fail, {}, fmt::format("Exceeded allowed attempts {} in interval {} and mode is \"fail\"", attempts_, to_string(interval_))};
  // The attempts of this interval are used up: go on when the next one starts.
  auto until_end = interval_start_ + interval_ - now;
  auto spread = jittered - delay_;
  return {next_step::restart, std::max(until_end, duration{}) + spread, std::string(restart_reason::delay)};
}

schema::restart_policy default_restart_policy(std::string_view job_type) {
  schema::restart_policy p;
  bool finite = job_type == "batch" || job_type == "sysbatch";
  p.attempts = finite ? 3 : 2;
  p.interval = finite ? hours(24) : minutes(30);
  p.delay = seconds(15);
  p.mode = "fail";
  return p;
}

}  // namespace drover::client
