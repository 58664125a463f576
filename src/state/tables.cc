#include "state/tables.h"

#include "base/ensure.h"

namespace drover::state {

namespace {

using namespace schema;

template <class T, table_key (*F)(const T&)>
table_key erased_key(const void* record) {
  return F(*static_cast<const T*>(record));
}
template <class T, bool (*F)(const T&)>
bool erased_has(const void* record) {
  return F(*static_cast<const T*>(record));
}

std::string_view entry_of(const std::map<std::string, std::string>& map, const char* key) {
  auto it = map.find(key);
  return it == map.end() ? std::string_view() : std::string_view(it->second);
}

template <table T, table_key (*F)(const record_of<T>&)>
constexpr tree_definition own() {
  return {T, {&erased_key<record_of<T>, F>, false}, nullptr};
}
// For keys that are secrets.
template <table T, table_key (*F)(const record_of<T>&)>
constexpr tree_definition own_hashed() {
  return {T, {&erased_key<record_of<T>, F>, true}, nullptr};
}
template <table T, table_key (*F)(const record_of<T>&)>
constexpr tree_definition ordered() {
  return {T, {&erased_key<record_of<T>, F>, false}, nullptr};
}
template <table T, table_key (*F)(const record_of<T>&)>
constexpr tree_definition grouped() {
  return {T, {&erased_key<record_of<T>, F>, true}, nullptr};
}
template <table T, table_key (*F)(const record_of<T>&), bool (*Has)(const record_of<T>&)>
constexpr tree_definition grouped_if() {
  return {T, {&erased_key<record_of<T>, F>, true}, &erased_has<record_of<T>, Has>};
}

#define KEY(type, ...) [](const type& r) -> table_key { return __VA_ARGS__; }
#define WHERE(type, ...) [](const type& r) -> bool { return __VA_ARGS__; }

// In the order of enum table, then of enum tree_id.
constexpr std::array<tree_definition, tree_count> tree_definitions = {
    own<table::jobs, KEY(job, {r.namespace_, r.id, {}})>(),
    own<table::job_versions, KEY(job, {r.namespace_, r.id, {}, r.version})>(),
    own<table::job_summaries, KEY(job_summary, {r.namespace_, r.job_id, {}})>(),
    own<table::job_submissions, KEY(job_submission, {r.namespace_, r.job_id, {}, r.version})>(),
    own<table::evals, KEY(evaluation, {r.id, {}, {}})>(),
    own<table::allocs, KEY(allocation, {r.id, {}, {}})>(),
    own<table::nodes, KEY(node, {r.id, {}, {}})>(),
    own<table::node_pools, KEY(node_pool, {r.name, {}, {}})>(),
    own<table::namespaces, KEY(namespace_definition, {r.name, {}, {}})>(),
    own<table::deployments, KEY(deployment, {r.id, {}, {}})>(),
    own<table::services, KEY(service_registration, {r.id, {}, {}})>(),
    own<table::scaling_policies, KEY(scaling_policy, {r.id, {}, {}})>(),
    own<table::scaling_events, KEY(job_scaling_events, {r.namespace_, r.job_id, {}})>(),
    own<table::periodic_launches, KEY(periodic_launch, {r.namespace_, r.id, {}})>(),
    own<table::variables, KEY(sealed_variable, {r.namespace_, r.path, {}})>(),
    own<table::root_keys, KEY(root_key, {r.key_id, {}, {}})>(),
    own<table::acl_policies, KEY(acl_policy, {r.name, {}, {}})>(),
    own<table::acl_tokens, KEY(acl_token, {r.accessor_id, {}, {}})>(),
    own<table::acl_roles, KEY(acl_role, {r.id, {}, {}})>(),
    own<table::acl_auth_methods, KEY(acl_auth_method, {r.name, {}, {}})>(),
    own<table::acl_binding_rules, KEY(acl_binding_rule, {r.id, {}, {}})>(),
    own_hashed<table::one_time_tokens, KEY(one_time_token, {r.one_time_secret_id, {}, {}})>(),
    own<table::csi_volumes, KEY(csi_volume, {r.namespace_, r.id, {}})>(),
    own<table::csi_plugins, KEY(csi_plugin, {r.id, {}, {}})>(),
    own<table::host_volumes, KEY(host_volume, {r.namespace_, r.id, {}})>(),
    own<table::scheduler_config, KEY(scheduler_configuration, (static_cast<void>(r), table_key{}))>(),
    own<table::autopilot_config, KEY(schema::autopilot_config, (static_cast<void>(r), table_key{}))>(),
    own<table::cluster_metadata, KEY(state::cluster_metadata, (static_cast<void>(r), table_key{}))>(),
    own<table::quotas, KEY(quota_spec, {r.name, {}, {}})>(),
    own<table::host_volume_claims, KEY(task_group_host_volume_claim, {r.namespace_, r.id, {}})>(),

    grouped_if<table::jobs, KEY(job, {r.namespace_, r.parent_id, r.id}), WHERE(job, !r.parent_id.empty())>(),
    ordered<table::jobs, KEY(job, {r.node_pool, r.namespace_, r.id})>(),
    grouped<table::evals, KEY(evaluation, {r.namespace_, r.job_id, r.id})>(),
    grouped<table::allocs, KEY(allocation, {r.namespace_, r.job_id, r.id})>(),
    grouped<table::allocs, KEY(allocation, {r.node_id, {}, r.id})>(),
    grouped<table::allocs, KEY(allocation, {r.eval_id, {}, r.id})>(),
    grouped_if<table::allocs, KEY(allocation, {r.deployment_id, {}, r.id}), WHERE(allocation, !r.deployment_id.empty())>(),
    ordered<table::nodes, KEY(node, {r.node_pool, {}, r.id})>(),
    grouped<table::deployments, KEY(deployment, {r.namespace_, r.job_id, r.id})>(),
    ordered<table::services, KEY(service_registration, {r.namespace_, r.service_name, r.id})>(),
    grouped<table::services, KEY(service_registration, {r.alloc_id, {}, r.id})>(),
    grouped<table::services, KEY(service_registration, {r.namespace_, r.job_id, r.id})>(),
    grouped<table::services, KEY(service_registration, {r.node_id, {}, r.id})>(),
    grouped<table::scaling_policies, KEY(scaling_policy, {entry_of(r.target, "Namespace"), entry_of(r.target, "Job"), r.id})>(),
    // By a hash of the secret: how far a guess is right must not show in the time.
    grouped<table::acl_tokens, KEY(acl_token, {r.secret_id, {}, r.accessor_id})>(),
    ordered<table::acl_roles, KEY(acl_role, {r.name, {}, {}})>(),
    ordered<table::variables, KEY(sealed_variable, {r.key_id, r.namespace_, r.path})>(),
    ordered<table::csi_volumes, KEY(csi_volume, {r.plugin_id, r.namespace_, r.id})>(),
    ordered<table::host_volumes, KEY(host_volume, {r.node_id, r.namespace_, r.id})>(),
    grouped<table::nodes, KEY(node, {r.secret_id, {}, r.id})>(),
    ordered<table::namespaces, KEY(namespace_definition, {r.quota, r.name, {}})>(),
    grouped<table::host_volume_claims, KEY(task_group_host_volume_claim, {r.namespace_, r.job_id, r.id})>(),
};

template <table T>
table_definition described(std::string_view name) {
  return {name, &schema::type_of<record_of<T>>, [] -> std::shared_ptr<void> { return std::make_shared<record_of<T>>(); }};
}

std::array<table_definition, table_count> make_definitions() {
  return {
#define TABLE(name) described<table::name>(#name)
      TABLE(jobs),           TABLE(job_versions),      TABLE(job_summaries),     TABLE(job_submissions),  TABLE(evals),        TABLE(allocs),
      TABLE(nodes),          TABLE(node_pools),        TABLE(namespaces),        TABLE(deployments),      TABLE(services),     TABLE(scaling_policies),
      TABLE(scaling_events), TABLE(periodic_launches), TABLE(variables),         TABLE(root_keys),        TABLE(acl_policies), TABLE(acl_tokens),
      TABLE(acl_roles),      TABLE(acl_auth_methods),  TABLE(acl_binding_rules), TABLE(one_time_tokens),  TABLE(csi_volumes),  TABLE(csi_plugins),
      TABLE(host_volumes),   TABLE(scheduler_config),  TABLE(autopilot_config),  TABLE(cluster_metadata), TABLE(quotas),       TABLE(host_volume_claims),
#undef TABLE
  };
}

struct tree_lists {
  std::array<std::vector<tree_id>, table_count> of;
  tree_lists() {
    for (size_t i = 0; i < tree_count; i++) {
      of[static_cast<size_t>(tree_definitions[i].of)].push_back(static_cast<tree_id>(i));
    }
    for (size_t i = 0; i < table_count; i++) {
      ENSURE(!of[i].empty() && of[i][0] == static_cast<tree_id>(i), "a table's own tree has the table's number");
    }
  }
};

}  // namespace

const tree_definition& definition(tree_id id) { return tree_definitions[static_cast<size_t>(id)]; }

std::span<const tree_id> trees_of(table t) {
  static const tree_lists lists;
  return lists.of[static_cast<size_t>(t)];
}

const table_definition& definition(table t) {
  static const std::array<table_definition, table_count> definitions = make_definitions();
  return definitions[static_cast<size_t>(t)];
}

std::string_view name(table t) { return definition(t).name; }

bool key_prefix::matches(const table_key& other) const {
  auto part = [this](int number, std::string_view mine, std::string_view theirs) {
    if (number < parts) return mine == theirs;
    return number > parts || theirs.starts_with(mine);
  };
  return part(0, key.a, other.a) && part(1, key.b, other.b) && part(2, key.c, other.c);
}

bool visit_tree(const root& r, tree_id id, const key_prefix& prefix, const std::function<bool(const entry&)>& each) {
  const auto& order = definition(id).order;
  const auto& content = r.trees[static_cast<size_t>(id)];
  if (prefix.parts == 0 && prefix.key.a.empty()) return content.visit(each);
  if (!order.grouped) {
    bool stopped = false;
    content.visit_from(order, key_digest(order, prefix.key), &prefix.key, [&](const entry& e) {
      if (!prefix.matches(order.key_of(e.get()))) return false;
      stopped = !each(e);
      return !stopped;
    });
    return !stopped;
  }
  ENSURE(prefix.parts >= 2, "a grouped tree is read one group at a time");
  bool stopped = false;
  const auto group = key_digest(order, {prefix.key.a, prefix.key.b, {}}) >> 32;
  content.visit_from(order, group << 32, nullptr, [&](const entry& e) {
    const auto key = order.key_of(e.get());
    if (key_digest(order, key) >> 32 != group) return false;
    // Another group may have the same hash.
    if (prefix.matches(key)) stopped = !each(e);
    return !stopped;
  });
  return !stopped;
}

}  // namespace drover::state
