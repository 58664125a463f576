#include "fsm/fixture.h"

namespace drover::fsm::test {
namespace {

using enum command_type;

template <class T>
ref<T> shared(T record) {
  return std::make_shared<const T>(std::move(record));
}

TEST(config, scheduler_and_autopilot_check_and_set) {
  cluster c;
  schema::scheduler_set_config_request request;
  request.config.scheduler_algorithm = "spread";
  request.cas = true;
  request.config.modify_index = 99;
  auto outcome = c.try_apply<scheduler_config>(request);
  EXPECT_FALSE(std::any_cast<bool>(*outcome));
  EXPECT_EQ(c.now().scheduler_config()->scheduler_algorithm, "binpack");
  request.config.modify_index = 0;
  EXPECT_TRUE(std::any_cast<bool>(*c.try_apply<scheduler_config>(request)));
  EXPECT_EQ(c.now().scheduler_config()->scheduler_algorithm, "spread");
  EXPECT_EQ(c.now().scheduler_config()->modify_index, c.index);
  request.config.modify_index = c.index;
  EXPECT_TRUE(std::any_cast<bool>(*c.try_apply<scheduler_config>(request)));
  schema::autopilot_set_config_request autopilot;
  autopilot.config.min_quorum = 3;
  EXPECT_TRUE(std::any_cast<bool>(*c.try_apply<autopilot_config>(autopilot)));
  EXPECT_EQ(state::find<table::autopilot_config>(c.now(), {})->min_quorum, 3u);
}

TEST(config, the_first_cluster_id_stays) {
  cluster c;
  c.apply<cluster_metadata>({.cluster_id = "one", .create_time = t0});
  c.apply<cluster_metadata>({.cluster_id = "two", .create_time = t0});
  EXPECT_EQ(c.now().cluster_id(), "one");
}

TEST(namespaces, are_made_and_leave_when_empty) {
  cluster c;
  EXPECT_NE(c.now().namespace_named("default"), nullptr);
  EXPECT_EQ(c.now().index(), 0u);
  schema::namespace_definition ns;
  ns.name = "team";
  c.apply<namespace_upsert>({{}, {shared(ns)}});
  auto job = make_job("web");
  job.namespace_ = "team";
  c.apply<job_register>(registration(job));
  EXPECT_EQ(c.refusal<namespace_delete>({{}, {"team"}}), "namespace \"team\" has at least one non-terminal job \"web\"");
  schema::job_deregister_request purge;
  purge.job_id = "web";
  purge.namespace_ = "team";
  purge.purge = true;
  c.apply<job_deregister>(purge);
  variable_apply_request set;
  set.op = "set";
  set.var.namespace_ = "team";
  set.var.path = "p";
  c.apply<variable_apply>(set);
  EXPECT_EQ(c.refusal<namespace_delete>({{}, {"team"}}), "namespace \"team\" has at least one variable");
  set.op = "delete";
  c.apply<variable_apply>(set);
  c.apply<namespace_delete>({{}, {"team"}});
  EXPECT_EQ(c.now().namespace_named("team"), nullptr);
  EXPECT_EQ(c.refusal<namespace_delete>({{}, {"team"}}), "namespace \"team\" not found");
  EXPECT_EQ(c.refusal<namespace_delete>({{}, {"default"}}), "default namespace can not be deleted");
}

TEST(services, come_and_go_by_id_and_node) {
  cluster c;
  schema::service_registration web{.id = "_s1", .service_name = "web", .namespace_ = "default", .node_id = "n1"};
  web.alloc_id = "a1";
  auto db = web;
  db.id = "_s2";
  db.service_name = "db";
  auto other = web;
  other.id = "_s3";
  other.node_id = "n2";
  c.apply<service_upsert>({{}, {shared(web), shared(db), shared(other)}});
  const auto created = c.index;
  c.apply<service_upsert>({{}, {shared(web)}});
  EXPECT_EQ(state::find<table::services>(c.now(), {"_s1", {}, {}})->create_index, created);
  EXPECT_EQ(c.now().services_by_alloc("a1").size(), 3u);
  int webs = 0;
  c.now().visit_services("default", "web", [&](const auto&) { return ++webs > 0; });
  EXPECT_EQ(webs, 2);
  schema::service_registration_delete_by_id_request by_id;
  by_id.id = "_s3";
  by_id.namespace_ = "elsewhere";
  EXPECT_EQ(c.refusal<service_delete_by_id>(by_id), "service registration not found");
  by_id.namespace_ = "";
  c.apply<service_delete_by_id>(by_id);
  c.apply<service_delete_by_node>({{}, "n1"});
  EXPECT_EQ(state::count(c.now(), table::services), 0u);
}

TEST(services, go_with_the_end_of_their_allocation_and_with_their_node) {
  cluster c;
  auto alloc = [](std::string id, std::string status) {
    auto job = std::make_shared<schema::job>();
    job->id = job->name = "web";
    job->namespace_ = "default";
    job->task_groups.emplace_back().name = "web";
    schema::allocation a;
    a.id = std::move(id);
    a.namespace_ = "default";
    a.job_id = "web";
    a.task_group = "web";
    a.node_id = "n1";
    a.client_status = std::move(status);
    a.desired_status = "run";
    a.job = job;
    return a;
  };
  apply_plan_results_request plan;
  for (auto id : {"a1", "a2", "a3"}) plan.allocs_updated.push_back(shared(alloc(id, "running")));
  c.apply<apply_plan_results>(plan);
  auto service = [](std::string alloc_id) {
    schema::service_registration s{.id = "_" + alloc_id, .service_name = "web", .namespace_ = "default", .node_id = "n1"};
    s.alloc_id = std::move(alloc_id);
    return shared(s);
  };
  c.apply<service_upsert>({{}, {service("a1"), service("a2"), service("a3")}});
  c.apply<alloc_client_update>({{}, {shared(alloc("a1", "failed"))}, {}});
  EXPECT_TRUE(c.now().services_by_alloc("a1").empty());
  c.apply<service_upsert>({{}, {service("a1")}});
  EXPECT_TRUE(c.now().services_by_alloc("a1").empty()) << "a node that speaks late does not bring it back";
  schema::eval_reap_request reap;
  reap.allocs = {"a2"};
  c.apply<eval_delete>(reap);
  EXPECT_TRUE(c.now().services_by_alloc("a2").empty());
  schema::node node;
  node.id = "n1";
  schema::node_register_request registration;
  registration.node = shared(node);
  c.apply<node_register>(registration);
  EXPECT_EQ(state::count(c.now(), table::services), 1u);
  schema::node_deregister_request gone;
  gone.node_id = "n1";
  c.apply<node_deregister>(gone);
  EXPECT_EQ(state::count(c.now(), table::services), 0u);
}

TEST(acl, records_are_stored_and_erased) {
  cluster c;
  c.apply<acl_policy_upsert>({{}, {shared(schema::acl_policy{.name = "read"})}});
  c.apply<acl_role_upsert>({{}, {shared(schema::acl_role{.id = "r1", .name = "ops"})}, false});
  c.apply<acl_auth_method_upsert>({{}, {shared(schema::acl_auth_method{.name = "oidc"})}});
  c.apply<acl_binding_rule_upsert>({{}, {shared(schema::acl_binding_rule{.id = "b1"})}, false});
  c.apply<acl_token_upsert>({{}, {shared(schema::acl_token{.accessor_id = "t1", .secret_id = "s1", .create_time = timestamp(t0)})}});
  c.apply<acl_token_upsert>({{}, {shared(schema::acl_token{.accessor_id = "t1", .name = "renamed"})}});
  const auto token = state::find<table::acl_tokens>(c.now(), {"t1", {}, {}});
  EXPECT_EQ(token->secret_id, "s1");
  EXPECT_EQ(token->create_time.ns, t0);
  EXPECT_EQ(state::collect<table::acl_tokens>(c.now(), state::tree_id::acl_tokens_by_secret, state::within2("s1", {})).size(), 1u);
  EXPECT_EQ(state::collect<table::acl_roles>(c.now(), state::tree_id::acl_roles_by_name, state::within("ops")).size(), 1u);
  c.apply<acl_policy_delete>({{}, {"read", "never"}});
  c.apply<acl_role_delete>({{}, {"r1"}});
  c.apply<acl_auth_method_delete>({{}, {"oidc"}});
  c.apply<acl_binding_rule_delete>({{}, {"b1"}});
  c.apply<acl_token_delete>({{}, {"t1"}});
  for (auto t : {table::acl_policies, table::acl_roles, table::acl_auth_methods, table::acl_binding_rules, table::acl_tokens}) {
    EXPECT_EQ(state::count(c.now(), t), 0u);
    EXPECT_GT(c.now().index(t), 0u);
  }
}

TEST(acl, bootstraps_once_and_again_with_the_reset_index) {
  cluster c;
  schema::acl_token_bootstrap_request request;
  request.token = shared(schema::acl_token{.accessor_id = "t1", .type = "management"});
  c.apply<acl_token_bootstrap>(request);
  const auto done = c.index;
  request.token = shared(schema::acl_token{.accessor_id = "t2", .type = "management"});
  EXPECT_EQ(c.refusal<acl_token_bootstrap>(request), fmt::format("ACL bootstrap already done (reset index: {})", done));
  request.reset_index = done;
  c.apply<acl_token_bootstrap>(request);
  EXPECT_EQ(state::count(c.now(), table::acl_tokens), 2u);
}

TEST(one_time_tokens, expire) {
  cluster c;
  for (int i = 0; i < 3; i++) {
    one_time_token_put_request request;
    request.token.one_time_secret_id = std::to_string(i);
    request.token.expires_at = timestamp(t0 + i);
    c.apply<one_time_token_upsert>(request);
  }
  schema::one_time_token_expire_request expire;
  expire.timestamp = timestamp(t0 + 1);
  c.apply<one_time_token_expire>(expire);
  EXPECT_EQ(state::count(c.now(), table::one_time_tokens), 1u);
  c.apply<one_time_token_delete>({{}, {"2"}});
  EXPECT_EQ(state::count(c.now(), table::one_time_tokens), 0u);
}

TEST(volumes, are_stored_and_erased) {
  cluster c;
  schema::csi_volume volume;
  volume.id = "v";
  volume.plugin_id = "ebs";
  volume.write_claims["a"] = {};
  schema::csi_volume_register_request request;
  request.volumes.push_back(shared(volume));
  request.timestamp = t0;
  c.apply<csi_volume_register>(request);
  EXPECT_EQ(state::find<table::csi_volumes>(c.now(), {"default", "v", {}})->create_time, t0);
  EXPECT_EQ(c.refusal<csi_volume_deregister>({{}, {"v"}, false}), "volume in use: v");
  c.apply<csi_volume_deregister>({{}, {"v"}, true});
  EXPECT_EQ(c.refusal<csi_volume_deregister>({{}, {"v"}, true}), "volume not found: v");
  schema::host_volume_register_request host;
  host.volume = shared(schema::host_volume{.id = "h"});
  c.apply<host_volume_register>(host);
  c.apply<host_volume_delete>({{}, "h", false});
  EXPECT_EQ(c.refusal<host_volume_delete>({{}, "h", false}), "host volume \"h\" not found");
}

}  // namespace
}  // namespace drover::fsm::test
