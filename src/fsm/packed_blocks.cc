#include "fsm/packed_blocks.h"

#include <lz4.h>

#include "base/ensure.h"

namespace drover::fsm {
namespace {

constexpr size_t header_bytes = 8;

void put_u32(char* at, size_t n) {
  for (size_t i = 0; i < 4; ++i) at[i] = static_cast<char>(n >> (8 * i) & 0xff);
}
size_t get_u32(std::string_view at) {
  size_t n = 0;
  for (size_t i = 4; i-- > 0;) n = n << 8 | static_cast<uint8_t>(at[i]);
  return n;
}

// 0: it would not become shorter, or LZ4 cannot take so much at once.
size_t pack(std::string_view block, char* to) {
  if (block.size() > LZ4_MAX_INPUT_SIZE) return 0;
  const int n = LZ4_compress_default(block.data(), to, static_cast<int>(block.size()), static_cast<int>(block.size()));
  return n > 0 ? static_cast<size_t>(n) : 0;
}

}  // namespace

void block_writer::flush() {
  if (block_.empty()) return;
  ENSURE(block_.size() <= UINT32_MAX, "a piece of a block is longer than any record may be");
  const auto at = out_.size();
  out_.resize(at + header_bytes + block_.size());
  const auto packed = pack(block_, out_.data() + at + header_bytes);
  if (packed == 0) block_.copy(out_.data() + at + header_bytes, block_.size());
  put_u32(out_.data() + at, block_.size());
  put_u32(out_.data() + at + 4, packed);
  if (packed > 0) out_.resize(at + header_bytes + packed);
  block_.clear();
}

result<> block_reader::next_block() {
  if (rest_.size() < header_bytes) return fail(errc::corrupt, "it ends inside the head of a block");
  const auto length = get_u32(rest_), packed = get_u32(rest_.substr(4));
  rest_.remove_prefix(header_bytes);
  if (length == 0 || length > block_max_) return fail(errc::corrupt, "a block of {} bytes; 1 to {} are possible", length, block_max_);
  const auto stored = packed == 0 ? length : packed;
  if (rest_.size() < stored) return fail(errc::corrupt, "it ends inside a block");
  const auto bytes = rest_.substr(0, stored);
  rest_.remove_prefix(stored);
  if (packed == 0) {
    here_ = bytes;
    return {};
  }
  // LZ4 makes at most 255 bytes of one: a length that lies allocates nothing.
  if (length / 255 > packed || packed > LZ4_MAX_INPUT_SIZE) return fail(errc::corrupt, "a block of {} bytes in {}", length, packed);
  block_.resize(length);
  const int n = LZ4_decompress_safe(bytes.data(), block_.data(), static_cast<int>(packed), static_cast<int>(length));
  if (n < 0 || static_cast<size_t>(n) != length) return fail(errc::corrupt, "a block of {} bytes cannot be unpacked", length);
  here_ = block_;
  return {};
}

result<std::string_view> block_reader::take(size_t n) {
  if (n == 0) return std::string_view{};
  if (here_.empty()) TRY(next_block());
  if (here_.size() < n) return fail(errc::corrupt, "{} bytes are wanted where {} are left", n, here_.size());
  const auto out = here_.substr(0, n);
  here_.remove_prefix(n);
  return out;
}

}  // namespace drover::fsm
