// Three real servers: what is sealed and signed by one is opened and believed by all, also after the leader has gone in the middle of something.
#include <gtest/gtest.h>

#include "schema/acl.h"
#include "schema/node_rpc.h"
#include "schema/operator_rpc.h"
#include "server/test_cluster.h"
#include "state/tables.h"

namespace drover::server {
namespace {

using state::table;
using testing::test_cluster;

result<schema::variables_apply_response> apply(test_cluster& c, size_t i, const std::string& op, schema::variable v) {
  schema::variables_apply_request request;
  request.op = op;
  request.var = std::move(v);
  return c.call<schema::variables_apply_response>(i, "Variables.Apply", request);
}
schema::variable variable(const std::string& path, const std::string& text) {
  schema::variable v;
  v.path = path;
  v.items["k"] = text;
  return v;
}
std::string read(test_cluster& c, size_t i, const std::string& path, bool stale = false) {
  schema::variables_read_request request;
  request.path = path;
  request.allow_stale = stale;
  auto answer = c.call<schema::variables_read_response>(i, "Variables.Read", request);
  if (!answer) return answer.error().text();
  return answer->data ? answer->data->items["k"] : "none";
}
std::vector<std::string> key_states(test_cluster& c, size_t i) {
  std::vector<std::string> out;
  state::visit<table::root_keys>(c.at(i).state(), state::starting({}), [&](const auto& key) {
    out.push_back(key->state);
    return true;
  });
  std::ranges::sort(out);
  return out;
}
bool has_key(test_cluster& c, size_t i) { return !key_states(c, i).empty(); }

struct three : ::testing::Test {
  test_cluster c{3};
  size_t leader = 0, follower = 0;
  void SetUp() override {
    c.start_all();
    leader = c.leader();
    follower = (leader + 1) % 3;
    c.wait_until([&] { return has_key(c, 0) && has_key(c, 1) && has_key(c, 2); });
  }
};

TEST_F(three, a_rotation_goes_on_under_the_next_leader) {
  constexpr int count = 40;
  for (int i = 0; i < count; ++i) ASSERT_TRUE(apply(c, follower, "set", variable("v" + std::to_string(i), std::to_string(i))).has_value());
  schema::keyring_rotate_root_key_request rotate;
  rotate.full = true;
  auto rotated = c.call<schema::keyring_rotate_root_key_response>(follower, "Keyring.Rotate", rotate);
  ASSERT_TRUE(rotated.has_value()) << rotated.error().text();
  c.stop(leader);
  leader = c.leader();
  c.wait_until([&] { return key_states(c, leader) == std::vector<std::string>{"active", "inactive"}; });
  size_t old = 0;
  state::visit<table::variables>(c.at(leader).state(), state::starting({}), [&](const auto& v) {
    old += v->key_id != rotated->key->key_id;
    return true;
  });
  EXPECT_EQ(old, 0u);
  for (int i = 0; i < count; ++i) EXPECT_EQ(read(c, leader, "v" + std::to_string(i)), std::to_string(i));
}

TEST_F(three, a_follower_opens_what_another_server_sealed) {
  auto written = apply(c, follower, "set", variable("p", "secret"));
  ASSERT_TRUE(written.has_value()) << written.error().text();
  for (size_t i = 0; i < c.size(); ++i) {
    c.wait_until([&] { return c.at(i).state().index() >= written->index; });
    EXPECT_EQ(read(c, i, "p", true), "secret");
  }
}

TEST_F(three, a_lock_outlives_its_leader) {
  auto v = variable("p", "mine");
  v.lock.emplace();
  auto held = apply(c, follower, "lock-acquire", v);
  ASSERT_TRUE(held.has_value() && held->output && held->output->lock);
  c.stop(leader);
  leader = c.leader();
  schema::variables_renew_lock_request renew;
  renew.path = "p";
  renew.lock_id = held->output->lock->id;
  auto renewed = c.call<schema::variables_renew_lock_response>(leader, "Variables.RenewLock", renew);
  EXPECT_TRUE(renewed.has_value()) << renewed.error().text();
  auto refused = apply(c, leader, "set", variable("p", "theirs"));
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->result, "conflict");
  schema::variable release;
  release.path = "p";
  release.lock = held->output->lock;
  ASSERT_TRUE(apply(c, leader, "lock-release", release).has_value());
  EXPECT_EQ(read(c, leader, "p"), "mine");
}

TEST_F(three, a_node_gets_an_identity_and_keeps_it_until_it_is_old) {
  auto node = std::make_shared<schema::node>();
  node->id = "11111111-2222-3333-4444-555555555555";
  node->secret_id = "99999999-2222-3333-4444-555555555555";
  node->name = "n";
  node->datacenter = "dc1";
  node->status = "initializing";
  node->attributes = {{"nomad.version", "1.11.0"}};
  schema::node_register_request request;
  request.node = node;
  auto registered = c.call<schema::node_update_response>(follower, "Node.Register", request);
  ASSERT_TRUE(registered.has_value()) << registered.error().text();
  ASSERT_TRUE(registered->signed_identity.has_value());
  schema::node_update_status_request beat;
  beat.node_id = node->id;
  beat.status = "ready";
  beat.auth_token = *registered->signed_identity;
  auto quiet = c.call<schema::node_update_response>(follower, "Node.UpdateStatus", beat);
  ASSERT_TRUE(quiet.has_value()) << quiet.error().text();
  EXPECT_FALSE(quiet->signed_identity.has_value());
  beat.force_identity_renewal = true;
  auto forced = c.call<schema::node_update_response>(follower, "Node.UpdateStatus", beat);
  ASSERT_TRUE(forced.has_value() && forced->signed_identity);
  EXPECT_NE(*forced->signed_identity, *registered->signed_identity);
  // Of somebody who proves nothing no identity is signed for its allocations.
  schema::alloc_identities_request sign;
  sign.identities.resize(1);
  sign.auth_token = "00000000-2222-3333-4444-555555555555";
  auto refused = c.call<schema::alloc_identities_response>(leader, "Alloc.SignIdentities", sign);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), errc::permission_denied);
}

