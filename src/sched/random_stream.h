// Numbers and ids that follow from a seed, the same on every machine (SplitMix64; Steele, Lea, Flood, "Fast splittable pseudorandom
// number generators", 2014). A value with one owner.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/text.h"

namespace drover::sched {

class random_stream {
 public:
  explicit random_stream(uint64_t seed) : state_(seed) {}
  uint64_t next() { return mix(state_ += 0x9e3779b97f4a7c15ull); }
  // 0 .. limit - 1. The bias is below 2^-32 for the small limits used here.
  uint32_t below(uint32_t limit) { return static_cast<uint32_t>((next() >> 32) * limit >> 32); }
  std::string uuid() {
    uint8_t raw[16];
    for (int half = 0; half < 2; ++half) {
      uint64_t n = next();
      for (int i = 0; i < 8; ++i) raw[half * 8 + i] = static_cast<uint8_t>(n >> (8 * i));
    }
    return format_uuid(raw);
  }
  static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  static uint64_t mix(uint64_t seed, std::string_view text) {
    for (unsigned char c : text) seed = mix(seed ^ c) + 1;
    return mix(seed);
  }

 private:
  uint64_t state_;
};

}  // namespace drover::sched
