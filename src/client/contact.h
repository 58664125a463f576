// How long this node has been without its servers, in a way that survives restarts of the agent and of the machine. Pure but for machine_now().
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "schema/job.h"

namespace drover::client {

// A clock that runs on while the machine sleeps and does not jump, as long as it is the same boot; wall time otherwise.
struct machine_instant {
  std::string boot_id;
  int64_t since_boot_ns = 0;
  timestamp wall;
};
machine_instant machine_now();
// Never negative.
duration passed(const machine_instant& from, const machine_instant& to);
std::string to_text(const machine_instant& i);
result<machine_instant> parse_instant(std::string_view text);

// After how long without servers a group wants its allocations stopped here.
std::optional<duration> disconnect_limit(const schema::task_group& group);
// What is left until then; zero: now. `since_start`: how long this agent has run. An agent that comes back after a long time first looks for its
// servers, for a moment that is no longer than the limit itself.
duration until_stop(duration limit, duration away, duration since_start);

}  // namespace drover::client
