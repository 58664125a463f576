// Finds where a msgpack object ends while its bytes arrive, without looking at any of them twice: for streams without length prefixes.
// Pure; one object a stream and thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace drover::codec {

class msgpack_scanner {
 public:
  // An object of more bytes than `bytes_max` is refused as soon as what has come says so.
  explicit msgpack_scanner(size_t bytes_max) : bytes_max_(bytes_max) {}

  // `data` continues what earlier calls were given. Gives how many of its bytes belong to the object: all of them, unless done().
  // errc::too_large past bytes_max; errc::invalid for bytes that no msgpack has and for nesting past depth_max. Requires: !done().
  result<size_t> feed(std::string_view data);
  bool done() const { return done_; }
  // Did any byte of the object come yet?
  bool begun() const { return passed_ > 0; }
  // For the next object.
  void reset(size_t bytes_max);

 private:
  result<> begin(uint8_t tag);
  result<> counted();
  result<> skip_bytes(uint64_t count);
  result<> nest(uint64_t objects);
  void object_ended();

  enum class count_of : uint8_t { bytes, extension, array, map };
  size_t bytes_max_;
  size_t passed_ = 0;
  uint64_t skip_ = 0;  // bytes of text and numbers still to pass
  uint64_t count_ = 0;
  uint8_t count_bytes_ = 0;  // bytes of the count still to come
  count_of what_ = count_of::bytes;
  bool done_ = false;
  // Objects still to pass on each open level.
  std::vector<uint64_t> open_;
};

}  // namespace drover::codec
