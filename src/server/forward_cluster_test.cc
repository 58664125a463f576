// Three real servers over real sockets: what one of them is asked is answered as if there were only one, and a node is reached from each.
#include <gtest/gtest.h>

#include "schema/job_rpc.h"
#include "schema/node_rpc.h"
#include "schema/stats.h"
#include "server/test_cluster.h"

namespace drover::server {
namespace {

using testing::test_cluster;

schema::namespace_upsert_request named(const std::string& name) {
  schema::namespace_upsert_request request;
  auto ns = std::make_shared<schema::namespace_definition>();
  ns->name = name;
  request.namespaces = {ns};
  return request;
}

result<bool> sees(test_cluster& c, size_t i, const std::string& name, bool stale = false) {
  schema::namespace_specific_request request;
  request.name = name;
  request.allow_stale = stale;
  auto answer = c.call<schema::single_namespace_response>(i, "Namespace.GetNamespace", request);
  if (!answer) return std::unexpected(answer.error());
  return answer->namespace_ != nullptr;
}

// A client agent as the wire sees it: it dials one server and answers what comes back over that session.
struct far_node {
  far_node(net::loop& l, std::string node_id) : id(std::move(node_id)) {
    table.add<schema::node_specific_request, schema::client_stats_response>(
        "ClientStats.Stats", [this](rpc::call_context, schema::node_specific_request) -> net::awaitable<result<schema::client_stats_response>> {
          ++asked;
          co_return schema::client_stats_response();
        });
    pool = std::make_unique<rpc::connection_pool>(l, rpc::pool_options{.serve = &table, .tls = {}});
  }
  result<schema::node_update_response> join(test_cluster& c, size_t server, std::string secret = "99999999-2222-3333-4444-555555555555") {
    auto node = std::make_shared<schema::node>();
    node->id = id;
    node->secret_id = std::move(secret);
    node->name = "far";
    node->http_addr = http_addr;
    node->datacenter = "dc1";
    node->status = "initializing";
    node->attributes = {{"kernel.name", "linux"}};
    schema::node_register_request request;
    request.node = node;
    request.region = "global";
    auto channel = pool->to(test_cluster::address(c.at_place(server).rpc_port), "global");
    return c.run(rpc::call<schema::node_update_response>(*channel, "Node.Register", std::move(request)));
  }
  result<schema::client_stats_response> stats_through(test_cluster& c, size_t server) const {
    schema::node_specific_request request;
    request.node_id = id;
    return c.call<schema::client_stats_response>(server, "ClientStats.Stats", request);
  }
  std::string id;
  std::string http_addr = "10.0.0.1:4646";
  int asked = 0;
  rpc::method_table table;
  std::unique_ptr<rpc::connection_pool> pool;
};

TEST(ForwardCluster, EveryServerAnswersAndNoneOlderThanWhatWasAcknowledged) {
  test_cluster c(3);
  c.start_all();
  c.leader();
  for (int round = 0; round < 6; ++round) {
    auto name = "n" + std::to_string(round);
    auto written = c.call<schema::generic_response>(static_cast<size_t>(round % 3), "Namespace.UpsertNamespaces", named(name));
    ASSERT_TRUE(written) << written.error().text();
    for (size_t i = 0; i < 3; ++i) {
      auto seen = sees(c, i, name);
      ASSERT_TRUE(seen) << seen.error().text();
      EXPECT_TRUE(*seen) << "server " << i << " did not see " << name;
    }
  }
}

TEST(ForwardCluster, TheNextWriteAfterTheLeaderIsGone) {
  test_cluster c(3);
  c.start_all();
  size_t leader = c.leader();
  size_t other = (leader + 1) % 3;
  ASSERT_TRUE(c.call<schema::generic_response>(other, "Namespace.UpsertNamespaces", named("before")));
  c.stop(leader);
  auto began = net::now();
  auto written = c.call<schema::generic_response>(other, "Namespace.UpsertNamespaces", named("after"));
  ASSERT_TRUE(written) << written.error().text();
  RecordProperty("next_write_ms", static_cast<int>((net::now() - began) / std::chrono::milliseconds(1)));
  for (size_t i = 0; i < 3; ++i) {
    if (c.runs(i)) EXPECT_TRUE(sees(c, i, "before").value_or(false) && sees(c, i, "after").value_or(false));
  }
}

TEST(ForwardCluster, AloneItAnswersStaleReadsOnly) {
  test_cluster c(3);
  c.start_all();
  size_t leader = c.leader();
  ASSERT_TRUE(c.call<schema::generic_response>(leader, "Namespace.UpsertNamespaces", named("kept")));
  c.stop((leader + 1) % 3);
  c.stop((leader + 2) % 3);
  // Still the leader by its own clock, or just deposed: it must not say what may be old.
  auto read = sees(c, leader, "kept");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().text(), "No cluster leader");
  EXPECT_TRUE(sees(c, leader, "kept", true).value_or(false));
}

TEST(ForwardCluster, ANodeIsReachedFromEveryServer) {
  test_cluster c(3);
  c.start_all();
  size_t leader = c.leader();
  size_t near = (leader + 1) % 3;
  far_node node(c.loop, "11111111-2222-3333-4444-555555555555");
  auto joined = node.join(c, near);
  ASSERT_TRUE(joined) << joined.error().text();
  EXPECT_EQ(joined->servers.size(), 3u);
  EXPECT_EQ(joined->leader_rpc_addr, test_cluster::address(c.at_place(leader).rpc_port));
  EXPECT_GT(joined->heartbeat_ttl, seconds(9));
  for (size_t i = 0; i < 3; ++i) {
    auto stats = node.stats_through(c, i);
    EXPECT_TRUE(stats) << "through " << i << ": " << stats.error().text();
  }
  EXPECT_EQ(node.asked, 3);

  // Somebody else with its id.
  far_node impostor(c.loop, node.id);
  auto refused = impostor.join(c, leader, "00000000-2222-3333-4444-555555555555");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text().find("node secret ID does not match"), std::string::npos);

  // A copy of it, with its secret, on another machine, while it answers.
  far_node copy(c.loop, node.id);
  copy.http_addr = "10.0.0.2:4646";
  for (size_t i = 0; i < 3; ++i) {
    refused = copy.join(c, i);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().text().find("belongs to the agent at 10.0.0.1:4646"), std::string::npos) << refused.error().text();
  }

  // It moves to another server, then goes.
  ASSERT_TRUE(node.join(c, leader));
  c.run(node.pool->stop());
  EXPECT_TRUE(c.wait_until([&] {
    auto stats = node.stats_through(c, (leader + 2) % 3);
    return !stats && stats.error().text().find("No path to node") != std::string::npos;
  }));
  // Now the copy may be the node: so does one that comes back with another address.
  auto back = copy.join(c, leader);
  EXPECT_TRUE(back) << back.error().text();
  c.run(copy.pool->stop());
  c.run(impostor.pool->stop());
}

}  // namespace
}  // namespace drover::server
