// Clusters of several servers over real sockets: forming, electing, replicating, losing and gaining members.
#include <gtest/gtest.h>

#include <atomic>

#include "base/log.h"
#include "server/test_cluster.h"

namespace drover::server {
namespace {

using testing::test_cluster;

bool all_have(test_cluster& c, const std::string& name) {
  for (size_t i = 0; i < c.size(); ++i)
    if (c.runs(i) && !has(c, i, name)) return false;
  return true;
}

TEST(cluster, three_servers_find_each_other_and_elect_and_replicate) {
  test_cluster c(3);
  c.start(0);
  c.start(1);
  auto begin = std::chrono::steady_clock::now();
  c.start(2);
  size_t leader = c.leader();
  auto formed = std::chrono::steady_clock::now() - begin;
  RecordProperty("formed_ms", static_cast<int>(formed / std::chrono::milliseconds(1)));
  EXPECT_EQ(c.voters(leader), 3u);
  auto written = write(c, leader, "first");
  ASSERT_TRUE(written) << written.error().text();
  EXPECT_TRUE(c.wait_until([&] { return all_have(c, "first"); }));
  auto cluster_id = c.at(leader).state().cluster_id();
  EXPECT_FALSE(cluster_id.empty());
}

// Every acknowledged write is there after the leader was lost, and the others go on.
TEST(cluster, a_lost_leader_is_replaced_and_no_acknowledged_write_is_lost) {
  test_cluster c(3);
  c.start_all();
  size_t old = c.leader();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(write(c, old, "before-" + std::to_string(i)));
  c.stop(old);
  size_t next = c.leader();
  EXPECT_NE(next, old);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(has(c, next, "before-" + std::to_string(i)));
  ASSERT_TRUE(write(c, next, "after"));
  c.start(old);
  EXPECT_TRUE(c.wait_until([&] { return all_have(c, "after"); }));
  EXPECT_TRUE(c.wait_until([&] { return c.voters(c.leader()) == 3; }));
}

TEST(cluster, all_stopped_and_started_again_on_new_addresses_is_the_same_cluster) {
  test_cluster c(3);
  c.start_all();
  ASSERT_TRUE(write(c, c.leader(), "kept"));
  ASSERT_TRUE(c.wait_until([&] { return all_have(c, "kept"); }));
  std::string cluster_id(c.at(0).state().cluster_id());
  for (size_t i = 0; i < 3; ++i) c.stop(i);
  for (size_t i = 0; i < 3; ++i) c.move(i);
  for (size_t i : {2u, 0u, 1u}) c.start(i);
  size_t leader = c.leader();
  EXPECT_EQ(c.at(leader).state().cluster_id(), cluster_id);
  EXPECT_TRUE(has(c, leader, "kept"));
  ASSERT_TRUE(write(c, leader, "later"));
  EXPECT_TRUE(c.wait_until([&] { return all_have(c, "later"); }));
  EXPECT_EQ(c.voters(leader), 3u);
}

// No retry_join at all: the file of known servers and the gossip snapshot are enough.
TEST(cluster, all_stopped_and_started_again_find_each_other_without_retry_join) {
  bool alone = false;
  test_cluster c(3, [&](size_t, server_options& o) {
    if (alone) o.retry_join.clear();
  });
  c.start_all();
  ASSERT_TRUE(write(c, c.leader(), "kept"));
  ASSERT_TRUE(c.wait_until([&] { return all_have(c, "kept"); }));
  for (size_t i = 0; i < 3; ++i) c.stop(i);
  alone = true;
  for (size_t i = 0; i < 3; ++i) std::filesystem::remove_all(c.at_place(i).directory + "/server/serf");
  for (size_t i = 0; i < 3; ++i) c.start(i);
  ASSERT_TRUE(write(c, c.leader(), "later"));
  EXPECT_TRUE(c.wait_until([&] { return all_have(c, "later"); }));
}

TEST(cluster, a_fourth_server_follows_first_and_votes_when_it_was_stable) {
  test_cluster c(3, [](size_t, server_options& o) { o.bootstrap_expect = 3; });
  c.start_all();
  size_t leader = c.leader();
  ASSERT_TRUE(write(c, leader, "before"));
  size_t fourth = c.grow();
  c.start(fourth);
  EXPECT_TRUE(c.wait_until([&] { return c.members(leader) == 4; }));
  EXPECT_TRUE(c.wait_until([&] { return has(c, fourth, "before"); }));
  EXPECT_TRUE(c.wait_until([&] { return c.voters(leader) == 4; }));
  auto configuration = c.call<schema::raft_configuration_response>(leader, "Operator.RaftGetConfiguration", schema::generic_request());
  ASSERT_TRUE(configuration);
  ASSERT_EQ(configuration->servers.size(), 4u);
  for (const auto& s : configuration->servers) {
    EXPECT_EQ(s.leader, s.id == c.at(leader).id());
    EXPECT_TRUE(s.voter);
    EXPECT_NE(s.node, "(unknown)");
  }
  // And it can be taken out again.
  schema::raft_peer_by_id_request remove;
  remove.id = c.at(fourth).id();
  c.stop(fourth);
  auto removed = c.call<schema::generic_response>(leader, "Operator.RaftRemovePeerByID", remove);
  ASSERT_TRUE(removed) << removed.error().text();
  EXPECT_EQ(c.members(leader), 3u);
  auto again = c.call<schema::generic_response>(leader, "Operator.RaftRemovePeerByID", remove);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().text(), "id \"" + remove.id + "\" was not found in the Raft configuration");
}

TEST(cluster, a_leader_that_leaves_hands_over_and_is_removed) {
  test_cluster c(3);
  c.start_all();
  size_t old = c.leader();
  ASSERT_TRUE(write(c, old, "before"));
  c.leave(old);
  size_t next = c.leader();
  EXPECT_NE(next, old);
  EXPECT_TRUE(c.wait_until([&] { return c.members(next) == 2; }));
  for (const auto& m : c.at(next).members())
    if (m.name == "s" + std::to_string(old) + ".global") EXPECT_EQ(m.status, gossip::member_status::left);
  ASSERT_TRUE(write(c, next, "after"));
  // It may come back.
  c.start(old);
  EXPECT_TRUE(c.wait_until([&] { return c.voters(c.leader()) == 3 && all_have(c, "after"); }));
}

TEST(cluster, leadership_moves_to_the_server_that_is_named) {
  test_cluster c(3);
  c.start_all();
  size_t old = c.leader(), next = (old + 1) % 3;
  schema::raft_peer_request request;
  request.id = c.at(next).id();
  auto moved = c.call<schema::leadership_transfer_response>(old, "Operator.TransferLeadershipToPeer", request);
  ASSERT_TRUE(moved) << moved.error().text();
  EXPECT_EQ(moved->to.id, request.id);
  EXPECT_EQ(moved->from.id, c.at(old).id());
  EXPECT_FALSE(moved->noop);
  EXPECT_EQ(c.leader(), next);
  auto noop = c.call<schema::leadership_transfer_response>(next, "Operator.TransferLeadershipToPeer", request);
  ASSERT_TRUE(noop) << noop.error().text();
  EXPECT_TRUE(noop->noop);
}

TEST(cluster, a_dead_server_is_removed_while_the_others_are_a_majority) {
  test_cluster c(3);
  c.start_all();
  size_t leader = c.leader(), dead = (leader + 1) % 3, other = (leader + 2) % 3;
  c.stop(dead);
  EXPECT_TRUE(c.wait_until([&] { return c.members(leader) == 2; }));
  auto health = c.call<schema::operator_health_reply>(leader, "Operator.ServerHealth", schema::generic_request());
  ASSERT_TRUE(health) << health.error().text();
  EXPECT_EQ(health->voters.size(), 2u);
  EXPECT_EQ(health->failure_tolerance, 0);
  EXPECT_TRUE(has(c, other, "default"));
  c.start(dead);
  EXPECT_TRUE(c.wait_until([&] { return c.voters(leader) == 3; }));
  EXPECT_TRUE(c.wait_until([&] {
    auto now = c.call<schema::operator_health_reply>(leader, "Operator.ServerHealth", schema::generic_request());
    return now && now->healthy && now->failure_tolerance == 1;
  }));
}

TEST(cluster, five_servers_lose_two_and_go_on) {
  test_cluster c(5, [](size_t, server_options& o) { o.default_autopilot_config.cleanup_dead_servers = false; });
  c.start_all();
  size_t leader = c.leader();
  EXPECT_EQ(c.voters(leader), 5u);
  ASSERT_TRUE(write(c, leader, "five"));
  c.stop(leader);
  size_t second = c.leader();
  ASSERT_TRUE(write(c, second, "four"));
  c.stop(second);
  size_t third = c.leader();
  ASSERT_TRUE(write(c, third, "three"));
  EXPECT_TRUE(has(c, third, "five") && has(c, third, "four"));
  EXPECT_EQ(c.members(third), 5u);
}

// A machine of another cluster that comes into the pool keeps its state and does not get ours.
TEST(cluster, a_server_of_another_cluster_is_not_added) {
  test_cluster c(3, [](size_t i, server_options& o) {
    if (i == 3) {
      o.bootstrap_expect = 1;
      o.retry_join.clear();
    } else {
      o.bootstrap_expect = 3;
    }
  });
  c.start_all();
  size_t leader = c.leader();
  ASSERT_TRUE(write(c, leader, "ours"));
  size_t stranger = c.grow();
  c.start(stranger);
  ASSERT_TRUE(c.wait_until([&] { return c.at(stranger).is_leader() && !c.at(stranger).state().cluster_id().empty(); }));
  bool refused = false;
  auto log = log::subscribe(log::level::error, [&](const log::event& e) { refused = refused || e.message == "a server cannot join this cluster"; });
  auto joined = c.run(c.at(stranger).join({test_cluster::address(c.at_place(leader).serf_port)}));
  ASSERT_TRUE(joined);
  EXPECT_TRUE(c.wait_until([&] { return refused; }));
  EXPECT_EQ(c.members(leader), 3u);
  EXPECT_FALSE(has(c, stranger, "ours"));
}

TEST(cluster, servers_that_disagree_on_their_number_say_so_and_do_not_form_a_cluster) {
  test_cluster c(2, [](size_t i, server_options& o) { o.bootstrap_expect = i == 0 ? 2 : 3; });
  std::string said;
  auto log = log::subscribe(log::level::error, [&](const log::event& e) {
    if (e.logger == "nomad.bootstrap" && e.field_count > 0) said = e.fields[0].value;
  });
  c.start_all();
  EXPECT_TRUE(c.wait_until([&] { return said.find("all servers of a region must have the same number") != std::string::npos; }));
  EXPECT_FALSE(c.at(0).is_leader());
}

TEST(cluster, two_regions_share_a_pool_and_not_a_cluster) {
  test_cluster c(2, [](size_t i, server_options& o) {
    o.bootstrap_expect = 1;
    o.region = i == 0 ? "here" : "there";
  });
  c.start_all();
  EXPECT_TRUE(c.wait_until([&] { return c.at(0).known_servers().regions().size() == 2 && c.at(1).known_servers().regions().size() == 2; }));
  EXPECT_TRUE(c.at(0).is_leader() && c.at(1).is_leader());
  EXPECT_EQ(c.members(0), 1u);
  auto regions = c.call<std::vector<std::string>>(0, "Region.List", schema::generic_request());
  ASSERT_TRUE(regions);
  EXPECT_EQ(*regions, (std::vector<std::string>{"here", "there"}));
}

}  // namespace
}  // namespace drover::server
