// Every limit of the scheduler, by name.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace drover::sched::limits {

// How often one evaluation may plan before it is given up as max-plan-attempts.
inline constexpr int service_plan_attempts = 5;
inline constexpr int batch_plan_attempts = 2;

// What an allocation's metrics keep of the ranking.
inline constexpr size_t score_meta_max = 5;
// From then on an allocation of the same group and plan keeps only its own node's: the others would say the same, and they are most of
// what a stored allocation weighs.
inline constexpr int score_meta_allocs_max = 16;

// How many allocations of a group are placed by a search before every node is looked at and ranked.
inline constexpr int searches_max = 8;

// Nodes that an explanation names as nearest to what a group asks for.
inline constexpr size_t near_misses_max = 3;

// Dynamic ports where a node names no range of its own.
inline constexpr uint16_t dynamic_port_min = 20000;
inline constexpr uint16_t dynamic_port_max = 32000;
// Random guesses before the range is searched from one end.
inline constexpr int dynamic_port_guesses = 20;

// A failed allocation that becomes eligible this soon is rescheduled at once.
inline constexpr duration reschedule_window = seconds(1);
// Delayed reschedules nearer than this share one follow-up evaluation.
inline constexpr duration followup_batch_window = seconds(5);
// Reschedule events that an allocation with unlimited attempts remembers.
inline constexpr size_t reschedule_events_kept = 5;
// What a system job's failed allocation waits before it is tried again on its node: as a service's default (doubled each time, up to the maximum).
inline constexpr duration system_retry_delay = seconds(30);
inline constexpr duration system_retry_delay_max = hours(1);

// Compiled regular expressions and parsed version constraints that one scheduling keeps; RE2's own budget for one program.
inline constexpr size_t pattern_cache_max = 1024;
inline constexpr int64_t regexp_memory_max = 1 << 20;

}  // namespace drover::sched::limits
