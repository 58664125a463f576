// The limits of cli/.
#pragma once

#include <cstddef>

#include "base/time.h"

namespace drover::cli {

inline constexpr size_t job_file_bytes_max = 32 * 1024 * 1024;   // an error that names the file
inline constexpr size_t input_bytes_max = 32 * 1024 * 1024;      // what is read from stdin: the same
inline constexpr size_t parallel_requests_max = 16;              // under way at once; the others wait
inline constexpr duration blocking_wait = minutes(5);            // one blocking query; asked again after it
inline constexpr size_t debug_log_bytes_max = 64 * 1024 * 1024;  // of a log in a debug archive; what comes later is left out

}  // namespace drover::cli
