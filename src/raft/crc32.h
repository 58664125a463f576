// The checksum of libraft's files: CRC-32 with polynomial 0x04c11db7, most significant bit first, start 0, no final
// inversion.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace drover::raft {

namespace detail {
// tables[k][b]: the checksum of byte b followed by k zero bytes, so that eight bytes are folded in one step.
constexpr std::array<std::array<uint32_t, 256>, 8> make_crc32_tables() {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t b = 0; b < 256; b++) {
    uint32_t crc = b << 24;
    for (int bit = 0; bit < 8; bit++) crc = (crc & 0x80000000u) != 0 ? (crc << 1) ^ 0x04c11db7u : crc << 1;
    tables[0][b] = crc;
  }
  for (size_t k = 1; k < 8; k++) {
    for (uint32_t b = 0; b < 256; b++) tables[k][b] = (tables[k - 1][b] << 8) ^ tables[0][tables[k - 1][b] >> 24];
  }
  return tables;
}
inline constexpr auto crc32_tables = make_crc32_tables();
}  // namespace detail

// Continue with the result as `start` to checksum bytes in pieces.
inline uint32_t crc32(const void* data, size_t size, uint32_t start = 0) {
  const auto& t = detail::crc32_tables;
  const auto* p = static_cast<const unsigned char*>(data);
  uint32_t crc = start;
  for (; size >= 8; size -= 8, p += 8) {
    crc ^= uint32_t{p[0]} << 24 | uint32_t{p[1]} << 16 | uint32_t{p[2]} << 8 | uint32_t{p[3]};
    crc = t[7][crc >> 24] ^ t[6][crc >> 16 & 255] ^ t[5][crc >> 8 & 255] ^ t[4][crc & 255] ^ t[3][p[4]] ^ t[2][p[5]] ^ t[1][p[6]] ^ t[0][p[7]];
  }
  for (; size > 0; size--, p++) crc = crc << 8 ^ t[0][crc >> 24 ^ *p];
  return crc;
}

}  // namespace drover::raft
