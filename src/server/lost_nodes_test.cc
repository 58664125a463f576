#include "server/lost_nodes.h"

#include <gtest/gtest.h>

#include "schema/alloc_rpc.h"
#include "schema/job_rpc.h"
#include "schema/node_rpc.h"
#include "server/heartbeats.h"
#include "server/test_cluster.h"

namespace drover::server {
namespace {

using schema::ref;
using testing::test_cluster;

constexpr const char* node_id = "11111111-2222-3333-4444-555555555555";

TEST(HeartbeatTtl, GrowsWithTheFleet) {
  struct row {
    size_t nodes;
    duration ttl;
  };
  for (auto [nodes, ttl] : {row{0, seconds(10)}, row{1, seconds(10)}, row{500, seconds(10)}, row{1000, seconds(20)}, row{50'000, seconds(1000)}})
    EXPECT_EQ(heartbeat_ttl(nodes, seconds(10), 50), ttl) << nodes;
}

ref<schema::node> make_node() {
  auto node = std::make_shared<schema::node>();
  node->id = node_id;
  node->secret_id = "99999999-2222-3333-4444-555555555555";
  node->name = "one";
  node->datacenter = "dc1";
  node->status = "initializing";
  node->attributes = {{"kernel.name", "linux"}, {"driver.raw_exec", "1"}};
  node->drivers["raw_exec"] = {.attributes = {}, .detected = true, .healthy = true, .health_description = "Healthy", .update_time = {}};
  auto& resources = node->node_resources.emplace();
  resources.cpu.cpu_shares = 4000;
  resources.memory.memory_mb = 8000;
  resources.disk.disk_mb = 100'000;
  return node;
}

schema::job make_job(duration lost_after) {
  schema::job job;
  job.id = "patient";
  job.datacenters = {"dc1"};
  auto& group = job.task_groups.emplace_back();
  group.name = "g";
  group.count = 1;
  if (lost_after.ns > 0) group.disconnect.emplace().lost_after = lost_after;
  auto& task = group.tasks.emplace_back();
  task.name = "t";
  task.driver = "raw_exec";
  task.config["command"] = value("/bin/sleep");
  return job;
}

void say(test_cluster& c, const std::string& status) {
  schema::node_update_status_request request;
  request.node_id = node_id;
  request.status = status;
  auto done = c.call<schema::node_update_response>(0, "Node.UpdateStatus", request);
  ASSERT_TRUE(done) << done.error().text();
}

std::string node_status(test_cluster& c) { return c.at(0).state().node(node_id)->status; }
ref<schema::allocation> the_alloc(test_cluster& c) {
  auto allocs = c.at(0).state().allocs_by_node(node_id);
  return allocs.empty() ? nullptr : allocs.front();
}

result<schema::generic_response> report(test_cluster& c, const std::string& client_status) {
  auto update = std::make_shared<schema::allocation>();
  update->id = the_alloc(c)->id;
  update->node_id = node_id;
  update->client_status = client_status;
  schema::alloc_update_request request;
  request.alloc = {update};
  return c.call<schema::generic_response>(0, "Node.UpdateAlloc", request);
}

// One server, one node, one running allocation; then the node says nothing more.
std::unique_ptr<test_cluster> with_a_silent_node(duration lost_after) {
  auto c = std::make_unique<test_cluster>(1, [](size_t, server_options& o) {
    o.min_heartbeat_ttl = milliseconds(150);
    o.heartbeat_grace = milliseconds(50);
  });
  c->start_all();
  c->leader();
  schema::node_register_request join;
  join.node = make_node();
  EXPECT_TRUE(c->call<schema::node_update_response>(0, "Node.Register", join));
  say(*c, "ready");
  schema::job_register_request submit;
  submit.job = std::make_shared<const schema::job>(make_job(lost_after));
  auto submitted = c->call<schema::job_register_response>(0, "Job.Register", submit);
  EXPECT_TRUE(submitted) << submitted.error().text();
  EXPECT_TRUE(c->wait_until([&] { return the_alloc(*c) != nullptr; }));
  EXPECT_TRUE(report(*c, "running"));
  return c;
}

TEST(LostNodes, ANodeThatFallsSilentIsDown) {
  auto c = with_a_silent_node(duration(0));
  EXPECT_TRUE(c->wait_until([&] { return node_status(*c) == "down"; }));
  EXPECT_TRUE(c->wait_until([&] { return the_alloc(*c)->client_status == "lost"; }));
  auto late = report(*c, "running");
  ASSERT_FALSE(late);
  EXPECT_NE(late.error().text().find("is not allowed to update allocs while in status down"), std::string::npos);
}

TEST(LostNodes, ANodeWhoseWorkMayWaitIsDisconnectedAndComesBack) {
  auto c = with_a_silent_node(minutes(10));
  EXPECT_TRUE(c->wait_until([&] { return node_status(*c) == "disconnected"; }));
  EXPECT_TRUE(c->wait_until([&] { return the_alloc(*c)->client_status == "unknown"; }));
  // It is ready once it has said how its work is.
  say(*c, "ready");
  EXPECT_EQ(node_status(*c), "initializing");
  say(*c, "ready");
  EXPECT_EQ(node_status(*c), "initializing");
  EXPECT_TRUE(report(*c, "running"));
  say(*c, "ready");
  EXPECT_EQ(node_status(*c), "ready");
  EXPECT_EQ(the_alloc(*c)->client_status, "running");
}

TEST(LostNodes, ANodeThatNobodyWaitsForAnyMoreIsDown) {
  auto c = with_a_silent_node(milliseconds(500));
  EXPECT_TRUE(c->wait_until([&] { return node_status(*c) == "disconnected"; }));
  EXPECT_TRUE(c->wait_until([&] { return node_status(*c) == "down"; }));
}

}  // namespace
}  // namespace drover::server
