#include "grpc/protobuf.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace drover::grpc {
namespace {

// Goldens: what python3-protobuf writes for the same fields.
TEST(protobuf, writes_what_others_write) {
  EXPECT_EQ(hex_encode(message_writer().text(1, "web").integer(2, 300).flag(3, true).real(4, 1.5).bytes()), "0a0377656210ac02180121000000000000f83f");
  EXPECT_EQ(hex_encode(message_writer().integer(1, -1).bytes()), "08ffffffffffffffffff01");
  EXPECT_EQ(hex_encode(message_writer().map(4, {{"a", "b"}}).texts(5, {"x", ""}).bytes()),
            "22060a0161120162"
            "2a0178"
            "2a00");
  EXPECT_EQ(hex_encode(message_writer().message(1, message_writer()).bytes()), "0a00");
  EXPECT_EQ(message_writer().text(1, "").integer(2, 0).real(3, 0).bytes(), "");
}

TEST(protobuf, reads_its_own) {
  auto data = message_writer().text(1, "web").integer(2, -5).real(3, 2.25).map(4, {{"a", "b"}, {"c", ""}}).message(9, message_writer().flag(1, true)).take();
  std::map<std::string, std::string> map;
  message_reader r(data);
  while (r.next()) switch (r.number()) {
      case 1: EXPECT_EQ(r.text(), "web"); break;
      case 2: EXPECT_EQ(r.integer(), -5); break;
      case 3: EXPECT_EQ(r.real(), 2.25); break;
      case 4: r.entry(map); break;
      default: EXPECT_EQ(r.number(), 9U);
    }
  EXPECT_TRUE(r.finish());
  EXPECT_EQ(map, (std::map<std::string, std::string>{{"a", "b"}, {"c", ""}}));
}

TEST(protobuf, packed_numbers_and_others) {
  std::vector<int64_t> all;
  auto data = *hex_decode(
      "0a03019602"
      "0807");
  message_reader r(data);
  while (r.next()) r.integers(all);
  EXPECT_TRUE(r.finish());
  EXPECT_EQ(all, (std::vector<int64_t>{1, 278, 7}));
}

TEST(protobuf, garbage_is_an_error) {
  for (const char* hex : {"0a", "0a05616263", "08", "08ffffffffffffffffffff01", "0b", "00", "0f00", "09000000", "ffffffffff7f00"}) {
    auto data = *hex_decode(hex);
    message_reader r(data);
    while (r.next()) {
    }
    EXPECT_FALSE(r.finish()) << hex;
  }
  message_reader r("\x08\x01");
  while (r.next()) EXPECT_EQ(r.text(), "");
  EXPECT_FALSE(r.finish());
}

TEST(protobuf, times) {
  EXPECT_EQ(*nanoseconds_of(seconds_message(-1'500'000'000)), -1'500'000'000);
  EXPECT_FALSE(nanoseconds_of(message_writer().integer(1, INT64_MAX).bytes()));
}

}  // namespace
}  // namespace drover::grpc
