// A snapshot: the whole replicated state at one Raft index. A pointer copy; immutable; any thread may read it without locks and keep it as
// long as it likes. Lookups that may return many take a visitor that returns false to stop, or return a vector where the answer is small.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string_view>
#include <vector>

#include "schema/acl.h"
#include "schema/alloc.h"
#include "schema/eval.h"
#include "schema/fwd.h"
#include "schema/job.h"
#include "schema/node.h"

namespace drover::state {

using schema::ref;

// Tables, as data: name as Nomad's event topics and metrics have it. The index of a table is the Raft index of its last change.
enum class table : uint8_t {
  jobs,
  job_versions,
  job_summaries,
  job_submissions,
  evals,
  allocs,
  nodes,
  node_pools,
  namespaces,
  deployments,
  services,
  scaling_policies,
  scaling_events,
  periodic_launches,
  variables,
  root_keys,
  acl_policies,
  acl_tokens,
  acl_roles,
  acl_auth_methods,
  acl_binding_rules,
  one_time_tokens,
  csi_volumes,
  csi_plugins,
  host_volumes,
  scheduler_config,
  autopilot_config,
  cluster_metadata,
  quotas,
  host_volume_claims,
  count_,
};
std::string_view name(table t);

template <class T>
using visitor = std::function<bool(const ref<T>&)>;

struct root;

class snapshot {
 public:
  snapshot();  // an empty state at index 0
  explicit snapshot(std::shared_ptr<const root> r) : root_(std::move(r)) {}

  // The Raft index of the last command that is in here.
  uint64_t index() const;
  uint64_t index(table t) const;
  // The highest of several; what a blocking query over them reports.
  uint64_t index(std::initializer_list<table> tables) const;

  // Jobs. A namespace of "*" means every namespace.
  ref<schema::job> job(std::string_view ns, std::string_view id) const;
  ref<schema::job> job_version(std::string_view ns, std::string_view id, uint64_t version) const;
  std::vector<ref<schema::job>> job_versions(std::string_view ns, std::string_view id) const;  // newest first
  ref<schema::job_summary> job_summary(std::string_view ns, std::string_view id) const;
  ref<schema::job_submission> job_submission(std::string_view ns, std::string_view id, uint64_t version) const;
  void visit_jobs(std::string_view ns, std::string_view id_prefix, const visitor<schema::job>& each) const;
  std::vector<ref<schema::job>> child_jobs(std::string_view ns, std::string_view parent_id) const;

  // Evaluations. Prefixes are of the id.
  ref<schema::evaluation> eval(std::string_view id) const;
  std::vector<ref<schema::evaluation>> evals_by_job(std::string_view ns, std::string_view job_id) const;
  void visit_evals(std::string_view id_prefix, const visitor<schema::evaluation>& each) const;

  // Allocations.
  ref<schema::allocation> alloc(std::string_view id) const;
  std::vector<ref<schema::allocation>> allocs_by_job(std::string_view ns, std::string_view job_id) const;
  std::vector<ref<schema::allocation>> allocs_by_node(std::string_view node_id) const;
  std::vector<ref<schema::allocation>> allocs_by_eval(std::string_view eval_id) const;
  std::vector<ref<schema::allocation>> allocs_by_deployment(std::string_view deployment_id) const;
  void visit_allocs(std::string_view id_prefix, const visitor<schema::allocation>& each) const;
  void visit_allocs_by_node(std::string_view node_id, const visitor<schema::allocation>& each) const;

  // Nodes.
  ref<schema::node> node(std::string_view id) const;
  void visit_nodes(std::string_view id_prefix, const visitor<schema::node>& each) const;
  uint64_t node_count() const;
  ref<schema::node_pool> node_pool(std::string_view name) const;
  void visit_node_pools(std::string_view name_prefix, const visitor<schema::node_pool>& each) const;

  // Deployments.
  ref<schema::deployment> deployment(std::string_view id) const;
  std::vector<ref<schema::deployment>> deployments_by_job(std::string_view ns, std::string_view job_id) const;  // newest first
  ref<schema::deployment> latest_deployment(std::string_view ns, std::string_view job_id) const;
  void visit_deployments(std::string_view id_prefix, const visitor<schema::deployment>& each) const;

  // Namespaces, services, configuration.
  ref<schema::namespace_definition> namespace_named(std::string_view name) const;
  void visit_namespaces(std::string_view name_prefix, const visitor<schema::namespace_definition>& each) const;
  void visit_services(std::string_view ns, std::string_view name_prefix, const visitor<schema::service_registration>& each) const;
  std::vector<ref<schema::service_registration>> services_by_alloc(std::string_view alloc_id) const;
  // Never null: the default until one was set.
  ref<schema::scheduler_configuration> scheduler_config() const;
  std::string_view cluster_id() const;

  // For the generic access of state/tables.h.
  const root& content() const { return *root_; }

 private:
  friend class store;
  friend class write_transaction;
  std::shared_ptr<const root> root_;
};

}  // namespace drover::state
