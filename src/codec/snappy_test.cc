#include "codec/snappy.h"

#include <gtest/gtest.h>

namespace drover::codec {
namespace {

TEST(Snappy, RoundTrip) {
  for (const auto& text : {std::string(), std::string("hello"), std::string(100'000, 'a')}) {
    auto small = snappy_compress(text);
    EXPECT_EQ(*snappy_uncompress(small, text.size()), text);
  }
  EXPECT_EQ(snappy_compress("hello"), std::string("\x05\x10hello"));
}

TEST(Snappy, RefusesDamageAndExcess) {
  auto small = snappy_compress(std::string(1000, 'a'));
  EXPECT_EQ(snappy_uncompress(small, 999).error().code(), errc::too_large);
  EXPECT_EQ(snappy_uncompress(small.substr(0, small.size() - 1), 1000).error().code(), errc::corrupt);
  EXPECT_EQ(snappy_uncompress("\xff\xff\xff\xff\xff\xff", 1000).error().code(), errc::corrupt);
}

}  // namespace
}  // namespace drover::codec
