#include "env/time_zone.h"

#include <gtest/gtest.h>

namespace drover::env {
namespace {

timestamp at(const char* text) { return *parse_rfc3339(text); }

TEST(TimeZone, WallClocksOfPlaces) {
  auto berlin = time_zone::named("Europe/Berlin");
  ASSERT_TRUE(berlin);
  EXPECT_EQ(berlin->to_local(at("2026-01-15T12:00:00Z")), at("2026-01-15T13:00:00Z"));
  EXPECT_EQ(berlin->to_local(at("2026-07-15T12:00:00Z")), at("2026-07-15T14:00:00Z"));
  EXPECT_EQ(berlin->to_utc(at("2026-07-15T14:00:00Z")), at("2026-07-15T12:00:00Z"));
  auto utc = time_zone::named("");
  ASSERT_TRUE(utc);
  EXPECT_EQ(utc->to_utc(at("2026-07-15T14:00:00Z")), at("2026-07-15T14:00:00Z"));
}

TEST(TimeZone, ChangesOfTheClock) {
  auto berlin = *time_zone::named("Europe/Berlin");
  // 02:30 on 2026-03-29 does not exist: the clock goes from 02:00 to 03:00 at 01:00 UTC.
  EXPECT_EQ(berlin.to_utc(at("2026-03-29T02:30:00Z")), at("2026-03-29T01:00:00Z"));
  // 02:30 on 2026-10-25 happens twice: first in summer time.
  EXPECT_EQ(berlin.to_utc(at("2026-10-25T02:30:00Z")), at("2026-10-25T00:30:00Z"));
}

TEST(TimeZone, UnknownNamesAreRefused) {
  auto none = time_zone::named("Europe/Atlantis");
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().text().find("Europe/Atlantis"), std::string::npos);
}

}  // namespace
}  // namespace drover::env
