// The limits of rpc/. Each is enforced where it is named; reaching one gives the error that stands beside it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace drover::rpc {

// --- yamux sessions

// What one side may send on a stream before the other has read it. Fixed by the protocol: both sides begin with it.
inline constexpr uint32_t stream_window_bytes = 256 * 1024;          // more: the session ends with a protocol error
inline constexpr size_t data_frame_bytes_max = 32 * 1024;            // ours; long writes of one stream let the others in between
inline constexpr size_t unsent_bytes_max = 256 * 1024;               // per session: then writers wait
inline constexpr size_t unsent_control_bytes_max = 4 * 1024 * 1024;  // per session: the other side asks and does not read; it ends
inline constexpr size_t unread_bytes_max = 64 * 1024 * 1024;         // per session, all streams: the stream that passes it is reset
inline constexpr size_t streams_accepted_max = 16 * 1024;            // per session, opened by the other side: reset at once
inline constexpr size_t streams_unacknowledged_max = 256;            // opened and not yet acknowledged: opening waits
inline constexpr duration stream_open_timeout = seconds(75);         // not acknowledged for so long: the session ends
inline constexpr duration stream_close_timeout = minutes(5);         // closed here and not there for so long: reset
inline constexpr duration keepalive_interval = seconds(30);
inline constexpr duration session_write_timeout = seconds(10);  // no answer to a ping, or a piece not taken: the session ends

// --- calls

inline constexpr size_t request_header_bytes_max = 4 * 1024;        // the connection ends
inline constexpr size_t response_header_bytes_max = 1024 * 1024;    // it holds the error's text; errc::too_large
inline constexpr size_t body_bytes_max = size_t{64} * 1024 * 1024;  // errc::too_large, the connection ends
inline constexpr size_t error_text_bytes_max = 256 * 1024;          // longer ones are cut
inline constexpr size_t calls_per_stream_max = 64;                  // pipelined on one stream: the next waits unread
inline constexpr size_t unsent_answers_bytes_max = 1024 * 1024;     // one stream, answers its caller does not read: the next call waits unread

// --- pool

inline constexpr size_t idle_streams_max = 2;        // kept open per session for the next calls
inline constexpr size_t pooled_sessions_max = 4096;  // errc::unavailable
inline constexpr duration stale_dial = seconds(1);   // older ones are not waited for when their address is dropped

}  // namespace drover::rpc
