// The limits of templates on a node, beside template_bytes_max. Each is enforced where it is named.
#pragma once

#include <cstddef>

#include "base/time.h"

namespace drover::client::limits {

inline constexpr duration template_look_again = seconds(2);          // at a file that a template reads
inline constexpr duration template_query_pause = milliseconds(100);  // between answers of a query that did not wait
inline constexpr duration template_event_pause = seconds(3);         // before people are told what a task waits for
inline constexpr size_t template_missing_shown = 3;                  // of the names in that message
inline constexpr size_t template_script_output_max = 64 * 1024;      // of a change script: more ends it
inline constexpr duration rollout_ask_again = seconds(2);            // for a turn to restart, at most so long after the last time
inline constexpr duration rollout_lease_min = seconds(1);            // whatever the servers say
inline constexpr duration rollout_look_again = seconds(5);           // whether a restarted allocation is well: its checks tell by themselves

}  // namespace drover::client::limits
