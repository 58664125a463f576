// Bounds of this room. Each has a clear error where it is reached.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace drover::exec::limits {

// A shim's answer to a request. Normally far below a millisecond; a machine that swaps or a full disk may hold it up.
constexpr duration request_timeout = seconds(10);
// From spawning the shim to a running task.
constexpr duration start_timeout = seconds(30);
// Killing and reaping everything of a task.
constexpr duration shutdown_timeout = seconds(30);
// Between the end of a shim's connection and the end of its process.
constexpr duration shim_end_grace = seconds(2);
constexpr duration cgroup_kill_timeout = seconds(10);
// Arguments, environment and mounts of one task. The kernel's own limit for the first two is lower.
constexpr size_t blob_bytes_max = 8u << 20;
// Events that were read while a request waited for its answer and that the owner has not fetched.
constexpr size_t events_queued_max = 1024;
// What one exec or cgroup file of the kernel may hold before it is cut off.
constexpr size_t kernel_file_bytes_max = 1u << 20;
constexpr size_t processes_max = 65536;

}  // namespace drover::exec::limits
