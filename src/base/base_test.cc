#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/text.h"
#include "base/time.h"
#include "base/value.h"

namespace drover {
namespace {

TEST(Duration, ParsesAndPrintsLikeGo) {
  struct row {
    const char* text;
    int64_t ns;
    const char* printed;
  };
  for (auto [text, ns, printed] : std::initializer_list<row>{{"0", 0, "0s"},
                                                             {"10s", 10'000'000'000, "10s"},
                                                             {"1h30m", 5'400'000'000'000, "1h30m0s"},
                                                             {"1.5s", 1'500'000'000, "1.5s"},
                                                             {"300ms", 300'000'000, "300ms"},
                                                             {"2us", 2'000, "2µs"},
                                                             {"-1.5h", -5'400'000'000'000, "-1h30m0s"},
                                                             {"1ns", 1, "1ns"}}) {
    auto parsed = parse_duration(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(parsed->ns, ns) << text;
    EXPECT_EQ(to_string(*parsed), printed);
  }
  for (const char* wrong : {"", "10", "s", "1x", "1.s.", "99999999999h", "-"}) EXPECT_FALSE(parse_duration(wrong)) << wrong;
}

TEST(Time, Rfc3339RoundTrip) {
  for (const char* text : {"2026-11-21T01:10:23.373481615Z", "0001-01-01T00:00:00Z", "1969-12-31T23:59:59.5Z", "2000-02-29T00:00:00Z"})
    EXPECT_EQ(to_rfc3339(parse_rfc3339(text).value()), text);
  EXPECT_EQ(to_rfc3339(parse_rfc3339("2026-01-01T02:00:00+02:00").value()), "2026-01-01T00:00:00Z");
  EXPECT_FALSE(parse_rfc3339("yesterday"));
  EXPECT_TRUE(timestamp().is_zero());
}

TEST(Bytes, Base64) {
  for (const char* text : {"", "f", "fo", "foo", "foob", "fooba", "foobar"}) EXPECT_EQ(base64_decode(base64_encode(text)).value(), text);
  EXPECT_EQ(base64_encode("foob"), "Zm9vYg==");
  for (const char* wrong : {"Zg=", "Z", "Zg=g", "Zm9%"}) EXPECT_FALSE(base64_decode(wrong)) << wrong;
}

TEST(Text, GlobAndNearest) {
  EXPECT_TRUE(matches_glob("dc*", "dc1"));
  EXPECT_TRUE(matches_glob("*", ""));
  EXPECT_TRUE(matches_glob("a*b*c", "axxbyyc"));
  EXPECT_FALSE(matches_glob("a*b", "axc"));
  EXPECT_EQ(nearest("cuont", {"count", "constraint"}).value_or(""), "count");
  EXPECT_FALSE(nearest("zzz", {"count"}));
  EXPECT_TRUE(is_uuid("fbb1968a-1123-d390-5aa4-d4c7b65410af"));
  EXPECT_FALSE(is_valid_utf8("\xc0\x80"));
}

TEST(Value, CopiesDeeply) {
  value::object o;
  o.set("a", value(value::list{1, "x", true}));
  value first(o), second = first;
  second.as_object()->find("a")->as_list()->push_back(2.5);
  EXPECT_EQ(first.find("a")->as_list()->size(), 3u);
  EXPECT_EQ(second.find("a")->as_list()->size(), 4u);
  EXPECT_NE(first, second);
  EXPECT_EQ(value(1), value(1.0));
}

TEST(Log, LineAndSubscription) {
  std::string line;
  auto handle = log::subscribe(log::level::debug, [&](const log::event& e) { line = log::format_line(e); });
  log::logger("client").debug("task started", {{"task", "redis"}, {"why", "a b"}});
  EXPECT_NE(line.find(" [DEBUG] client: task started: task=redis why=\"a b\""), std::string::npos) << line;
}

TEST(Error, TextHasCauses) {
  auto failed = [] -> result<> { return wrap(error(errc::io, "disk full"), "writing state"); }();
  EXPECT_EQ(failed.error().text(), "writing state: disk full");
  EXPECT_EQ(failed.error().code(), errc::io);
}

}  // namespace
}  // namespace drover