TEST_F(three, keys_come_in_from_outside_and_go_out_to_proven_servers_only) {
  schema::keyring_get_root_key_request get;
  state::visit<table::root_keys>(c.at(follower).state(), state::starting({}), [&](const auto& key) { return get.key_id = key->key_id, false; });
  auto got = c.call<schema::keyring_get_root_key_response>(follower, "Keyring.Get", get);
  ASSERT_FALSE(got) << "who is not proven by TLS to be a server";
  EXPECT_EQ(got.error().code(), errc::permission_denied);
  schema::keyring_update_root_key_request update;
  auto& key = update.root_key.emplace();
  key.key = bytes(std::string(32, 'k'));
  auto& meta = key.meta.emplace();
  meta.key_id = "11111111-2222-3333-4444-555555555555";
  meta.algorithm = "aes256-gcm";
  meta.state = "inactive";
  auto updated = c.call<schema::keyring_update_root_key_response>(follower, "Keyring.Update", update);
  ASSERT_TRUE(updated) << updated.error().text();
  c.wait_until([&] { return key_states(c, leader) == std::vector<std::string>{"active", "inactive"}; });
  update.root_key->key = bytes("short");
  EXPECT_FALSE(c.call<schema::keyring_update_root_key_response>(follower, "Keyring.Update", update));
}

TEST_F(three, members_are_known_everywhere_and_nodes_go_together) {
  auto members = c.call<schema::server_members_response>(follower, "Status.Members", schema::generic_request());
  ASSERT_TRUE(members) << members.error().text();
  EXPECT_EQ(members->members.size(), 3U);
  schema::node_batch_deregister_request gone;
  for (auto id : {"11111111-2222-3333-4444-555555555551", "11111111-2222-3333-4444-555555555552"}) {
    schema::node node;
    node.id = id;
    node.secret_id = id;
    node.name = node.datacenter = "x";
    node.status = "initializing";
    node.attributes = {{"nomad.version", "1.11.0"}};
    schema::node_register_request request;
    request.node = schema::share(std::move(node));
    auto registered = c.call<schema::node_update_response>(follower, "Node.Register", request);
    ASSERT_TRUE(registered) << registered.error().text();
    gone.node_ids.emplace_back(id);
  }
  EXPECT_NE(c.at(leader).state().node(gone.node_ids[0]), nullptr);
  auto done = c.call<schema::node_update_response>(follower, "Node.BatchDeregister", gone);
  ASSERT_TRUE(done) << done.error().text();
  for (const auto& id : gone.node_ids) EXPECT_EQ(c.at(leader).state().node(id), nullptr);
  gone.node_ids = {"unknown"};
  EXPECT_FALSE(c.call<schema::node_update_response>(follower, "Node.BatchDeregister", gone));
}

}  // namespace
}  // namespace drover::server
