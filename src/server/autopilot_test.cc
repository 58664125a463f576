#include "server/autopilot.h"

#include <gtest/gtest.h>

namespace drover::server {
namespace {

constexpr timestamp t0(1'700'000'000'000'000'000);

schema::autopilot_config config() {
  schema::autopilot_config c;
  c.cleanup_dead_servers = true;
  c.last_contact_threshold = milliseconds(200);
  c.max_trailing_logs = 250;
  c.server_stabilization_time = seconds(10);
  return c;
}

observed_server server(uint64_t id, raft::role role = raft::role::voter) {
  observed_server s;
  s.raft_id = id;
  s.id = "id-" + std::to_string(id);
  s.name = "s" + std::to_string(id);
  s.role = role;
  s.gossip_status = "alive";
  s.leader = id == 1;
  s.answered = true;
  s.last_contact = s.leader ? duration() : milliseconds(20);
  s.last_term = 4;
  s.last_index = 1000;
  return s;
}

std::vector<observed_server> voters(uint64_t n) {
  std::vector<observed_server> out;
  for (uint64_t i = 1; i <= n; ++i) out.push_back(server(i));
  return out;
}

TEST(autopilot, health_is_contact_term_and_log) {
  struct row {
    const char* why;
    std::function<void(observed_server&)> change;
    bool healthy;
  };
  const row rows[] = {
      {"as it is", [](auto&) {}, true},
      {"gossip says failed", [](auto& s) { s.gossip_status = "failed"; }, false},
      {"gossip does not know it", [](auto& s) { s.gossip_status = "none"; }, false},
      {"it did not answer", [](auto& s) { s.answered = false; }, false},
      {"it knows no leader", [](auto& s) { s.last_contact = nanoseconds(-1); }, false},
      {"contact at the limit", [](auto& s) { s.last_contact = milliseconds(200); }, true},
      {"contact too old", [](auto& s) { s.last_contact = milliseconds(201); }, false},
      {"another term", [](auto& s) { s.last_term = 3; }, false},
      {"250 entries behind", [](auto& s) { s.last_index = 750; }, true},
      {"251 entries behind", [](auto& s) { s.last_index = 749; }, false},
  };
  for (const auto& r : rows) {
    autopilot a;
    auto servers = voters(3);
    r.change(servers[2]);
    a.observe(servers, config(), t0);
    EXPECT_EQ(a.health().servers[2].healthy, r.healthy) << r.why;
    EXPECT_EQ(a.health().healthy, r.healthy) << r.why;
    EXPECT_EQ(a.health().failure_tolerance, r.healthy ? 1 : 0) << r.why;
    EXPECT_TRUE(a.health().servers[0].healthy) << "the leader";
  }
}

TEST(autopilot, since_when_a_server_is_as_it_is) {
  autopilot a;
  auto servers = voters(3);
  a.observe(servers, config(), t0);
  a.observe(servers, config(), t0 + seconds(5));
  EXPECT_EQ(a.health().servers[2].stable_since, t0);
  servers[2].answered = false;
  a.observe(servers, config(), t0 + seconds(7));
  EXPECT_EQ(a.health().servers[2].stable_since, t0 + seconds(7));
  EXPECT_EQ(a.health().voters, (std::vector<std::string>{"id-1", "id-2", "id-3"}));
  EXPECT_EQ(a.health().leader, "id-1");
}

TEST(autopilot, a_standby_votes_after_it_was_healthy_long_enough) {
  autopilot a;
  auto servers = voters(3);
  servers.push_back(server(4, raft::role::standby));
  a.observe(servers, config(), t0);
  EXPECT_TRUE(a.promotions().empty());
  a.observe(servers, config(), t0 + seconds(9));
  EXPECT_TRUE(a.promotions().empty());
  servers[3].last_index = 10;
  a.observe(servers, config(), t0 + seconds(10));
  EXPECT_TRUE(a.promotions().empty()) << "it fell behind";
  servers[3].last_index = 1000;
  a.observe(servers, config(), t0 + seconds(11));
  a.observe(servers, config(), t0 + seconds(20));
  EXPECT_TRUE(a.promotions().empty()) << "it begins anew";
  a.observe(servers, config(), t0 + seconds(21));
  EXPECT_EQ(a.promotions(), (std::vector<uint64_t>{4}));
  servers[3].role = raft::role::spare;
  a.observe(servers, config(), t0 + seconds(30));
  EXPECT_TRUE(a.promotions().empty());
}

// Never more than (n-1)/2 of n voters, never so many that those who live are no majority.
TEST(autopilot, removes_the_dead_as_long_as_the_living_are_a_majority) {
  struct row {
    uint64_t voters;
    std::vector<uint64_t> dead;
    uint64_t min_quorum;
    std::vector<uint64_t> removed;
  };
  const row rows[] = {
      {3, {3}, 0, {3}},    {3, {2, 3}, 0, {2}},          {2, {2}, 0, {}}, {5, {4, 5}, 0, {4, 5}}, {5, {3, 4, 5}, 0, {3, 4}}, {5, {5}, 5, {}},
      {5, {4, 5}, 4, {4}}, {7, {5, 6, 7}, 0, {5, 6, 7}}, {1, {}, 0, {}},
  };
  for (const auto& r : rows) {
    autopilot a;
    auto servers = voters(r.voters);
    for (auto id : r.dead) servers[id - 1].gossip_status = "failed";
    auto c = config();
    c.min_quorum = r.min_quorum;
    a.observe(servers, c, t0);
    // A majority of the present configuration is gone: nothing can be committed, whatever autopilot wants.
    if (r.dead.size() <= (r.voters - 1) / 2) EXPECT_EQ(a.removals(), r.removed) << r.voters << " voters, " << r.dead.size() << " dead";
    EXPECT_LE(a.removals().size(), (r.voters - 1) / 2);
    c.cleanup_dead_servers = false;
    a.observe(servers, c, t0);
    EXPECT_TRUE(a.removals().empty());
  }
}

TEST(autopilot, who_does_not_vote_is_removed_without_counting) {
  autopilot a;
  auto servers = voters(2);
  servers.push_back(server(3, raft::role::standby));
  servers[2].gossip_status = "failed";
  a.observe(servers, config(), t0);
  EXPECT_EQ(a.removals(), (std::vector<uint64_t>{3}));
}

// A whole cluster that comes back: those who are not there yet are waited for. One whose name has another id now is not.
TEST(autopilot, the_unseen_are_waited_for_and_the_replaced_are_not) {
  autopilot a;
  auto servers = voters(3);
  servers[2].gossip_status = "none";
  a.observe(servers, config(), t0);
  a.observe(servers, config(), t0 + minutes(59));
  EXPECT_TRUE(a.removals().empty());
  a.observe(servers, config(), t0 + minutes(60));
  EXPECT_EQ(a.removals(), (std::vector<uint64_t>{3}));
  a.clear();
  servers[2].replaced = true;
  a.observe(servers, config(), t0);
  EXPECT_EQ(a.removals(), (std::vector<uint64_t>{3}));
  servers[0].gossip_status = "none";
  servers[0].replaced = true;
  a.observe(servers, config(), t0);
  EXPECT_EQ(a.removals(), (std::vector<uint64_t>{3})) << "never the leader itself";
}

}  // namespace
}  // namespace drover::server
