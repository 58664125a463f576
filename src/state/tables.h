// The tables and their indexes, as data: what a table holds, how its records are keyed, which further orders of them are kept.
//
// Also the typed generic access that snapshot's named functions are built on: find<table::csi_volumes>(snapshot, {ns, id}).
// Pure; any thread.
#pragma once

#include <span>

#include "schema/acl.h"
#include "schema/alloc.h"
#include "schema/eval.h"
#include "schema/job.h"
#include "schema/node.h"
#include "schema/operator_rpc.h"
#include "schema/volume.h"
#include "state/records.h"
#include "state/snapshot.h"
#include "state/tree.h"

namespace drover::state {

constexpr size_t table_count = static_cast<size_t>(table::count_);

// The record of each table and, in comments, its key parts; the parts are also what watches name.
template <table T>
struct table_record;
#define DROVER_TABLE(name, ...)      \
  template <>                        \
  struct table_record<table::name> { \
    using type = __VA_ARGS__;        \
  }
DROVER_TABLE(jobs, schema::job);                                         // namespace, id
DROVER_TABLE(job_versions, schema::job);                                 // namespace, id, version
DROVER_TABLE(job_summaries, schema::job_summary);                        // namespace, job
DROVER_TABLE(job_submissions, schema::job_submission);                   // namespace, job, version
DROVER_TABLE(evals, schema::evaluation);                                 // id
DROVER_TABLE(allocs, schema::allocation);                                // id
DROVER_TABLE(nodes, schema::node);                                       // id
DROVER_TABLE(node_pools, schema::node_pool);                             // name
DROVER_TABLE(namespaces, schema::namespace_definition);                  // name
DROVER_TABLE(deployments, schema::deployment);                           // id
DROVER_TABLE(services, schema::service_registration);                    // id
DROVER_TABLE(scaling_policies, schema::scaling_policy);                  // id
DROVER_TABLE(scaling_events, job_scaling_events);                        // namespace, job
DROVER_TABLE(periodic_launches, periodic_launch);                        // namespace, job
DROVER_TABLE(variables, sealed_variable);                                // namespace, path
DROVER_TABLE(root_keys, root_key);                                       // key id
DROVER_TABLE(acl_policies, schema::acl_policy);                          // name
DROVER_TABLE(acl_tokens, schema::acl_token);                             // accessor id
DROVER_TABLE(acl_roles, schema::acl_role);                               // id
DROVER_TABLE(acl_auth_methods, schema::acl_auth_method);                 // name
DROVER_TABLE(acl_binding_rules, schema::acl_binding_rule);               // id
DROVER_TABLE(one_time_tokens, schema::one_time_token);                   // one-time secret
DROVER_TABLE(csi_volumes, schema::csi_volume);                           // namespace, id
DROVER_TABLE(csi_plugins, schema::csi_plugin);                           // id
DROVER_TABLE(host_volumes, schema::host_volume);                         // namespace, id
DROVER_TABLE(scheduler_config, schema::scheduler_configuration);         // (one record)
DROVER_TABLE(autopilot_config, schema::autopilot_config);                // (one record)
DROVER_TABLE(cluster_metadata, state::cluster_metadata);                 // (one record)
DROVER_TABLE(quotas, schema::quota_spec);                                // name
DROVER_TABLE(host_volume_claims, schema::task_group_host_volume_claim);  // namespace, id
#undef DROVER_TABLE
template <table T>
using record_of = typename table_record<T>::type;

// A tree of a snapshot: every table's own order first (same number as the table), then the further orders.
enum class tree_id : uint8_t {
  jobs_by_parent = static_cast<uint8_t>(table::count_),  // namespace, parent, id
  jobs_by_pool,                                          // pool, namespace, id
  evals_by_job,                                          // namespace, job, id
  allocs_by_job,                                         // namespace, job, id
  allocs_by_node,                                        // node, "", id
  allocs_by_eval,                                        // eval, "", id
  allocs_by_deployment,                                  // deployment, "", id
  nodes_by_pool,                                         // pool, "", id
  deployments_by_job,                                    // namespace, job, id
  services_by_name,                                      // namespace, name, id
  services_by_alloc,                                     // alloc, "", id
  services_by_job,                                       // namespace, job, id
  services_by_node,                                      // node, "", id
  scaling_policies_by_job,                               // namespace, job, id
  acl_tokens_by_secret,                                  // secret
  acl_roles_by_name,                                     // name
  variables_by_key,                                      // key id, namespace, path
  csi_volumes_by_plugin,                                 // plugin, namespace, id
  host_volumes_by_node,                                  // node, namespace, id
  nodes_by_secret,                                       // secret
  namespaces_by_quota,                                   // quota, name
  host_volume_claims_by_job,                             // namespace, job, id
  count_,
};
constexpr size_t tree_count = static_cast<size_t>(tree_id::count_);
constexpr tree_id tree_of(table t) { return static_cast<tree_id>(t); }

struct tree_definition {
  table of = table::count_;
  tree_order order;
  // Null: every record of the table is a member.
  bool (*has)(const void* record) = nullptr;
};
const tree_definition& definition(tree_id id);
// The trees of a table, its own first.
std::span<const tree_id> trees_of(table t);

// For code that walks all tables (saving, restoring, counting).
struct table_definition {
  std::string_view name;
  schema::type_getter type = nullptr;
  std::shared_ptr<void> (*make)() = nullptr;  // a new default record
};
const table_definition& definition(table t);

// What a snapshot points to. Immutable once published.
struct root {
  uint64_t index = 0;
  std::array<uint64_t, table_count> table_indexes{};
  std::array<tree, tree_count> trees;
};

// The key's parts that are given in full, and the beginning of the next one: {"default", "we"} with parts = 1 is every job of namespace
// default whose id begins with "we".
struct key_prefix {
  table_key key;
  int parts = 0;
  bool matches(const table_key& other) const;
};
inline key_prefix within(std::string_view a, std::string_view b_prefix = {}) { return {{a, b_prefix, {}, 0}, 1}; }
inline key_prefix within2(std::string_view a, std::string_view b, std::string_view c_prefix = {}) { return {{a, b, c_prefix, 0}, 2}; }
inline key_prefix starting(std::string_view a_prefix) { return {{a_prefix, {}, {}, 0}, 0}; }

// Visits what matches, in the tree's order; each(const entry&) returns false to stop. Requires for grouped trees: two full parts.
bool visit_tree(const root& r, tree_id id, const key_prefix& prefix, const std::function<bool(const entry&)>& each);

template <table T>
ref<record_of<T>> find(const snapshot& s, const table_key& key) {
  const auto* found = s.content().trees[static_cast<size_t>(T)].find(definition(tree_of(T)).order, key);
  return found ? std::static_pointer_cast<const record_of<T>>(*found) : nullptr;
}
// `id` may be the table's own tree or one of its further orders.
template <table T>
bool visit(const snapshot& s, tree_id id, const key_prefix& prefix, const visitor<record_of<T>>& each) {
  return visit_tree(s.content(), id, prefix, [&](const entry& e) { return each(std::static_pointer_cast<const record_of<T>>(e)); });
}
template <table T>
bool visit(const snapshot& s, const key_prefix& prefix, const visitor<record_of<T>>& each) {
  return visit<T>(s, tree_of(T), prefix, each);
}
template <table T>
std::vector<ref<record_of<T>>> collect(const snapshot& s, tree_id id, const key_prefix& prefix) {
  std::vector<ref<record_of<T>>> out;
  visit<T>(s, id, prefix, [&](const auto& record) {
    out.push_back(record);
    return true;
  });
  return out;
}
inline uint64_t count(const snapshot& s, table t) { return s.content().trees[static_cast<size_t>(t)].size(); }

}  // namespace drover::state
