#include "server/identities.h"

#include <gtest/gtest.h>

#include "codec/json.h"
#include "server/variable_rules.h"

namespace drover::server {
namespace {

const token_stamp stamp{timestamp(1'700'000'000'000'000'000), "jti-1"};

struct claims_world : ::testing::Test {
  schema::job job;
  schema::allocation alloc;
  schema::namespace_definition definition;
  schema::node node;
  schema::task task;
  claims_world() {
    job.id = "web/dispatch-1";
    job.parent_id = "web";
    job.region = "global";
    job.namespace_ = "default";
    job.meta["team"] = "ops";
    auto& group = job.task_groups.emplace_back();
    group.name = "g";
    task.name = "main";
    alloc.id = "alloc-1";
    alloc.namespace_ = "default";
    alloc.task_group = "g";
    node.id = "node-1";
    node.node_pool = "gpu";
    node.datacenter = "dc1";
  }
  workload of() { return {.job = job, .alloc = alloc, .definition = &definition, .node = &node}; }
};

TEST_F(claims_world, of_a_task) {
  EXPECT_EQ(codec::value_to_json(task_claims(of(), task, nullptr, stamp)),
            R"({"sub":"global:default:web:g:main:default","aud":["nomadproject.io"],"nbf":1700000000,"iat":1700000000,"jti":"jti-1",)"
            R"("nomad_namespace":"default","nomad_job_id":"web","nomad_allocation_id":"alloc-1","nomad_task":"main"})");
  schema::workload_identity vault;
  vault.name = "vault_default";
  vault.audience = {"vault.io"};
  vault.ttl = hours(1);
  vault.extra_claims = {"optional"};
  definition.required_extra_claims["required"] = "${job.id}-${job.meta.team}-${unknown}-${node.pool";
  definition.optional_extra_claims = {{"optional", "${task.name}@${alloc.id}"}, {"not_asked", "x"}};
  task.vault.emplace();
  task.vault->role = "reader";
  EXPECT_EQ(codec::value_to_json(task_claims(of(), task, &vault, stamp)),
            R"({"sub":"global:default:web:g:main:vault_default","aud":["vault.io"],"exp":1700003600,"nbf":1700000000,"iat":1700000000,"jti":"jti-1",)"
            R"("nomad_namespace":"default","nomad_job_id":"web","nomad_allocation_id":"alloc-1","nomad_task":"main","vault_role":"reader",)"
            R"("extra_claims":{"optional":"main@alloc-1","required":"web-ops-${unknown}-${node.pool"}})");
}

TEST_F(claims_world, of_a_service_and_of_nodes) {
  schema::service service;
  service.name = "web-${NOMAD_ALLOC_INDEX}";
  service.identity.emplace();
  service.identity->name = "consul-service_web-http";
  service.identity->audience = {"consul.io"};
  auto shown = codec::value_to_json(service_claims(of(), service, nullptr, "web-0", stamp));
  EXPECT_NE(shown.find(R"("nomad_service":"web-0")"), std::string::npos) << shown;
  EXPECT_EQ(shown.find("nomad_task"), std::string::npos) << shown;
  EXPECT_EQ(codec::value_to_json(node_claims(node, "global", hours(24), stamp)),
            R"({"sub":"node:global:gpu:node-1:default","aud":["nomadproject.io"],"exp":1700086400,"nbf":1700000000,"iat":1700000000,"jti":"jti-1",)"
            R"("nomad_node_id":"node-1","nomad_node_pool":"gpu","nomad_node_datacenter":"dc1"})");
  EXPECT_EQ(codec::value_to_json(introduction_claims("", "gpu", "global", minutes(5), stamp)),
            R"({"sub":"node-introduction:global:gpu::default","aud":["nomadproject.io"],"exp":1700000300,"nbf":1700000000,"iat":1700000000,"jti":"jti-1",)"
            R"("nomad_node_pool":"gpu","nomad_node_name":""})");
}

TEST(variable_rules, paths) {
  for (const char* good : {"a", "a/b~c_d-e/F9", "nomad/jobs", "nomad/jobs/web/g/t", "nomad/sentinel/x", "nomad/job-templates/a", "/a", "nomads/x"})
    EXPECT_TRUE(check_variable_path(good).has_value()) << good;
  for (const char* bad : {"", "a.b", "a b", "a@b", "nomad", "nomad/", "nomad/x", "nomad/job-templates", "nomad/job-templates/a/b", "\xc3\xa4"})
    EXPECT_FALSE(check_variable_path(bad).has_value()) << bad;
  EXPECT_TRUE(check_variable_path(std::string(128, 'x')).has_value());
  EXPECT_FALSE(check_variable_path(std::string(129, 'x')).has_value());
}

TEST(variable_rules, sizes_and_locks) {
  schema::variable v;
  v.path = "p";
  EXPECT_FALSE(check_variable(v, false).has_value());
  EXPECT_TRUE(check_variable(v, true).has_value());
  v.items["key"] = std::string(65'533, 'x');
  EXPECT_TRUE(check_variable(v, false).has_value());
  v.items["key"] += "x";
  EXPECT_EQ(check_variable(v, false).error().message(), "variables are limited to 64KiB in total size; this one has 65537 bytes");
  schema::variable_lock lock;
  complete_lock(lock);
  EXPECT_EQ(lock.ttl, seconds(15));
  EXPECT_EQ(lock.lock_delay, seconds(15));
  EXPECT_TRUE(check_lock(lock).has_value());
  lock.ttl = seconds(9);
  EXPECT_EQ(check_lock(lock).error().message(), "TTL must be between 10 seconds and 24 hours");
  lock.ttl = seconds(10);
  lock.lock_delay = seconds(-1);
  EXPECT_EQ(check_lock(lock).error().message(), "Lock delay and TTL must be positive");
}

}  // namespace
}  // namespace drover::server
