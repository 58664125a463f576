// How our bytes lie inside libraft's entries and snapshots. Pure functions.
//
// libraft wants entries whose length is a multiple of 8 and does not know where the payload ends; and it does not check
// the data of a snapshot. So an entry is [u32 length][u32 zero][payload][1 to 8 bytes of 0x5a, so that the last byte is
// never zero and a sector that was not written shows], and a snapshot is
// ["DRVSNAP1"][u64 index][u64 length][u32 checksum of the payload][u32 checksum of these first 28 bytes][payload].
// Little endian; libraft's own files carry a checksum over each batch of entries already.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace drover::raft {

uint64_t load_u64(const void* at);
uint32_t load_u32(const void* at);
void store_u64(void* at, uint64_t value);
void store_u32(void* at, uint32_t value);

inline constexpr size_t entry_header_bytes = 8;
// Bytes that an entry of `payload` bytes takes.
size_t entry_frame_size(size_t payload);
// Requires: `out` has entry_frame_size(payload.size()) bytes.
void write_entry_frame(char* out, std::string_view payload);
// The payload of a frame, a view into it.
result<std::string_view> read_entry_frame(std::string_view frame);

inline constexpr size_t snapshot_header_bytes = 32;
std::string snapshot_header(uint64_t index, std::string_view payload);
struct snapshot_view {
  uint64_t index = 0;
  std::string_view payload;
};
// Checks everything. The payload is a view into `frame`.
result<snapshot_view> read_snapshot_frame(std::string_view frame);

}  // namespace drover::raft
