// Small files of the server's data directory: read whole, replaced whole. Blocking, for a few kilobytes at start or when membership changes.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace drover::server {

// errc::not_found, errc::too_large above `bytes_max`, errc::io.
result<std::string> read_small_file(const std::string& path, size_t bytes_max);
// Mode 0600, synced and renamed into place: after a crash there is the old content or the new one.
result<> replace_file(const std::string& path, std::string_view content);

// Mode 0700; fine if it exists. Its parent must.
result<> make_directory(const std::string& path);

}  // namespace drover::server
