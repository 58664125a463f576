// Everything that raft holds or accepts has a limit; each is named here.
#pragma once

#include <cstddef>
#include <cstdint>

namespace drover::raft {

// One log entry. Larger ones are refused with errc::too_large before they reach the log.
inline constexpr size_t entry_bytes_max = size_t{64} << 20;
// Entries submitted and not yet applied. Past either limit apply() answers errc::unavailable at once: the caller backs
// off.
inline constexpr size_t in_flight_entries_max = 16384;
inline constexpr size_t in_flight_bytes_max = size_t{256} << 20;
// What one append carries at most. Smaller than the in-flight limits, so that a long queue is written in several goes
// and the first of them are answered early.
inline constexpr size_t append_entries_max = 1024;
inline constexpr size_t append_bytes_max = size_t{4} << 20;
// A snapshot as the state machine wrote it. libraft holds and sends it as one buffer.
inline constexpr size_t snapshot_bytes_max = size_t{4} << 30;
// Members of a cluster, and the length of an address (host:port).
inline constexpr size_t servers_max = 64;
inline constexpr size_t address_bytes_max = 255;
// Connections from other servers that have not yet said who they are.
inline constexpr size_t handshakes_max = 64;
// Kernel contexts for asynchronous writes that are kept for reuse (aio.h): the open log files of a few nodes.
inline constexpr size_t idle_aio_contexts_max = 8;

}  // namespace drover::raft
