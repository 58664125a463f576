#include "gossip/lzw.h"

#include <array>
#include <cstdint>
#include <vector>

namespace drover::gossip {
namespace {

constexpr uint32_t clear_code = 256;
constexpr uint32_t end_code = 257;
constexpr int width_min = 9;
constexpr int width_max = 12;
constexpr uint32_t codes = 1u << width_max;

class bit_writer {
 public:
  explicit bit_writer(std::string& out) : out_(out) {}
  void put(uint32_t code, int width) {
    bits_ |= code << count_;
    count_ += width;
    while (count_ >= 8) flush_byte();
  }
  void finish() {
    if (count_ > 0) flush_byte();
  }

 private:
  void flush_byte() {
    out_ += static_cast<char>(bits_ & 0xff);
    bits_ >>= 8;
    count_ -= 8;
  }
  std::string& out_;
  uint32_t bits_ = 0;
  int count_ = 0;
};

class compressor {
 public:
  explicit compressor(std::string& out) : out_(out), table_(slots, 0) {}

  void run(std::string_view data) {
    out_.put(clear_code, width_);
    if (!data.empty()) {
      uint32_t code = static_cast<uint8_t>(data[0]);
      for (char c : data.substr(1)) code = add(code, static_cast<uint8_t>(c));
      out_.put(code, width_);
      next_code();
    }
    out_.put(end_code, width_);
    out_.finish();
  }

 private:
  static constexpr size_t slots = codes * 4;
  // An entry: the 20 bits of prefix and literal, the 12 bits of its code, which is never 0.

  // The code for `prefix` and `literal` together if there is one; otherwise `prefix` is written and the pair gets a code.
  uint32_t add(uint32_t prefix, uint32_t literal) {
    uint32_t key = prefix << 8 | literal;
    size_t slot = (key * 2654435761u) >> 18;
    for (; table_[slot] != 0; slot = (slot + 1) % slots)
      if (table_[slot] >> width_max == key) return table_[slot] & (codes - 1);
    out_.put(prefix, width_);
    if (next_code()) table_[slot] = key << width_max | last_;
    return literal;
  }

  // False: all codes were used, and the table is empty again.
  bool next_code() {
    ++last_;
    if (last_ == limit_) {
      ++width_;
      limit_ <<= 1;
    }
    if (last_ != codes - 1) return true;
    out_.put(clear_code, width_max);
    width_ = width_min;
    limit_ = 1u << width_min;
    last_ = end_code;
    table_.assign(slots, 0);
    return false;
  }

  bit_writer out_;
  std::vector<uint32_t> table_;
  int width_ = width_min;
  uint32_t limit_ = 1u << width_min;
  uint32_t last_ = end_code;
};

class bit_reader {
 public:
  explicit bit_reader(std::string_view data) : data_(data) {}
  // False: the data end.
  bool take(int width, uint32_t& code) {
    while (count_ < width) {
      if (at_ == data_.size()) return false;
      bits_ |= uint32_t{static_cast<uint8_t>(data_[at_++])} << count_;
      count_ += 8;
    }
    code = bits_ & ((1u << width) - 1);
    bits_ >>= width;
    count_ -= width;
    return true;
  }

 private:
  std::string_view data_;
  size_t at_ = 0;
  uint32_t bits_ = 0;
  int count_ = 0;
};

class expander {
 public:
  expander(std::string_view data, size_t bytes_max) : in_(data), bytes_max_(bytes_max) {}

  result<std::string> run() {
    uint32_t code = 0;
    for (;;) {
      if (!in_.take(width_, code)) return fail(errc::invalid, "compressed data end without an end mark");
      if (code == end_code) return std::move(out_);
      if (code == clear_code) {
        width_ = width_min;
        last_ = end_code;
        previous_ = none;
        continue;
      }
      TRY(put(code));
      if (out_.size() > bytes_max_) return fail(errc::too_large, "compressed data hold more than {} bytes", bytes_max_);
      previous_ = code;
      ++last_;
      if (last_ < 1u << width_) continue;
      if (width_ < width_max) {
        ++width_;
      } else {
        // The table is full: codes are used as they are until the next clear.
        previous_ = none;
        --last_;
      }
    }
  }

 private:
  static constexpr uint32_t none = UINT32_MAX;

  result<> put(uint32_t code) {
    if (previous_ == none) {
      if (code > last_) return fail(errc::invalid, "compressed data use code {} before it was defined", code);
      write(code);
      return {};
    }
    if (code > last_) {
      return fail(errc::invalid, "compressed data use code {} before it was defined", code);
    } else if (code == last_ && code > end_code) {
      // The code being defined by this very step: the previous text and its own first letter.
      write(previous_);
      out_ += out_[out_.size() - length_of(previous_)];
    } else {
      write(code);
    }
    entries_[last_] = {static_cast<uint16_t>(previous_), static_cast<uint8_t>(first_of(code == last_ ? previous_ : code)),
                       static_cast<uint16_t>(length_of(previous_) + 1)};
    return {};
  }

  struct entry {
    uint16_t prefix = 0;
    uint8_t suffix = 0;
    uint16_t length = 0;
  };
  size_t length_of(uint32_t code) const { return code < clear_code ? 1 : entries_[code].length; }
  uint8_t first_of(uint32_t code) const {
    while (code > end_code) code = entries_[code].prefix;
    return static_cast<uint8_t>(code);
  }
  void write(uint32_t code) {
    size_t at = out_.size() + length_of(code);
    out_.resize(at);
    for (; code > end_code; code = entries_[code].prefix) out_[--at] = static_cast<char>(entries_[code].suffix);
    out_[--at] = static_cast<char>(code);
  }

  bit_reader in_;
  size_t bytes_max_;
  std::string out_;
  std::array<entry, codes> entries_{};
  int width_ = width_min;
  uint32_t last_ = end_code;  // the newest code; being defined by the code that is read now
  uint32_t previous_ = none;
};

}  // namespace

std::string lzw_compress(std::string_view data) {
  std::string out;
  out.reserve(data.size() + 16);
  compressor(out).run(data);
  return out;
}

result<std::string> lzw_expand(std::string_view data, size_t bytes_max) { return expander(data, bytes_max).run(); }

}  // namespace drover::gossip
