// The limits of external drivers. Each is enforced where it is named.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace drover::client::external::limits {

inline constexpr size_t plugins_max = 64;                 // files in plugin_dir: more are left out, with a warning
inline constexpr size_t handshake_bytes_max = 16 * 1024;  // the line in which a plugin says where it listens
inline constexpr duration start_timeout = minutes(1);     // until that line has come
inline constexpr duration connect_timeout = seconds(10);
inline constexpr duration call_timeout = minutes(1);  // of calls that ask or configure; starting a task may take longer
inline constexpr duration stats_timeout = seconds(5);
inline constexpr duration ready_timeout = minutes(1);        // a restored task waits so long for its driver
inline constexpr duration exec_timeout = minutes(1);         // of a command where the driver cannot stream
inline constexpr duration retry = seconds(1);                // a plugin that ended is started again, doubling ...
inline constexpr duration retry_max = minutes(1);            // ... up to this
inline constexpr duration fine_after = minutes(1);           // one that ran so long is tried again at once
inline constexpr duration end_patience = seconds(5);         // after "end, please", before it is killed
inline constexpr duration stop_patience = seconds(30);       // beyond kill_timeout, for StopTask
inline constexpr duration logs_patience = seconds(10);       // for the rest of the output after the end of a task
inline constexpr int64_t error_log_bytes_max = 1024 * 1024;  // of what a plugin says on its error stream; then it is cut
inline constexpr size_t error_line_bytes_max = 16 * 1024;
inline constexpr size_t socket_directory_bytes_max = 60;  // a longer path leaves no room for a socket's name
inline constexpr size_t device_groups_max = 64;           // that a plugin tells of
inline constexpr size_t devices_max = 1024;               // of one group
inline constexpr int stats_depth_max = 16;                // of figures in figures
inline constexpr duration device_stats_interval = seconds(1);
inline constexpr int schema_depth_max = 32;
inline constexpr size_t schema_parts_max = 10'000;

}  // namespace drover::client::external::limits
