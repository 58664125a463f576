// The only place in client/ that reads the wall clock and randomness, and the small file helpers that everything here shares.
// Any thread. Blocking, but only for small files.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace drover::client {

timestamp wall_now();
// In [0, 1).
double random_unit();
// `d` plus up to a quarter of it.
duration with_jitter(duration d);
std::string new_uuid();

// Refuses files over `limit` bytes.
result<std::string> read_file(const std::string& path, size_t limit = 1 << 20);
// The first line without blanks around it, empty if there is no such file: for /proc and /sys.
std::string read_line(const std::string& path);
// Complete or not at all: written beside, synced, renamed.
result<> write_file(const std::string& path, std::string_view data, unsigned mode);
// With parents. Existing is fine.
result<> make_directories(const std::string& path, unsigned mode = 0755);

}  // namespace drover::client
