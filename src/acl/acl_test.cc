#include "acl/acl.h"

#include <gtest/gtest.h>

namespace drover::acl {
namespace {

policy must(const std::string& rules) {
  auto made = parse_policy("test", rules);
  EXPECT_TRUE(made) << (made ? "" : made.error().text());
  return made ? *made : policy{};
}

acl of(std::initializer_list<std::string> texts) {
  std::vector<policy> policies;
  for (const auto& text : texts) policies.push_back(must(text));
  return acl(policies);
}

TEST(Capability, EveryNameIsFoundAgain) {
  for (size_t i = 0; i < static_cast<size_t>(capability::count_); ++i) {
    auto c = static_cast<capability>(i);
    EXPECT_FALSE(name(c).empty());
    EXPECT_EQ(capability_named(name(c)), c);
  }
  EXPECT_FALSE(capability_named("deny"));
}

TEST(Policy, CoarseWordsStandForTheirCapabilities) {
  auto reader = of({R"(namespace "default" { policy = "read" })"});
  EXPECT_TRUE(reader.allows("default", capability::read_job));
  EXPECT_TRUE(reader.allows("default", capability::host_volume_read));
  EXPECT_FALSE(reader.allows("default", capability::submit_job));
  EXPECT_FALSE(reader.allows("other", capability::read_job));
  auto writer = of({R"(namespace "default" { policy = "write" })"});
  EXPECT_TRUE(writer.allows("default", capability::read_job));
  EXPECT_TRUE(writer.allows("default", capability::alloc_exec));
  EXPECT_FALSE(writer.allows("default", capability::alloc_node_exec));
  EXPECT_FALSE(writer.allows("default", capability::register_job));
  auto scaler = of({R"(namespace "default" { policy = "scale" })"});
  EXPECT_TRUE(scaler.allows("default", capability::scale_job));
  EXPECT_FALSE(scaler.allows("default", capability::list_jobs));
}

TEST(Policy, CapabilitiesBringTheirLesserOnes) {
  auto one = of({R"(namespace "a" { capabilities = ["host-volume-write"] })"});
  EXPECT_TRUE(one.allows("a", capability::host_volume_delete));
  EXPECT_TRUE(one.allows("a", capability::host_volume_read));
  auto two = of({R"(namespace "a" { capabilities = ["host-volume-register"] })"});
  EXPECT_TRUE(two.allows("a", capability::host_volume_create));
  EXPECT_FALSE(two.allows("a", capability::host_volume_delete));
}

TEST(Policy, JsonMeansTheSame) {
  auto one = of({R"({"namespace": {"default": {"policy": "read"}}, "node": {"policy": "write"}})"});
  EXPECT_TRUE(one.allows("default", capability::read_job));
  EXPECT_TRUE(one.allows_node(level::write));
}

// Policies are HCL1 for Nomad, which needs no line for each argument or block.
TEST(Policy, SeveralBlocksAndArgumentsMayStandOnOneLine) {
  auto one = of({R"(node { policy = "write" } agent { policy = "read" } namespace "a" { policy = "read" capabilities = ["submit-job"] })",
                 R"(namespace "b" { variables { path "x/*" { capabilities = ["write"] } path "y" { capabilities = ["read"] } } })",
                 R"(node_pool "gpu_*" { policy = "read", capabilities = ["write"] })"});
  EXPECT_TRUE(one.allows_node(level::write));
  EXPECT_TRUE(one.allows_agent(level::read));
  EXPECT_TRUE(one.allows("a", capability::submit_job));
  EXPECT_TRUE(one.allows_variable("b", "x/1", variable_capability::write));
  EXPECT_TRUE(one.allows_variable("b", "y", variable_capability::read));
}

TEST(Policy, ProblemsAreSentencesWithPlaces) {
  struct row {
    std::string text, part;
  } rows[] = {
      {R"(namespace "default" { policy = "raed" })", R"(Did you mean "read"?)"},
      {R"(namespace "default" { capabilities = ["submit-jobs"] })", R"(Did you mean "submit-job"?)"},
      {R"(namspace "default" { policy = "read" })", "namspace"},
      {R"(node { policy = "list" })", "\"list\" is not one of"},
      {R"(plugin { policy = "write" })", "\"write\" is not one of"},
      {"", "no rule"},
      {R"(namespace "default" {)", "test:1"},
      {R"(namespace "" { policy = "read" })", "pattern"},
      {R"(namespace "de fault" { policy = "read" })", "\"de fault\" matches no name"},
      {R"(node_pool "a/b" { policy = "read" })", "matches no name"},
      {R"(host_volume "a b" { policy = "read" })", "matches no name"},
      {R"(namespace "default" { variables { path "/app" { capabilities = ["read"] } } })", "begins with a slash"},
      {R"(namespace "default" { variables { } })", "no path"},
  };
  for (const auto& [text, part] : rows) {
    auto made = parse_policy("test", text);
    ASSERT_FALSE(made) << text;
    EXPECT_NE(made.error().text().find(part), std::string::npos) << made.error().text();
  }
  EXPECT_EQ(parse_policy("big", std::string(2 << 20, ' ')).error().code(), errc::too_large);
}

TEST(Acl, TheMostExactPatternCounts) {
  auto one = of({R"(
    namespace "*" { policy = "deny" }
    namespace "prod-*" { policy = "read" }
    namespace "prod-api-*" { policy = "write" }
    namespace "prod-api-secret" { policy = "deny" }
  )"});
  EXPECT_FALSE(one.allows("default", capability::read_job));
  EXPECT_TRUE(one.allows("prod-web", capability::read_job));
  EXPECT_FALSE(one.allows("prod-web", capability::submit_job));
  EXPECT_TRUE(one.allows("prod-api-one", capability::submit_job));
  EXPECT_FALSE(one.allows("prod-api-secret", capability::read_job));
  EXPECT_FALSE(one.sees_namespace("prod-api-secret"));
  EXPECT_TRUE(one.sees_namespace("prod-web"));
}

TEST(Acl, PoliciesAddUpAndDenyWins) {
  auto sum = of({R"(namespace "a" { capabilities = ["read-job"] })", R"(namespace "a" { capabilities = ["submit-job"] })"});
  EXPECT_TRUE(sum.allows("a", capability::read_job));
  EXPECT_TRUE(sum.allows("a", capability::submit_job));
  auto denied = of({R"(namespace "a" { policy = "write" })", R"(namespace "a" { policy = "deny" })"});
  EXPECT_FALSE(denied.allows("a", capability::read_job));
  auto levels = of({R"(node { policy = "write" })", R"(node { policy = "read" })", R"(agent { policy = "write" })", R"(agent { policy = "deny" })"});
  EXPECT_TRUE(levels.allows_node(level::write));
  EXPECT_FALSE(levels.allows_agent(level::read));
}

TEST(Acl, VariablesByPath) {
  auto one = of({R"(
    namespace "default" {
      variables {
        path "*" { capabilities = ["list"] }
        path "app/*" { capabilities = ["read"] }
        path "app/rw/*" { capabilities = ["read", "write", "destroy"] }
        path "app/rw/no" { capabilities = ["deny"] }
      }
    }
  )"});
  using enum variable_capability;
  EXPECT_TRUE(one.allows_variable("default", "x", list));
  EXPECT_FALSE(one.allows_variable("default", "x", read));
  EXPECT_TRUE(one.allows_variable("default", "app/a", read));
  EXPECT_TRUE(one.allows_variable("default", "app/a", list));
  EXPECT_TRUE(one.allows_variable("default", "app/rw/a", destroy));
  EXPECT_FALSE(one.allows_variable("default", "app/rw/no", list));
  EXPECT_FALSE(one.allows_variable("other", "x", list));
  EXPECT_TRUE(one.sees_variables("default"));
  EXPECT_FALSE(one.sees_variables("other"));
}

TEST(Acl, OtherObjects) {
  auto one = of({R"(
    node_pool "gpu-*" { policy = "write" }
    node_pool "other" { capabilities = ["read"] }
    host_volume "data" { policy = "read" }
    operator { capabilities = ["snapshot-save"] }
    quota { policy = "read" }
    plugin { policy = "list" }
  )"});
  EXPECT_TRUE(one.allows_pool("gpu-a", pool_capability::delete_));
  EXPECT_FALSE(one.allows_pool("other", pool_capability::write));
  EXPECT_TRUE(one.sees_pool("other"));
  EXPECT_FALSE(one.sees_pool("default"));
  EXPECT_TRUE(one.allows_volume("data", volume_capability::mount_readonly));
  EXPECT_FALSE(one.allows_volume("data", volume_capability::mount_readwrite));
  EXPECT_TRUE(one.allows_operator(operator_capability::snapshot_save));
  EXPECT_FALSE(one.allows_operator(level::read));
  EXPECT_TRUE(one.allows_quota(level::read));
  EXPECT_FALSE(one.allows_quota(level::write));
  EXPECT_TRUE(one.allows_plugin(level::list));
  EXPECT_FALSE(one.allows_plugin(level::read));
}

TEST(Acl, ManagementAndNobody) {
  EXPECT_TRUE(acl::management()->allows("any", capability::submit_job));
  EXPECT_TRUE(acl::management()->allows_operator(level::write));
  EXPECT_TRUE(acl::management()->allows_variable("any", "a", variable_capability::destroy));
  EXPECT_FALSE(acl::nobody()->allows("any", capability::read_job));
  EXPECT_FALSE(acl::nobody()->allows_agent(level::read));
}

TEST(Acl, AWorkloadReadsItsOwnVariables) {
  std::vector<policy> own{workload_policy("default", "web", "cache", "redis")};
  acl one(own);
  for (auto path : {"nomad/jobs", "nomad/jobs/web", "nomad/jobs/web/cache", "nomad/jobs/web/cache/redis"})
    EXPECT_TRUE(one.allows_variable("default", path, variable_capability::read)) << path;
  EXPECT_FALSE(one.allows_variable("default", "nomad/jobs/other", variable_capability::read));
  EXPECT_FALSE(one.allows_variable("other", "nomad/jobs/web", variable_capability::read));
  EXPECT_FALSE(one.allows_variable("default", "nomad/jobs/web", variable_capability::write));
}

}  // namespace
}  // namespace drover::acl
