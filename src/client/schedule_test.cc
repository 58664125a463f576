#include "client/schedule.h"

#include <gtest/gtest.h>

namespace drover::client {
namespace {

timestamp at(std::string_view text) {
  auto parsed = parse_rfc3339(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : timestamp{};
}

schema::task_schedule_cron schedule(std::string start, std::string end, std::string zone = "UTC") {
  schema::task_schedule_cron out;
  out.start = std::move(start);
  out.end = std::move(end);
  out.timezone = std::move(zone);
  return out;
}

TEST(schedule, opens_and_closes) {
  struct row {
    schema::task_schedule_cron of;
    const char* now;
    bool open;
    const char* changes;  // "": never
  };
  // 2026-11-20 is a Friday.
  const row rows[] = {
      {schedule("30 9 * * MON-FRI *", "0 17"), "2026-11-20T09:29:59Z", false, "2026-11-20T09:30:00Z"},
      {schedule("30 9 * * MON-FRI *", "0 17"), "2026-11-20T09:30:00Z", true, "2026-11-20T17:00:00Z"},
      {schedule("30 9 * * MON-FRI *", "0 17"), "2026-11-20T16:59:59Z", true, "2026-11-20T17:00:00Z"},
      {schedule("30 9 * * MON-FRI *", "0 17"), "2026-11-20T17:00:00Z", false, "2026-11-23T09:30:00Z"},
      {schedule("0 9-12 * * * *", "30 12"), "2026-11-20T12:10:00Z", true, "2026-11-20T12:30:00Z"},
      {schedule("0 8 * * * *", "0 20", "Europe/Berlin"), "2026-11-20T18:30:00Z", true, "2026-11-20T19:00:00Z"},
      {schedule("0 8 * * * *", "0 20", "Europe/Berlin"), "2026-11-20T19:30:00Z", false, "2026-11-21T07:00:00Z"},
      {schedule("0 0 1 1 * 2040", "0 1"), "2026-11-20T19:30:00Z", false, "2040-01-01T00:00:00Z"},
      {schedule("0 0 1 1 * 2020", "0 1"), "2026-11-20T19:30:00Z", false, ""},
      {schedule("0 9 * * * *", "0 8"), "2026-11-20T09:30:00Z", false, ""},
  };
  for (const auto& r : rows) {
    auto window = window_at(r.of, at(r.now));
    ASSERT_TRUE(window) << r.now << ": " << window.error().text();
    EXPECT_EQ(window->open, r.open) << r.of.start << " at " << r.now;
    EXPECT_EQ(window->changes.has_value(), *r.changes != '\0') << r.of.start << " at " << r.now;
    if (window->changes && *r.changes) EXPECT_EQ(*window->changes, at(r.changes)) << r.of.start << " at " << r.now;
  }
}

TEST(schedule, that_is_none) {
  EXPECT_FALSE(window_at(schedule("often", "0 1"), at("2026-11-20T19:30:00Z")));
  EXPECT_FALSE(window_at(schedule("0 1 * * * *", "late"), at("2026-11-20T19:30:00Z")));
  EXPECT_FALSE(window_at(schedule("0 1 * * * *", "0 2", "Nowhere/Land"), at("2026-11-20T19:30:00Z")));
}

}  // namespace
}  // namespace drover::client
