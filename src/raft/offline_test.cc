// A cluster that lost most of its servers for good.
#include "raft/offline.h"

#include "raft/test_cluster.h"

namespace drover::raft {
namespace {

using testing::cluster;
using testing::text;

log_survey must_survey(const std::string& directory) {
  auto found = survey(directory);
  EXPECT_TRUE(found) << text(found);
  return found ? *found : log_survey{};
}

TEST(offline, says_what_a_log_holds_and_not_while_its_server_runs) {
  cluster c(3);
  EXPECT_EQ(survey(c.directory(0)).error().code(), errc::not_found);
  for (size_t i = 0; i < 3; i++) c.start(i);
  for (int i = 0; i < 5; i++) c.write(std::to_string(i));
  for (size_t i = 0; i < 3; i++) ASSERT_TRUE(c.machine(i).wait_for(5));
  auto running = survey(c.directory(0));
  ASSERT_FALSE(running);
  EXPECT_EQ(running.error().code(), errc::conflict);
  EXPECT_THAT(running.error().text(), ::testing::HasSubstr("stop it first"));
  auto stats = c.at(0).stats();
  c.stop(0);
  log_survey found = must_survey(c.directory(0));
  EXPECT_EQ(found.owner, 1u);
  EXPECT_GE(found.last_index, 6u);
  EXPECT_EQ(found.last_term, stats.last_log_term);
  EXPECT_EQ(found.term, stats.term);
  EXPECT_EQ(found.servers, c.members());
  EXPECT_EQ(found.configuration_index, 1u);
  EXPECT_TRUE(found.repairs.empty());
}

TEST(offline, reads_what_a_snapshot_left) {
  cluster c(1);
  c.start(0, 20, 1);
  for (int i = 0; i < 100; i++) c.write(std::to_string(i));
  auto done = testing::wait([&](callback answer) { c.at(0).compact(answer); });
  ASSERT_TRUE(done) << text(done);
  auto stats = c.at(0).stats();
  c.stop(0);
  log_survey found = must_survey(c.directory(0));
  EXPECT_GE(found.snapshot_index, stats.last_snapshot_index);
  EXPECT_GE(found.snapshot_index, 100u);
  EXPECT_EQ(found.servers, c.members());
  EXPECT_GE(found.last_index, 100u);
}

TEST(offline, one_survivor_of_three_goes_on_alone_with_everything) {
  cluster c(3);
  for (size_t i = 0; i < 3; i++) c.start(i);
  for (int i = 0; i < 10; i++) c.write(std::to_string(i));
  ASSERT_TRUE(c.machine(1).wait_for(10));
  for (size_t i = 0; i < 3; i++) c.stop(i);
  log_survey before = must_survey(c.directory(1));
  auto r = recover({c.directory(1), {{2, c.address(1), role::voter}}});
  ASSERT_TRUE(r) << text(r);
  log_survey after = must_survey(c.directory(1));
  EXPECT_EQ(after.servers, (std::vector<server>{{2, c.address(1), role::voter}}));
  EXPECT_EQ(after.last_index, before.last_index + 1);
  EXPECT_EQ(after.last_term, before.last_term + recovery_terms);
  c.start(1);
  EXPECT_EQ(c.leader(), 1u);
  EXPECT_TRUE(c.machine(1).wait_for(10));
  c.write("10");
  // It goes on as any other after that.
  c.stop(1);
  c.start(1);
  c.write("11");
  EXPECT_EQ(c.machine(1).entries().size(), 12u);
}

// Two of five are left, and one of them missed the last writes: whoever starts first, nothing that the better log holds is lost.
TEST(offline, of_two_survivors_the_newer_log_wins) {
  cluster c(5);
  for (size_t i = 0; i < 5; i++) c.start(i);
  c.write("0");
  size_t leader = c.leader(), behind = (leader + 1) % 5, ahead = (leader + 2) % 5;
  ASSERT_TRUE(c.machine(behind).wait_for(1));
  c.stop(behind);
  for (int i = 1; i < 20; i++) c.write(std::to_string(i));
  ASSERT_TRUE(c.machine(ahead).wait_for(20));
  for (size_t i = 0; i < 5; i++) c.stop(i);
  log_survey a = must_survey(c.directory(ahead)), b = must_survey(c.directory(behind));
  EXPECT_TRUE(is_newer(a, b));
  EXPECT_FALSE(is_newer(b, a));
  std::vector<server> left{{ahead + 1, c.address(ahead), role::voter}, {behind + 1, c.address(behind), role::voter}};
  for (size_t i : {ahead, behind}) {
    auto r = recover({c.directory(i), left});
    ASSERT_TRUE(r) << text(r);
  }
  c.start(behind);
  c.start(ahead);
  c.write("20");
  for (size_t i : {ahead, behind}) {
    ASSERT_TRUE(c.machine(i).wait_for(21));
    auto entries = c.machine(i).entries();
    for (int n = 0; n <= 20; n++) ASSERT_EQ(entries[n], std::to_string(n));
  }
  EXPECT_EQ(c.at(behind).stats().servers.size(), 2u);
}

TEST(offline, refuses_lists_that_make_no_cluster) {
  cluster c(1);
  c.start(0);
  c.write("0");
  auto running = recover({c.directory(0), {{1, "a", role::voter}}});
  EXPECT_EQ(running.error().code(), errc::conflict);
  c.stop(0);
  auto refused = [&](std::vector<server> servers, std::string_view why) {
    auto r = recover({c.directory(0), std::move(servers)});
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().code(), errc::invalid);
    EXPECT_THAT(r.error().text(), ::testing::HasSubstr(why));
  };
  refused({}, "a cluster has 1 to");
  refused({{1, "a", role::voter}, {1, "b", role::voter}}, "twice");
  refused({{2, "b", role::voter}}, "lacks the server whose log this is");
  refused({{1, "a", role::standby}}, "none of the servers votes");
  testing::temp_dir empty;
  auto r = recover({empty.path(), {{1, "a", role::voter}}});
  ASSERT_FALSE(r);
  EXPECT_THAT(r.error().text(), ::testing::HasSubstr("holds no log"));
}

}  // namespace
}  // namespace drover::raft
