// The limits of grpc/. Each is enforced where it is named.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace drover::grpc::limits {

inline constexpr size_t message_bytes_max = 4 * 1024 * 1024;  // of one message, either way: what other implementations take unless told otherwise
inline constexpr size_t calls_max = 1024;                     // at the same time on one channel
inline constexpr size_t messages_queued_max = 16;             // of one call that nobody reads: then its sender is made to wait
inline constexpr size_t send_bytes_max = 1024 * 1024;         // of one call that the other side does not take: then send() waits
inline constexpr uint32_t stream_window_bytes = 1024 * 1024;
inline constexpr size_t header_bytes_max = 64 * 1024;       // names and values of one answer
inline constexpr size_t status_text_bytes_max = 16 * 1024;  // of what an error says; the rest is cut off
inline constexpr int depth_max = 32;                        // of messages in messages

}  // namespace drover::grpc::limits
