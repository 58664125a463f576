// Instants, lengths of time, sizes and ids as people read them. Pure, but for the time zone of the process.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"

namespace drover::cli::format {

// How ids and times are shown: 8 characters and "7s ago", or all of it.
struct style {
  bool verbose = false;
  timestamp now{};
  std::string id(std::string_view id) const { return std::string(verbose ? id : id.substr(0, 8)); }
  // "7s ago" or RFC 3339; "N/A"-free: zero gives "".
  std::string moment(int64_t unix_ns) const;
};

// "2026-11-21T01:10:21Z": seconds, in the local time zone. Zero: "".
std::string clock_time(timestamp t);
inline std::string clock_time(int64_t unix_ns) { return unix_ns == 0 ? std::string() : clock_time(timestamp(unix_ns)); }
// "N/A" for zero.
std::string clock_time_or_na(timestamp t);
// "1h5m ago", "3s from now": the two largest units.
std::string time_difference(timestamp then, timestamp now);
// "39 MiB", "4.0 KiB", "140 B".
std::string binary_size(uint64_t bytes);
// At least two characters, even length, as ids are looked up.
std::string id_prefix(std::string_view text);
// "yes" is for tables, "true" for fields.
inline std::string yes_no(bool b) { return b ? "true" : "false"; }

}  // namespace drover::cli::format
