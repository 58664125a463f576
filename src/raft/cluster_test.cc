// Three servers in one process over TCP on loopback.
#include "raft/test_cluster.h"

namespace drover::raft {
namespace {

using testing::apply;
using testing::cluster;
using testing::text;
using testing::wait;

TEST(cluster, three_servers_elect_one_leader_and_all_apply_the_same) {
  cluster c(3);
  for (size_t i = 0; i < 3; i++) c.start(i);
  for (int i = 0; i < 50; i++) c.write(std::to_string(i));
  for (size_t i = 0; i < 3; i++) {
    ASSERT_TRUE(c.machine(i).wait_for(50));
    EXPECT_EQ(c.machine(i).entries().back(), "49");
  }
  size_t leader = c.leader();
  size_t other = (leader + 1) % 3;
  auto r = apply(c.at(other), "at a follower");
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code(), errc::unavailable);
  EXPECT_THAT(r.error().text(), ::testing::HasSubstr("not the leader; it is " + c.address(leader)));
  EXPECT_TRUE(wait([&](callback done) { c.at(c.leader()).barrier(done); }));
  EXPECT_FALSE(wait([&](callback done) { c.at(other).barrier(done); }));
  EXPECT_EQ(c.at(other).leader().leader_id, leader + 1);
  EXPECT_EQ(c.at(other).stats().servers.size(), 3u);
}

TEST(cluster, servers_that_wait_form_a_cluster_when_they_are_given_their_first_configuration) {
  cluster c(3, 3, true);
  for (size_t i = 0; i < 3; i++) c.start(i);
  EXPECT_EQ(c.at(0).stats().servers.size(), 0u);
  EXPECT_LT(c.at(0).stats().last_contact, nanoseconds(0));
  EXPECT_EQ(wait([&](callback done) { c.at(0).bootstrap({}, false, done); }).error().code(), errc::invalid);
  for (size_t i : {1u, 2u, 0u}) {
    auto r = wait([&](callback done) { c.at(i).bootstrap(c.members(), i == 0, done); });
    ASSERT_TRUE(r) << text(r);
  }
  c.write("x");
  for (size_t i = 0; i < 3; i++) ASSERT_TRUE(c.machine(i).wait_for(1));
  EXPECT_EQ(c.at(2).stats().servers.size(), 3u);
  EXPECT_EQ(wait([&](callback done) { c.at(0).bootstrap(c.members(), true, done); }).error().code(), errc::conflict);
}

// Two of three are enough; the third was told nothing and learns everything from the leader.
TEST(cluster, one_that_missed_the_first_configuration_gets_it_from_the_leader) {
  cluster c(3, 3, true);
  for (size_t i = 0; i < 3; i++) c.start(i);
  for (size_t i : {1u, 0u}) ASSERT_TRUE(wait([&](callback done) { c.at(i).bootstrap(c.members(), i == 0, done); }));
  c.write("x");
  ASSERT_TRUE(c.machine(2).wait_for(1));
  // What stats() shows is of the last turn of its loop.
  c.write("y");
  ASSERT_TRUE(c.machine(2).wait_for(2));
  EXPECT_EQ(c.at(2).stats().servers.size(), 3u);
}

TEST(cluster, a_new_leader_takes_over_and_the_old_one_catches_up) {
  cluster c(3);
  for (size_t i = 0; i < 3; i++) c.start(i);
  c.write("one");
  size_t old = c.leader();
  c.stop(old);
  c.write("two");
  EXPECT_NE(c.leader(), old);
  c.start(old);
  c.write("three");
  ASSERT_TRUE(c.machine(old).wait_for(3));
  EXPECT_EQ(c.machine(old).entries(), (std::vector<std::string>{"one", "two", "three"}));
}

TEST(cluster, a_server_that_is_far_behind_receives_a_snapshot) {
  cluster c(3);
  for (size_t i = 0; i < 3; i++) c.start(i, 50, 5);
  c.write("0");
  size_t behind = (c.leader() + 1) % 3;
  c.stop(behind);
  for (int i = 1; i < 300; i++) c.write(std::to_string(i));
  c.start(behind, 50, 5);
  ASSERT_TRUE(c.machine(behind).wait_for(300)) << c.machine(behind).entries().size();
  auto entries = c.machine(behind).entries();
  for (int i = 0; i < 300; i++) ASSERT_EQ(entries[i], std::to_string(i));
  EXPECT_GE(c.machine(behind).restores(), 1);
  // And it goes on from there, also after it was started again.
  c.stop(behind);
  c.start(behind, 50, 5);
  c.write("300");
  ASSERT_TRUE(c.machine(behind).wait_for(301));
}

TEST(cluster, all_stopped_and_started_again_keep_everything) {
  cluster c(3);
  for (size_t i = 0; i < 3; i++) c.start(i);
  for (int i = 0; i < 20; i++) c.write(std::to_string(i));
  for (size_t i = 0; i < 3; i++) c.stop(i);
  for (size_t i = 0; i < 3; i++) c.start(i);
  c.write("20");
  for (size_t i = 0; i < 3; i++) {
    ASSERT_TRUE(c.machine(i).wait_for(21));
    EXPECT_EQ(c.machine(i).entries().size(), 21u);
  }
}

TEST(cluster, leadership_moves_on_request) {
  cluster c(3);
  for (size_t i = 0; i < 3; i++) c.start(i);
  c.write("x");
  size_t old = c.leader(), next = (old + 1) % 3;
  auto r = wait([&](callback done) { c.at(old).transfer(next + 1, done); });
  ASSERT_TRUE(r) << text(r);
  EXPECT_EQ(c.leader([&](size_t i) { return i != old; }), next);
  EXPECT_EQ(wait([&](callback done) { c.at(next).transfer(99, done); }).error().code(), errc::invalid);
  c.write("y");
}

TEST(cluster, grows_from_one_server_and_shrinks) {
  cluster c(2, 1);
  c.start(0);
  c.write("before");
  c.start(1);
  auto change = [&](auto&& f) { return wait([&](callback done) { f(c.at(c.leader()), done); }); };
  auto r = change([&](node& n, callback done) { n.add(2, c.address(1), done); });
  ASSERT_TRUE(r) << text(r);
  EXPECT_EQ(change([&](node& n, callback done) { n.add(2, c.address(1), done); }).error().code(), errc::conflict);
  EXPECT_EQ(change([&](node& n, callback done) { n.add(3, "", done); }).error().code(), errc::invalid);
  EXPECT_EQ(change([&](node& n, callback done) { n.assign(3, role::voter, done); }).error().code(), errc::not_found);
  r = change([&](node& n, callback done) { n.assign(2, role::voter, done); });
  ASSERT_TRUE(r) << text(r);
  ASSERT_TRUE(c.machine(1).wait_for(1));
  EXPECT_EQ(c.at(0).stats().servers, (std::vector<server>{{1, c.address(0), role::voter}, {2, c.address(1), role::voter}}));
  c.write("with two");
  ASSERT_TRUE(c.machine(1).wait_for(2));
  // The leader may remove itself; the other goes on alone.
  size_t leader = c.leader(), other = 1 - leader;
  r = change([&](node& n, callback done) { n.remove(leader + 1, done); });
  ASSERT_TRUE(r) << text(r);
  EXPECT_EQ(c.leader([&](size_t i) { return i == other; }), other);
  c.stop(leader);
  c.write("alone");
}

}  // namespace
}  // namespace drover::raft
