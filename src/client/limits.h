// The limits of client/. Each is enforced where it is named.
#pragma once

#include <cstddef>

#include "base/time.h"

namespace drover::client::limits {

inline constexpr size_t task_events_max = 10;                 // per task: older ones go
inline constexpr duration status_batch = milliseconds(200);   // updates that only add events wait so long for others
inline constexpr int status_burst = 20;                       // status changes sent at once ...
inline constexpr int status_per_second = 20;                  // ... and how fast that allowance comes back
inline constexpr size_t status_allocs_per_call = 512;         // one Node.UpdateAlloc
inline constexpr size_t node_events_queued_max = 100;         // older ones go
inline constexpr duration query_time = minutes(5);            // a blocking query is renewed after this
inline constexpr duration retry_first = milliseconds(20);     // until the first success: doubles up to retry_early_max
inline constexpr duration retry_early_max = seconds(1);
inline constexpr duration retry_max = seconds(30);            // after a first success
inline constexpr int kill_attempts = 5;                       // of a driver that fails to kill
inline constexpr duration kill_retry = milliseconds(500);     // doubles
inline constexpr size_t file_chunk_bytes = 64 * 1024;         // one message of a file or log stream
inline constexpr size_t streams_max = 1000;                   // open file, log and exec streams of this node
inline constexpr size_t list_entries_max = 20'000;            // of one directory listing
inline constexpr size_t template_bytes_max = 16 * 1024 * 1024;
inline constexpr duration artifact_timeout = minutes(30);
inline constexpr int64_t artifact_bytes_max = 100LL * 1024 * 1024 * 1024;
inline constexpr int secrets_megabytes = 1;                   // size of secrets/ and private/ in memory
inline constexpr size_t blocking_threads = 4;                 // for slow disk work and task starts
inline constexpr duration stream_poll = milliseconds(500);    // a follower looks again even when nobody told it that a file grew

}  // namespace drover::client::limits
