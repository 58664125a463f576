// Limits of the state machine. They are part of what every server must agree on: a change needs a new command number.
#pragma once

#include <cstddef>
#include <cstdint>

namespace drover::fsm {

// One log entry: a command with its payload.
constexpr size_t entry_bytes_max = 64 * 1024 * 1024;
// A plan with more new allocations than these is written as several entries: while one is applied, the next is made and written.
constexpr size_t plan_entry_allocs = 4096;
// Versions of a job that are kept besides tagged ones and the newest stable one.
constexpr size_t job_tracked_versions = 6;
constexpr size_t scaling_events_max = 20;  // per group
constexpr size_t node_events_max = 10;     // per node
// Source text and variables of a job submission; a longer one is not kept.
constexpr size_t submission_bytes_max = 1024 * 1024;
// A state that is restored, uncompressed.
constexpr size_t restored_bytes_max = size_t{1} << 30;
// One record in a saved snapshot.
constexpr size_t snapshot_record_bytes_max = 256 * 1024 * 1024;

// One block of a saved snapshot: it ends with the record that fills it.
constexpr size_t saved_block_bytes_max = snapshot_record_bytes_max + 1024 * 1024;

}  // namespace drover::fsm
