// Decides what happens after a task ended or could not start, by its restart policy. Pure: the caller passes the time and the dice.
// Owned by one task runner; not shared.
#pragma once

#include <string>
#include <string_view>

#include "base/time.h"
#include "schema/job.h"

namespace drover::client {

namespace restart_reason {
inline constexpr std::string_view no_restarts = "Policy allows no restarts";
inline constexpr std::string_view unrecoverable = "Error was unrecoverable";
inline constexpr std::string_view within_policy = "Restart within policy";
inline constexpr std::string_view delay = "Exceeded allowed attempts, applying a delay";
inline constexpr std::string_view unnecessary = "Restart unnecessary as task terminated successfully";
}  // namespace restart_reason

// How a run of the task ended.
enum class run_outcome { exited_ok, exited_failed, start_failed, start_failed_for_good, restart_requested };

enum class next_step { restart, done, fail };
struct restart_decision {
  next_step step = next_step::fail;
  duration delay;
  std::string reason;
};

class restart_tracker {
 public:
  // `finishes`: a successful end is the end (batch jobs, ephemeral lifecycle tasks).
  restart_tracker(const schema::restart_policy& policy, bool finishes);
  void set_policy(const schema::restart_policy& policy);
  // `dice` in [0, 1) spreads the delay by up to a quarter.
  restart_decision decide(run_outcome outcome, timestamp now, double dice);

 private:
  int64_t attempts_ = 0;
  duration interval_, delay_;
  bool delay_mode_ = false;
  bool finishes_;
  int64_t count_ = 0;
  timestamp interval_start_;
};

// What a task has when its job says nothing: by job type.
schema::restart_policy default_restart_policy(std::string_view job_type);

}  // namespace drover::client
