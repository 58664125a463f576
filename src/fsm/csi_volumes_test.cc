#include "fsm/csi_volumes.h"

#include "fsm/fixture.h"
#include "state/tables.h"

namespace drover::fsm::test {
namespace {

using enum command_type;

schema::node_register_request with_plugin(const std::string& node_id, bool healthy, bool controller = false) {
  auto request = node(node_id, "ready");
  auto shown = *request.node;
  schema::csi_info info;
  info.plugin_id = "nfs";
  info.healthy = healthy;
  info.provider = "org.example.nfs";
  info.requires_controller_plugin = controller;
  if (controller) shown.csi_controller_plugins["nfs"] = info;
  info.node_info.emplace();
  shown.csi_node_plugins["nfs"] = info;
  request.node = std::make_shared<const schema::node>(shown);
  return request;
}

ref<schema::csi_plugin> plugin(const cluster& c) { return state::find<table::csi_plugins>(c.now(), {"nfs", {}, {}}); }
ref<schema::csi_volume> volume(const cluster& c) { return state::find<table::csi_volumes>(c.now(), {"default", "v", {}}); }

void store_volume(cluster& c, std::vector<std::string> modes = {"single-node-writer"}) {
  schema::csi_volume v;
  v.id = "v";
  v.plugin_id = "nfs";
  for (auto& mode : modes) v.requested_capabilities.push_back({.access_mode = mode, .attachment_mode = "file-system"});
  schema::csi_volume_register_request r;
  r.volumes.push_back(std::make_shared<const schema::csi_volume>(v));
  c.apply<csi_volume_register>(r);
}

schema::csi_volume_claim_request claim(std::string alloc, int64_t mode, int64_t state = claim_state::taken, std::string access = "single-node-writer") {
  schema::csi_volume_claim_request r;
  r.volume_id = "v";
  r.allocation_id = std::move(alloc);
  r.node_id = "n1";
  r.claim = mode;
  r.state = state;
  r.access_mode = std::move(access);
  r.attachment_mode = "file-system";
  return r;
}

TEST(csi_plugin, is_what_the_nodes_say_of_it) {
  cluster c;
  store_volume(c);
  EXPECT_FALSE(volume(c)->schedulable);
  c.apply<node_register>(with_plugin("n1", true));
  c.apply<node_register>(with_plugin("n2", false));
  EXPECT_EQ(plugin(c)->provider, "org.example.nfs");
  EXPECT_EQ(plugin(c)->nodes_healthy, 1);
  EXPECT_EQ(plugin(c)->nodes_expected, 2);
  EXPECT_TRUE(volume(c)->schedulable);
  EXPECT_EQ(volume(c)->nodes_healthy, 1);
  // A node that is down has no healthy plugin; one that goes, none at all.
  schema::node_update_status_request down;
  down.node_id = "n1";
  down.status = "down";
  c.apply<node_update_status>(down);
  EXPECT_FALSE(volume(c)->schedulable);
  for (const char* id : {"n1", "n2"}) {
    schema::node_deregister_request gone;
    gone.node_id = id;
    c.apply<node_deregister>(gone);
  }
  EXPECT_FALSE(plugin(c));
  EXPECT_EQ(volume(c)->nodes_expected, 0);
}

TEST(csi_plugin, a_volume_that_needs_a_controller_waits_for_it) {
  cluster c;
  auto both = with_plugin("n1", true, true);
  auto only_node = *both.node;
  only_node.csi_controller_plugins.clear();
  both.node = std::make_shared<const schema::node>(only_node);
  c.apply<node_register>(both);
  store_volume(c);
  EXPECT_TRUE(volume(c)->controller_required);
  EXPECT_FALSE(volume(c)->schedulable);
  c.apply<node_register>(with_plugin("n1", true, true));
  EXPECT_TRUE(volume(c)->schedulable);
}

TEST(csi_claim, goes_its_way_until_it_is_free) {
  cluster c;
  c.apply<node_register>(with_plugin("n1", true));
  c.apply<job_register>(registration(make_job("j", 2)));
  store_volume(c);
  EXPECT_EQ(c.refusal<csi_volume_claim>(claim("a1", claim_mode::write)), "allocation missing: a1");
  c.apply<apply_plan_results>(placement("j", 0, {make_alloc("a1", "j"), make_alloc("a2", "j")}));
  c.apply<csi_volume_claim>(claim("a1", claim_mode::write));
  c.apply<csi_volume_claim>(claim("a1", claim_mode::write));
  EXPECT_EQ(volume(c)->access_mode, "single-node-writer");
  EXPECT_EQ(volume(c)->write_claims.size(), 1U);
  EXPECT_EQ(c.refusal<csi_volume_claim>(claim("a2", claim_mode::write)), "volume max claims reached: v");
  EXPECT_EQ(c.refusal<csi_volume_claim>(claim("a2", claim_mode::read)), "volume max claims reached: v");
  // Registered anew, it still knows who uses it.
  store_volume(c);
  EXPECT_EQ(volume(c)->write_claims.size(), 1U);
  for (auto state : {claim_state::unpublishing, claim_state::node_detached, claim_state::controller_detached}) {
    c.apply<csi_volume_claim>(claim("a1", claim_mode::write, state));
    EXPECT_EQ(volume(c)->past_claims.at("a1").state, state);
    EXPECT_EQ(volume(c)->write_claims.size(), 1U);
  }
  c.apply<csi_volume_claim>(claim("a1", claim_mode::write, claim_state::ready_to_free));
  EXPECT_TRUE(volume(c)->write_claims.empty() && volume(c)->past_claims.empty());
  EXPECT_EQ(volume(c)->access_mode, "");
  c.apply<csi_volume_claim>(claim("a2", claim_mode::write));
}

TEST(csi_volume, is_forgotten_by_force_only_when_nobody_lives_who_claims_it) {
  cluster c;
  c.apply<node_register>(with_plugin("n1", true));
  c.apply<job_register>(registration(make_job("j", 1)));
  c.apply<apply_plan_results>(placement("j", 0, {make_alloc("a1", "j")}));
  store_volume(c);
  c.apply<csi_volume_claim>(claim("a1", claim_mode::write));
  EXPECT_EQ(c.refusal<csi_volume_deregister>({{}, {"v"}, false}), "volume in use: v");
  EXPECT_EQ(c.refusal<csi_volume_deregister>({{}, {"v"}, true}), "volume in use: v");
  c.apply<alloc_client_update>(client_says("a1", "complete"));
  EXPECT_EQ(c.refusal<csi_volume_deregister>({{}, {"v"}, false}), "volume in use: v");
  c.apply<csi_volume_deregister>({{}, {"v"}, true});
  EXPECT_FALSE(volume(c));
}

TEST(csi_volume, is_the_same_one_for_ever) {
  cluster c;
  store_volume(c);
  schema::csi_volume other;
  other.id = "v";
  other.plugin_id = "smb";
  schema::csi_volume_register_request r;
  r.volumes.push_back(std::make_shared<const schema::csi_volume>(other));
  EXPECT_EQ(c.refusal<csi_volume_register>(r), "volume identity cannot be updated: v");
}

TEST(csi_claim, readers_and_writers_by_access_mode) {
  cluster c;
  c.apply<node_register>(with_plugin("n1", true));
  c.apply<job_register>(registration(make_job("j", 2)));
  c.apply<apply_plan_results>(placement("j", 0, {make_alloc("a1", "j"), make_alloc("a2", "j")}));
  store_volume(c, {"multi-node-reader-only"});
  EXPECT_EQ(c.refusal<csi_volume_claim>(claim("a1", claim_mode::write)), "volume is currently unschedulable: v cannot be written to");
  c.apply<csi_volume_claim>(claim("a1", claim_mode::read, claim_state::taken, "multi-node-reader-only"));
  c.apply<csi_volume_claim>(claim("a2", claim_mode::read, claim_state::taken, "multi-node-reader-only"));
  EXPECT_EQ(volume(c)->read_claims.size(), 2U);
  auto other = claim("a2", claim_mode::write);
  other.attachment_mode = "block-device";
  EXPECT_EQ(c.refusal<csi_volume_claim>(other), "cannot change attachment mode of claimed volume: v is attached as file-system");
}

}  // namespace
}  // namespace drover::fsm::test
