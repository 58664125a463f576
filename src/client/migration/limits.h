// The limits of client/migration/. Each is enforced where it is named.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace drover::client::limits {

inline constexpr size_t snapshot_chunk_bytes = 256 * 1024;  // one message of a snapshot's stream
inline constexpr size_t snapshot_depth_max = 200;           // directories in directories
inline constexpr int64_t snapshot_bytes_max = 1LL << 40;    // of one disk
inline constexpr int64_t snapshot_files_max = 10'000'000;
inline constexpr size_t snapshot_error_bytes_max = 4096;  // of what the other node says went wrong
inline constexpr duration snapshot_stall = seconds(60);   // a node that sends nothing for so long has failed
inline constexpr int snapshot_attempts = 3;
inline constexpr duration snapshot_retry = seconds(1);
inline constexpr duration previous_query_time = seconds(10);  // whether the allocation that waits was stopped itself is looked at so often

}  // namespace drover::client::limits
