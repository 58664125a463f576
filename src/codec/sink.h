// Appends to a string without asking for room byte by byte. Not for other rooms.
//
// Threads: one. Lifecycle: the string is longer than its content while a sink has it; the destructor gives it its length.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace drover::codec::detail {

class sink {
 public:
  explicit sink(std::string& out) : out_(out) {
    const size_t used = out.size();
    stretch(out.capacity());
    at_ = out_.data() + used;
  }
  ~sink() { out_.resize(size()); }
  sink(const sink&) = delete;
  sink& operator=(const sink&) = delete;

  size_t size() const { return static_cast<size_t>(at_ - out_.data()); }
  void byte(uint8_t b) { *room(1) = static_cast<char>(b), at_++; }
  void bytes(std::string_view raw) {
    std::memcpy(room(raw.size()), raw.data(), raw.size());
    at_ += raw.size();
  }
  // A tag and a number behind it, the highest byte first.
  template <class T>
  void tagged(uint8_t tag, T n) {
    char* to = room(1 + sizeof(T));
    to[0] = static_cast<char>(tag);
    if constexpr (sizeof(T) > 1) n = std::byteswap(n);
    std::memcpy(to + 1, &n, sizeof(T));
    at_ += 1 + sizeof(T);
  }
  // Overwrites two bytes at a place that was written before.
  void put_back(size_t place, uint16_t n) {
    n = std::byteswap(n);
    std::memcpy(out_.data() + place, &n, sizeof(n));
  }

 private:
  char* room(size_t count) {
    if (static_cast<size_t>(end_ - at_) < count) [[unlikely]] {
      const size_t used = size();
      stretch(std::max(used + count, used * 2));
      at_ = out_.data() + used;
    }
    return at_;
  }
  void stretch(size_t size) {
    out_.resize_and_overwrite(size, [](char*, size_t whole) { return whole; });
    end_ = out_.data() + out_.size();
  }

  std::string& out_;
  char* at_ = nullptr;
  char* end_ = nullptr;
};

}  // namespace drover::codec::detail
