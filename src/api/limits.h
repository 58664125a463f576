// The limits of api/.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace drover::api {

inline constexpr int64_t per_page_max = 10'000;                 // larger pages are cut to this
inline constexpr size_t log_lines_queued_max = 512;             // per monitor stream; lines beyond are dropped and counted in the stream
inline constexpr duration stream_heartbeat = seconds(1);        // {} on monitor streams without news
inline constexpr size_t fragment_bytes_max = 8 << 20;           // texts of stored records that are kept; half of it twice
inline constexpr size_t exec_command_words_max = 1024;          // 400
inline constexpr size_t exec_message_bytes_max = 512 * 1024;    // close code 1009
inline constexpr size_t known_tokens_max = 4096;                // what tokens mean, kept by agents without a server; all are forgotten above that
inline constexpr size_t snapshot_piece_bytes = 256 * 1024;      // of a snapshot file, per message to the server
inline constexpr size_t diagnosis_file_bytes_max = 256 * 1024;  // of a file that agent/host shows; the rest is left out
inline constexpr size_t diagnosis_mounts_max = 256;
inline constexpr size_t export_piece_bytes = 64 * 1024;    // of a log file, per message
inline constexpr size_t statsd_datagram_bytes_max = 1400;  // lines beyond go into the next one

}  // namespace drover::api
