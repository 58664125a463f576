// libraft's log files: [u64 format 1] then batches of entries,
//   [u32 checksum of the header][u32 checksum of the data][u64 n][n times: u64 term, u8 type, 3 unused, u32
//   length][data of the n entries]
// all little endian and multiples of 8 bytes (libraft 0.15, raft/uv.h and its uv_encoding.c). Pure functions over a
// file's content.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace drover::raft {

inline constexpr uint8_t entry_type_configuration = 3;

struct segment_scan {
  // Of the valid batches from the beginning.
  uint64_t entries = 0;
  uint8_t first_type = 0;
  // Where they end.
  size_t end = 0;
  // What is wrong with the bytes there, or empty at the end of the content.
  std::string problem;
};
segment_scan scan_segment(std::string_view content);

struct segment_entry {
  uint64_t term = 0;
  uint8_t type = 0;
  std::string_view data;
};
// Every entry in order. Requires: `scan` is of `content`.
void visit_entries(std::string_view content, const segment_scan& scan, const std::function<void(const segment_entry&)>& each);
// A whole file that holds one entry.
std::string write_segment(const segment_entry& entry);

enum class tail_state {
  clean,    // only zeros follow, or nothing
  torn,     // the last write was cut short
  damaged,  // a write that was complete was changed afterwards
};
// For a segment that was open when the process ended. Requires: `scan` is of `content`.
tail_state judge_tail(std::string_view content, const segment_scan& scan);

}  // namespace drover::raft
