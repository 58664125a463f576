#include "codec/msgpack_scan.h"

#include <gtest/gtest.h>

#include <string>

namespace drover::codec {
namespace {

using namespace std::string_literals;

TEST(MsgpackScan, FindsTheEndInPiecesOfAnySize) {
  for (const std::string& object : {"\x00"s, "\xc0"s, "\xa0"s,
                                    "\xa3"
                                    "abc"s,
                                    "\xd9\x03"
                                    "abc"s,
                                    "\xc4\x02"
                                    "ab"s,
                                    "\xda\x00\x01"
                                    "a"s,
                                    "\x80"s, "\x90"s,
                                    "\x82\xa1"
                                    "a\x01\xa1"
                                    "b\x92\xcd\x01\x02\xcb\1\2\3\4\5\6\7\x08"s,
                                    "\xdc\x00\x00"s, "\xde\x00\x01\xa1k\xc3"s, "\xd4\x01\x02"s,
                                    "\xc7\x02\x05"
                                    "xy"s,
                                    "\x91\x91\x91\x80"s, "\xd3\0\0\0\0\0\0\0\1"s}) {
    for (size_t step = 1; step <= object.size() + 4; ++step) {
      msgpack_scanner scanner(100);
      std::string data = object + "tail";
      size_t at = 0;
      while (!scanner.done() && at < data.size()) at += scanner.feed(std::string_view(data).substr(at, step)).value();
      EXPECT_TRUE(scanner.done());
      EXPECT_EQ(at, object.size()) << testing::PrintToString(object) << " in steps of " << step;
    }
  }
}

TEST(MsgpackScan, Limits) {
  struct row {
    std::string data;
    errc code;
  };
  for (const auto& [data, code] : {row{"\xc1"s, errc::invalid}, row{std::string(200, '\x91'), errc::invalid}, row{"\xdb\xff\xff\xff\xff"s, errc::too_large},
                                   row{"\xdf\xff\xff\xff\xff"s, errc::too_large}, row{"\xda\x04\x00"s, errc::too_large}}) {
    msgpack_scanner scanner(1000);
    auto fed = scanner.feed(data);
    ASSERT_FALSE(fed) << testing::PrintToString(data);
    EXPECT_EQ(fed.error().code(), code);
    scanner.reset(1000);
    EXPECT_FALSE(scanner.begun());
    EXPECT_EQ(scanner.feed("\x01\x01").value(), 1u);
  }
}

}  // namespace
}  // namespace drover::codec
