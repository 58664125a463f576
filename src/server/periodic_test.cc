// next_launch(): when a periodic job is due.
#include "server/periodic.h"

#include <gtest/gtest.h>

namespace drover::server {
namespace {

timestamp at(const char* text) { return *parse_rfc3339(text); }

schema::periodic_config config(std::vector<std::string> specs, std::string zone = "UTC") {
  schema::periodic_config out;
  out.specs = std::move(specs);
  out.time_zone = std::move(zone);
  return out;
}

TEST(NextLaunch, Table) {
  struct row {
    std::vector<std::string> specs;
    const char* zone;
    const char* after;
    const char* next;
  } rows[] = {
      {{"*/15 * * * *"}, "UTC", "2026-11-21T10:07:00Z", "2026-11-21T10:15:00Z"},
      {{"*/15 * * * *"}, "UTC", "2026-11-21T10:15:00Z", "2026-11-21T10:30:00Z"},
      {{"0 0 * * *", "30 12 * * *"}, "UTC", "2026-11-21T10:07:00Z", "2026-11-21T12:30:00Z"},
      {{"0 9 * * *"}, "Europe/Berlin", "2026-07-01T00:00:00Z", "2026-07-01T07:00:00Z"},
      {{"0 9 * * *"}, "Europe/Berlin", "2026-12-01T00:00:00Z", "2026-12-01T08:00:00Z"},
      // 02:30 does not exist on that day: the launch comes with the change.
      {{"30 2 * * *"}, "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"},
      // It exists twice on that day: once is enough.
      {{"30 2 * * *"}, "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"},
      {{"30 2 * * *"}, "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"},
      {{"@every 90s"}, "UTC", "2026-11-21T10:00:00Z", "2026-11-21T10:01:30Z"},
  };
  for (const auto& [specs, zone, after, next] : rows) {
    auto found = next_launch(config(specs, zone), at(after));
    ASSERT_TRUE(found) << found.error().text();
    ASSERT_TRUE(*found) << after;
    EXPECT_EQ(to_rfc3339(**found), next) << specs.front() << " in " << zone << " after " << after;
  }
}

TEST(NextLaunch, TheHourThatIsRepeatedLaunchesInEachOfThem) {
  // Every hour on the hour: clocks go back, instants do not.
  auto when = at("2026-10-24T22:30:00Z");
  for (auto expected : {"2026-10-24T23:00:00Z", "2026-10-25T00:00:00Z"}) {
    auto next = next_launch(config({"0 * * * *"}, "Europe/Berlin"), when);
    ASSERT_TRUE(next && *next);
    EXPECT_EQ(to_rfc3339(**next), expected);
    when = **next;
  }
  auto next = next_launch(config({"0 * * * *"}, "Europe/Berlin"), when);
  ASSERT_TRUE(next && *next);
  EXPECT_GT(**next, when);
}

TEST(NextLaunch, Refusals) {
  EXPECT_FALSE(next_launch(config({"every day"}), at("2026-11-21T10:00:00Z")));
  EXPECT_FALSE(next_launch(config({"0 0 * * *"}, "Mars/Olympus"), at("2026-11-21T10:00:00Z")));
}

}  // namespace
}  // namespace drover::server
