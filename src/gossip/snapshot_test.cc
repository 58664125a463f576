#include "gossip/snapshot.h"

#include <gtest/gtest.h>

#include <cstdio>

#include "gossip/limits.h"

namespace drover::gossip {
namespace {

TEST(gossip_snapshot, lines_say_who_was_there_and_a_leave_forgets) {
  auto s = parse_snapshot(
      "alive: a.global 10.0.0.1:4648\nalive: b b 10.0.0.2:4648\nclock: 17\nevent-clock: 3\nquery-clock: 4\n# remark\n"
      "not-alive: a.global\ncoordinate: {}\nwhat is this\nclock: x\nalive: torn 10.0.0",
      false);
  EXPECT_EQ(s.alive, (std::map<std::string, std::string>{{"b b", "10.0.0.2:4648"}}));
  EXPECT_EQ(s.clock, 17u);
  EXPECT_EQ(s.event_clock, 3u);
  EXPECT_EQ(s.query_clock, 4u);
  EXPECT_EQ(parse_snapshot(format_snapshot(s), false), s);
  auto left = parse_snapshot(format_snapshot(s) + "leave\nclock: 20\n", false);
  EXPECT_EQ(left, (snapshot_state{.clock = 20, .left = true}));
  EXPECT_EQ(parse_snapshot(format_snapshot(left), false), left);
  EXPECT_EQ(parse_snapshot(format_snapshot(s) + "leave\n", true), s);
  EXPECT_EQ(parse_snapshot("", false), snapshot_state());
}

TEST(gossip_snapshot, too_large_a_file_is_read_from_its_end) {
  auto path = testing::TempDir() + "gossip_large_snapshot";
  std::remove(path.c_str());
  EXPECT_EQ(read_snapshot(path).value(), "");
  ASSERT_TRUE(replace_snapshot(path, std::string(snapshot_bytes_max, '\n')));
  ASSERT_TRUE(append_snapshot(path, "alive: a 1.2.3.4:5\n"));
  auto text = read_snapshot(path).value();
  EXPECT_EQ(text.size(), snapshot_bytes_max);
  EXPECT_EQ(parse_snapshot(text, false).alive.size(), 1u);
  std::remove(path.c_str());
  EXPECT_FALSE(append_snapshot("/nowhere/at/all", "x"));
}

}  // namespace
}  // namespace drover::gossip
