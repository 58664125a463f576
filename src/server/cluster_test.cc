// Clusters of several servers over real sockets: forming, electing, replicating, losing and gaining members.
#include <gtest/gtest.h>

#include "server/test_cluster.h"

namespace drover::server {
namespace {

using testing::test_cluster;

// Writes something that any server's state shows; the name is the proof.
result<> write(test_cluster& c, size_t i, const std::string& name) {
  schema::namespace_upsert_request request;
  auto ns = std::make_shared<schema::namespace_definition>();
  ns->name = name;
  request.namespaces = {ns};
  auto done = c.call<schema::generic_response>(i, "Namespace.UpsertNamespaces", request);
  if (!done) return std::unexpected(done.error());
  return {};
}

bool has(test_cluster& c, size_t i, const std::string& name) { return c.at(i).state().namespace_named(name) != nullptr; }

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

}  // namespace
}  // namespace drover::server
