// The wire format of protocol buffers (proto3), written and read field by field: whoever knows a message writes its numbers here.
//
//   std::string out = message_writer().text(1, "web").integer(2, 3).message(4, message_writer().flag(1, true)).take();
//   message_reader r(data);
//   while (r.next()) switch (r.number()) { case 1: name = r.text(); break; case 4: TRY(read_inner(r.text())); break; }
//   TRY(r.finish());
//
// Pure; values. Source: protobuf.dev, "Encoding". A field with the value that it has anyway is not written; unknown fields are skipped; a
// field of an unexpected wire type is an error from finish().
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace drover::grpc {

class message_writer {
 public:
  message_writer& text(uint32_t number, std::string_view s);
  message_writer& texts(uint32_t number, const std::vector<std::string>& all);
  message_writer& integer(uint32_t number, int64_t n);
  message_writer& flag(uint32_t number, bool b) { return integer(number, b ? 1 : 0); }
  message_writer& real(uint32_t number, double d);
  // Written even when it is empty: that it is there says something.
  message_writer& message(uint32_t number, std::string_view inner);
  message_writer& message(uint32_t number, const message_writer& inner) { return message(number, inner.out_); }
  // map<string, string>.
  message_writer& map(uint32_t number, const std::map<std::string, std::string>& all);
  const std::string& bytes() const { return out_; }
  std::string take() { return std::move(out_); }

 private:
  void tag(uint32_t number, uint32_t wire_type);
  void varint(uint64_t n);
  std::string out_;
};

class message_reader {
 public:
  explicit message_reader(std::string_view data) : rest_(data) {}
  // To the next field; false at the end or at an error.
  bool next();
  uint32_t number() const { return number_; }
  // Text, bytes or an inner message; valid as long as the data.
  std::string_view text();
  std::string string() { return std::string(text()); }
  int64_t integer();
  bool flag() { return integer() != 0; }
  double real();
  // Repeated numbers, packed or not.
  void integers(std::vector<int64_t>& into);
  // One entry of map<string, string>.
  void entry(std::map<std::string, std::string>& into);
  // What was wrong, if something was.
  result<> finish() const;

 private:
  enum : uint32_t { varint_type = 0, fixed64_type = 1, bytes_type = 2, fixed32_type = 5 };
  bool take_varint(uint64_t& into);
  void wrong(std::string_view what);
  std::string_view rest_, text_;
  uint32_t number_ = 0, type_ = 0;
  uint64_t value_ = 0;
  std::string wrong_;
};

// google.protobuf.Duration and Timestamp, which look the same.
std::string seconds_message(int64_t nanoseconds);
result<int64_t> nanoseconds_of(std::string_view message);

}  // namespace drover::grpc
