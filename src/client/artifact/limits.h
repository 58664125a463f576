// The limits of client/artifact/. Each is enforced where it is named.
#pragma once

#include <cstddef>

#include "base/time.h"

namespace drover::client::limits {

inline constexpr duration artifact_connect = seconds(30);
inline constexpr duration artifact_stall = seconds(60);  // a server that sends nothing for so long has failed
inline constexpr size_t artifact_output_max = 4096;      // of what git or the child that fetches says
inline constexpr size_t checksum_file_bytes_max = 1024 * 1024;

}  // namespace drover::client::limits
