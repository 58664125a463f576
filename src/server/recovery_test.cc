// A cluster that lost its majority: what is left is looked at, planned, and goes on.
#include "server/recovery_plan.h"

#include <gtest/gtest.h>

#include <fstream>

#include "server/file.h"
#include "server/test_cluster.h"

namespace drover::server {
namespace {

using testing::test_cluster;

constexpr const char* ids[] = {"11111111-0000-0000-0000-000000000000", "22222222-0000-0000-0000-000000000000", "33333333-0000-0000-0000-000000000000",
                               "44444444-0000-0000-0000-000000000000", "55555555-0000-0000-0000-000000000000"};

survivor left(size_t i, uint64_t last_term, uint64_t last_index, size_t members) {
  survivor s;
  s.id = ids[i];
  s.raft_directory = "/d" + std::to_string(i);
  s.log.owner = raft::id_from_uuid(s.id);
  s.log.term = s.log.last_term = last_term;
  s.log.last_index = last_index;
  for (size_t m = 0; m < members; ++m) {
    s.log.servers.push_back({raft::id_from_uuid(ids[m]), ids[m], raft::role::voter});
    s.known.push_back({ids[m], "s" + std::to_string(m) + ".global", "10.0.0." + std::to_string(m) + ":4647", ""});
  }
  return s;
}

TEST(recovery_plan, the_newest_log_counts_and_its_price_is_said) {
  auto plan = plan_recovery({left(0, 5, 100, 5), left(1, 6, 90, 5)});
  ASSERT_TRUE(plan) << plan.error().text();
  EXPECT_EQ(plan->newest, 1u);
  EXPECT_TRUE(plan->needed);
  EXPECT_EQ(plan->voters, 5u);
  EXPECT_EQ(plan->surviving_voters, 2u);
  EXPECT_EQ(plan->quorum, 3u);
  EXPECT_EQ(plan->servers, (std::vector<listed_server>{{ids[0], "10.0.0.0:4647", false}, {ids[1], "10.0.0.1:4647", false}}));
  ASSERT_EQ(plan->losses.size(), 5u) << "three servers, later writes, a tail that was never committed";
  EXPECT_NE(plan->losses[0].find("s2.global"), std::string::npos);
  EXPECT_NE(plan->losses[3].find("after entry 90 of term 6"), std::string::npos);
  EXPECT_NE(plan->losses[4].find("never committed"), std::string::npos);
}

TEST(recovery_plan, a_majority_needs_no_recovery) {
  auto plan = plan_recovery({left(0, 5, 100, 3), left(2, 5, 101, 3)});
  ASSERT_TRUE(plan);
  EXPECT_FALSE(plan->needed);
  EXPECT_EQ(plan->newest, 1u);
}

TEST(recovery_plan, what_makes_no_cluster_is_refused) {
  auto refused = [](std::vector<survivor> survivors, const char* why) {
    auto plan = plan_recovery(survivors);
    ASSERT_FALSE(plan) << why;
    EXPECT_NE(plan.error().text().find(why), std::string::npos) << plan.error().text();
  };
  refused({}, "no data directory");
  refused({left(0, 1, 5, 3), left(0, 1, 5, 3)}, "given twice");
  refused({left(0, 0, 0, 3)}, "holds no log");
  refused({left(0, 2, 9, 2), left(2, 1, 5, 3)}, "is no member of the configuration");
  auto mixed = left(0, 1, 5, 3);
  mixed.log.owner = 7;
  refused({mixed}, "the log of another server");
}

TEST(peers_json, is_read_as_nomad_has_it_and_refused_with_a_reason) {
  auto servers = parse_peers_json(R"([{"id":"11111111-0000-0000-0000-000000000000","address":"10.0.0.1:4647","non_voter":false},
                                      {"id":"22222222-0000-0000-0000-000000000000","address":"[::1]:4647","non_voter":true}])");
  ASSERT_TRUE(servers) << servers.error().text();
  EXPECT_EQ(*servers, (std::vector<listed_server>{{ids[0], "10.0.0.1:4647", false}, {ids[1], "[::1]:4647", true}}));
  EXPECT_EQ(*parse_peers_json(peers_json(*servers)), *servers);
  struct row {
    const char* text;
    const char* why;
  };
  const row rows[] = {
      {"", "is no list"},
      {"[]", "names no server"},
      {R"(["10.0.0.1:4647"])", "is no list"},
      {R"([{"id":"x","address":"10.0.0.1:4647"}])", "server/node-id"},
      {R"([{"id":"11111111-0000-0000-0000-000000000000","address":"10.0.0.1"}])", "10.0.0.1:4647"},
      {R"([{"id":"11111111-0000-0000-0000-000000000000","address":"a:1"},{"id":"11111111-0000-0000-0000-000000000000","address":"b:1"}])", "twice"},
  };
  for (const auto& r : rows) {
    auto bad = parse_peers_json(r.text);
    ASSERT_FALSE(bad) << r.text;
    EXPECT_NE(bad.error().text().find(r.why), std::string::npos) << bad.error().text();
  }
}

// Two of three machines are gone: the third is looked at while everything stands still, gets a peers.json, and a new machine joins it.
TEST(recovery, the_last_server_of_three_goes_on_with_everything) {
  test_cluster c(3);
  c.start_all();
  size_t leader = c.leader();
  ASSERT_TRUE(write(c, leader, "kept"));
  ASSERT_TRUE(c.wait_until([&] { return c.at(0).state().namespace_named("kept") != nullptr; }));
  auto running = look_at(c.at_place(0).directory);
  ASSERT_FALSE(running);
  EXPECT_EQ(running.error().code(), errc::conflict);
  std::string id = c.at(0).id();
  for (size_t i = 0; i < 3; ++i) c.stop(i);
  auto found = look_at(c.at_place(0).directory);
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(found->id, id);
  EXPECT_EQ(found->known.size(), 3u);
  auto plan = plan_recovery({*found});
  ASSERT_TRUE(plan) << plan.error().text();
  EXPECT_TRUE(plan->needed);
  EXPECT_EQ(plan->servers, (std::vector<listed_server>{{id, test_cluster::address(c.at_place(0).rpc_port), false}}));

  auto directory = found->raft_directory;
  auto file = directory + "/peers.json";
  ASSERT_TRUE(replace_file(file, peers_json({{ids[0], "127.0.0.1:1", false}})));
  auto not_named = apply_peers_json(directory, id);
  ASSERT_FALSE(not_named);
  EXPECT_NE(not_named.error().text().find("does not name this server"), std::string::npos);
  ASSERT_TRUE(replace_file(file, peers_json(plan->servers)));
  c.start(0);
  EXPECT_EQ(c.leader(), 0u);
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_TRUE(std::filesystem::exists(file + ".used"));
  EXPECT_NE(c.at(0).state().namespace_named("kept"), nullptr);
  EXPECT_EQ(c.members(0), 1u);
  ASSERT_TRUE(write(c, 0, "after"));
  // The machines that were lost come back empty.
  for (size_t i : {1u, 2u}) {
    std::filesystem::remove_all(c.at_place(i).directory);
    c.start(i);
  }
  EXPECT_TRUE(c.wait_until([&] { return c.voters(0) == 3 && c.at(2).state().namespace_named("after") != nullptr; }));
}

}  // namespace
}  // namespace drover::server
