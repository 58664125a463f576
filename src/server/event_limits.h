// The limits of the event stream (event_broker.h), apart from those of the room because only the stream knows them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace drover::server {

// Changes that a subscriber may be behind, and how often that is looked at.
inline constexpr uint64_t event_lag_max = 8192;
inline constexpr uint64_t event_lag_check_interval = 256;
// Texts that are kept for all subscribers together.
inline constexpr size_t event_text_bytes_max = size_t{32} << 20;
// One line, where it holds more than one event; and one event: a message of a stream holds 1 MB.
inline constexpr size_t event_line_bytes_max = size_t{256} << 10;
inline constexpr size_t event_bytes_max = size_t{960} << 10;
inline constexpr duration event_heartbeat = seconds(30);
inline constexpr size_t event_subscribers_max = 20'000;
// Batches that are kept for those who come later, unless the configuration says otherwise.
inline constexpr size_t event_batches_kept = 100;

}  // namespace drover::server
