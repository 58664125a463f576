// A long text written piece by piece and kept small while it grows: whole pieces are gathered into blocks, and each block is compressed (LZ4) as
// soon as it is full. Whoever reads it has one block uncompressed at a time.
//   block: u32 length | u32 packed length (0: what follows is not packed) | bytes
// Pure; any thread, one at a time.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace drover::fsm {

// A block ends with the piece that makes it this long.
constexpr size_t block_bytes = 256 * 1024;

class block_writer {
 public:
  // Appends to `out`, which outlives the writer.
  explicit block_writer(std::string& out) : out_(out) {}
  // Where the next piece is appended. end_piece() after each: pieces are never cut in two.
  std::string& piece() { return block_; }
  void end_piece() {
    if (block_.size() >= block_bytes) flush();
  }
  // After the last piece.
  void flush();

 private:
  std::string& out_;
  std::string block_;
};

class block_reader {
 public:
  // `block_max`: longer blocks are refused before anything is allocated for them.
  block_reader(std::string_view blocks, size_t block_max) : rest_(blocks), block_max_(block_max) {}
  // The next `n` bytes, valid until the next call; they lie in one block. Corrupt: there are no such bytes.
  result<std::string_view> take(size_t n);
  bool empty() const { return here_.empty() && rest_.empty(); }

 private:
  result<> next_block();

  std::string_view rest_;
  size_t block_max_;
  std::string block_;
  std::string_view here_;
};

}  // namespace drover::fsm
