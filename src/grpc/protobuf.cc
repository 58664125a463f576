#include "grpc/protobuf.h"

#include <bit>
#include <cstring>
#include <limits>

namespace drover::grpc {

void message_writer::varint(uint64_t n) {
  while (n >= 0x80) {
    out_.push_back(static_cast<char>(n | 0x80));
    n >>= 7;
  }
  out_.push_back(static_cast<char>(n));
}

void message_writer::tag(uint32_t number, uint32_t wire_type) { varint(uint64_t{number} << 3 | wire_type); }

message_writer& message_writer::message(uint32_t number, std::string_view inner) {
  tag(number, 2);
  varint(inner.size());
  out_.append(inner);
  return *this;
}

message_writer& message_writer::text(uint32_t number, std::string_view s) { return s.empty() ? *this : message(number, s); }

message_writer& message_writer::texts(uint32_t number, const std::vector<std::string>& all) {
  for (const auto& each : all) message(number, each);
  return *this;
}

message_writer& message_writer::integer(uint32_t number, int64_t n) {
  if (n == 0) return *this;
  tag(number, 0);
  varint(static_cast<uint64_t>(n));
  return *this;
}

message_writer& message_writer::real(uint32_t number, double d) {
  if (d == 0) return *this;
  tag(number, 1);
  auto bits = std::bit_cast<uint64_t>(d);
  for (int i = 0; i < 8; ++i) out_.push_back(static_cast<char>(bits >> (8 * i)));
  return *this;
}

message_writer& message_writer::map(uint32_t number, const std::map<std::string, std::string>& all) {
  for (const auto& [key, each] : all) message(number, message_writer().text(1, key).text(2, each));
  return *this;
}

// ---- reading ----

void message_reader::wrong(std::string_view what) {
  if (wrong_.empty()) wrong_ = fmt::format("field {} of a message {}", number_, what);
  rest_ = {};
}

bool message_reader::take_varint(uint64_t& into) {
  into = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (rest_.empty()) break;
    auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    into |= uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) return true;
  }
  wrong("has a number that is cut off or too long");
  return false;
}

bool message_reader::next() {
  if (rest_.empty()) return false;
  uint64_t tag = 0;
  if (!take_varint(tag)) return false;
  number_ = static_cast<uint32_t>(tag >> 3);
  type_ = static_cast<uint32_t>(tag & 7);
  if (number_ == 0 || tag >> 3 > 0x1fffffff) return wrong("has a number that no field has"), false;
  size_t fixed = type_ == fixed64_type ? 8 : 4;
  switch (type_) {
    case varint_type: return take_varint(value_);
    case fixed64_type:
    case fixed32_type:
      if (rest_.size() < fixed) return wrong("is cut off"), false;
      value_ = 0;
      for (size_t i = 0; i < fixed; ++i) value_ |= uint64_t{static_cast<unsigned char>(rest_[i])} << (8 * i);
      rest_.remove_prefix(fixed);
      return true;
    case bytes_type: {
      uint64_t size = 0;
      if (!take_varint(size)) return false;
      if (size > rest_.size()) return wrong("is cut off"), false;
      text_ = rest_.substr(0, size);
      rest_.remove_prefix(size);
      return true;
    }
    default: return wrong("has a wire type that is none"), false;
  }
}

std::string_view message_reader::text() {
  if (type_ == bytes_type) return text_;
  wrong("should be text or a message");
  return {};
}

int64_t message_reader::integer() {
  if (type_ == bytes_type) wrong("should be a number");
  return type_ == bytes_type ? 0 : static_cast<int64_t>(value_);
}

double message_reader::real() {
  if (type_ == fixed64_type) return std::bit_cast<double>(value_);
  if (type_ == fixed32_type) return std::bit_cast<float>(static_cast<uint32_t>(value_));
  wrong("should be a floating point number");
  return 0;
}

void message_reader::integers(std::vector<int64_t>& into) {
  if (type_ != bytes_type) return into.push_back(integer());
  message_reader packed(text_);
  uint64_t each = 0;
  while (!packed.rest_.empty() && packed.take_varint(each)) into.push_back(static_cast<int64_t>(each));
  if (!packed.wrong_.empty()) wrong("has a packed number that is cut off");
}

void message_reader::entry(std::map<std::string, std::string>& into) {
  message_reader pair(text());
  std::string key, each;
  while (pair.next()) {
    if (pair.number() == 1) key = pair.string();
    if (pair.number() == 2) each = pair.string();
  }
  if (!pair.finish()) return wrong("is no entry of a map");
  into[std::move(key)] = std::move(each);
}

result<> message_reader::finish() const {
  if (wrong_.empty()) return {};
  return fail(errc::corrupt, "{}", wrong_);
}

std::string seconds_message(int64_t nanoseconds) {
  return message_writer().integer(1, nanoseconds / 1'000'000'000).integer(2, nanoseconds % 1'000'000'000).take();
}

result<int64_t> nanoseconds_of(std::string_view message) {
  message_reader r(message);
  int64_t seconds = 0, rest = 0;
  while (r.next()) {
    if (r.number() == 1) seconds = r.integer();
    if (r.number() == 2) rest = r.integer();
  }
  TRY(r.finish());
  int64_t out = 0;
  if (__builtin_mul_overflow(seconds, int64_t{1'000'000'000}, &out) || __builtin_add_overflow(out, rest, &out))
    return fail(errc::corrupt, "a time of {} s is beyond what can be kept", seconds);
  return out;
}

}  // namespace drover::grpc
