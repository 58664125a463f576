#include "server/keyring.h"

#include <gtest/gtest.h>

#include "fsm/fixture.h"
#include "jwt/jwt.h"
#include "server/test_cluster.h"

namespace drover::server {
namespace {

using fsm::command_type;
using state::table;

// What the leader does about its keys, as a table of situations.
struct key_world : ::testing::Test {
  fsm::test::cluster c;
  static constexpr int64_t hour = 3'600'000'000'000;
  keyring_thresholds thresholds{.gc = hours(1), .rotation = hours(100)};
  void put(std::string id, std::string state, int64_t created_hours, int64_t publish_hours = 0) {
    fsm::root_key_upsert_request request;
    request.key.key_id = std::move(id);
    request.key.state = std::move(state);
    request.key.create_time = created_hours * hour;
    request.key.publish_time = publish_hours * hour;
    c.apply<command_type::root_key_upsert>(request);
  }
  void put_variable(std::string path, std::string key_id) {
    fsm::variable_apply_request request;
    request.op = "set";
    request.var.path = std::move(path);
    request.var.key_id = std::move(key_id);
    c.apply<command_type::variable_apply>(request);
  }
  key_work at(int64_t hours_since, bool force = false) { return find_key_work(c.now(), thresholds, timestamp(hours_since * hour), force); }
};

TEST_F(key_world, a_new_key_is_published_at_half_time_and_promoted_in_time) {
  put("k1", "active", 0);
  EXPECT_FALSE(at(49).prepublish);
  auto due = at(50);
  EXPECT_TRUE(due.prepublish);
  EXPECT_EQ(due.publish_time, 100 * hour);
  put("k2", "prepublished", 50, 100);
  EXPECT_FALSE(at(60).prepublish);
  EXPECT_EQ(at(99).promote, "");
  EXPECT_EQ(at(100).promote, "k2");
  // A leader that was away for long does not publish into the past.
  put("k3", "active", 0);
  c.apply<command_type::root_key_delete>({{}, "k2"});
  EXPECT_EQ(at(500).publish_time, 500 * hour);
}

TEST_F(key_world, only_what_nothing_needs_is_removed) {
  put("k1", "active", 0);
  put_variable("a", "k1");
  put("k2", "active", 1);
  EXPECT_TRUE(at(50).remove.empty()) << "a variable is sealed with it";
  put_variable("a", "k2");
  EXPECT_EQ(at(50).remove, std::vector<std::string>{"k1"});
  EXPECT_TRUE(at(0).remove.empty()) << "too young";
  EXPECT_EQ(at(0, true).remove, std::vector<std::string>{"k1"});
  EXPECT_TRUE(at(50).rekey.empty());
}

TEST_F(key_world, a_full_rotation_leaves_keys_to_seal_anew) {
  put("k1", "active", 0);
  fsm::root_key_upsert_request request;
  request.key.key_id = "k2";
  request.key.state = "active";
  request.rekey = true;
  c.apply<command_type::root_key_upsert>(request);
  EXPECT_EQ(at(1).rekey, std::vector<std::string>{"k1"});
  EXPECT_TRUE(at(50, true).remove.empty());
}

}  // namespace
}  // namespace drover::server
