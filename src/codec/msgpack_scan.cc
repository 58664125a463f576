#include "codec/msgpack_scan.h"

#include <algorithm>
#include <optional>

#include "base/ensure.h"
#include "codec/json.h"
#include "codec/msgpack.h"

namespace drover::codec {

void msgpack_scanner::reset(size_t bytes_max) {
  auto levels = std::move(open_);
  levels.clear();
  *this = msgpack_scanner(bytes_max);
  open_ = std::move(levels);
}

result<size_t> msgpack_scanner::feed(std::string_view data) {
  ENSURE(!done_, "a msgpack scanner is reset before the next object");
  size_t at = 0;
  while (at < data.size() && !done_) {
    if (skip_ > 0) {
      size_t take = static_cast<size_t>(std::min<uint64_t>(skip_, data.size() - at));
      at += take;
      passed_ += take;
      skip_ -= take;
      if (skip_ == 0) object_ended();
      continue;
    }
    auto byte = static_cast<uint8_t>(data[at++]);
    if (++passed_ > bytes_max_) return fail(errc::too_large, "msgpack: an object is larger than {} bytes", bytes_max_);
    if (count_bytes_ == 0) {
      TRY(begin(byte));
      continue;
    }
    count_ = count_ << 8 | byte;
    if (--count_bytes_ == 0) TRY(counted());
  }
  return at;
}

// One object ended: so may the lists and maps around it.
void msgpack_scanner::object_ended() {
  while (!open_.empty()) {
    if (--open_.back() > 0) return;
    open_.pop_back();
  }
  done_ = true;
}

result<> msgpack_scanner::skip_bytes(uint64_t count) {
  if (count > bytes_max_ - passed_) return fail(errc::too_large, "msgpack: an object is larger than {} bytes", bytes_max_);
  skip_ = count;
  if (count == 0) object_ended();
  return {};
}

result<> msgpack_scanner::nest(uint64_t objects) {
  if (objects == 0) return object_ended(), result<>{};
  if (open_.size() == depth_max) return fail(errc::invalid, "msgpack: nesting is deeper than {}", depth_max);
  // Each has at least a byte.
  if (objects > bytes_max_ - passed_) return fail(errc::too_large, "msgpack: an object is larger than {} bytes", bytes_max_);
  open_.push_back(objects);
  return {};
}

result<> msgpack_scanner::counted() {
  switch (what_) {
    case count_of::bytes: return skip_bytes(count_);
    case count_of::extension: return skip_bytes(count_ + 1);
    case count_of::array: return nest(count_);
    case count_of::map: return nest(count_ * 2);
  }
  return {};
}

result<> msgpack_scanner::begin(uint8_t tag) {
  auto count_follows = [&](count_of what, uint8_t size) {
    what_ = what;
    count_ = 0;
    count_bytes_ = size;
    return result<>{};
  };
  if (tag < 0x80 || tag >= 0xe0) return object_ended(), result<>{};
  if (tag < 0x90) return nest((tag & 15u) * 2u);
  if (tag < 0xa0) return nest(tag & 15u);
  if (tag < 0xc0) return skip_bytes(tag & 31u);
  switch (tag) {
    case 0xc0:
    case 0xc2:
    case 0xc3: return object_ended(), result<>{};
    case 0xc4:
    case 0xd9: return count_follows(count_of::bytes, 1);
    case 0xc5:
    case 0xda: return count_follows(count_of::bytes, 2);
    case 0xc6:
    case 0xdb: return count_follows(count_of::bytes, 4);
    case 0xc7: return count_follows(count_of::extension, 1);
    case 0xc8: return count_follows(count_of::extension, 2);
    case 0xc9: return count_follows(count_of::extension, 4);
    case 0xca: return skip_bytes(4);
    case 0xcb: return skip_bytes(8);
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf: return skip_bytes(uint64_t{1} << (tag - 0xcc));
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3: return skip_bytes(uint64_t{1} << (tag - 0xd0));
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8: return skip_bytes((uint64_t{1} << (tag - 0xd4)) + 1);
    case 0xdc: return count_follows(count_of::array, 2);
    case 0xdd: return count_follows(count_of::array, 4);
    case 0xde: return count_follows(count_of::map, 2);
    case 0xdf: return count_follows(count_of::map, 4);
    default: return fail(errc::invalid, "msgpack: byte 0x{:02x} begins no object", tag);
  }
}

result<std::optional<size_t>> msgpack_length(std::string_view data) {
  msgpack_scanner scanner(SIZE_MAX);
  TRY_ASSIGN(auto length, scanner.feed(data));
  if (!scanner.done()) return std::optional<size_t>();
  return std::optional(length);
}

}  // namespace drover::codec
