// Everything that a server holds or accepts has a limit; those that are not settings are named here.
#pragma once

#include <cstddef>

#include "base/time.h"

namespace drover::server {

// Raft connections: a greeting, those that have not finished theirs, and what is carried for a TLS connection in one go.
inline constexpr size_t raft_greeting_bytes_max = 4096;
inline constexpr size_t raft_handshakes_max = 64;
inline constexpr size_t raft_pump_bytes = 64 * 1024;
// A refusal that repeats is logged again after this time.
inline constexpr duration raft_refusal_log_interval = minutes(1);

// What a dispatched job may carry, before compression.
inline constexpr size_t dispatch_payload_bytes_max = 16 * 1024;

// The file of known servers (peer_file.h).
inline constexpr size_t peer_file_bytes_max = 1 << 20;
inline constexpr size_t peer_file_servers_max = 64;

}  // namespace drover::server
