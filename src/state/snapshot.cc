#include "state/snapshot.h"

#include <algorithm>
#include <tuple>

#include "state/tables.h"

namespace drover::state {

namespace {

constexpr std::string_view every_namespace = "*";

// Jobs, versions and so on of one namespace, or of all when it is "*": then the id's beginning is checked one by one.
template <table T, class IdOf>
void visit_namespaced(const snapshot& s, tree_id id, std::string_view ns, std::string_view prefix, IdOf id_of, const visitor<record_of<T>>& each) {
  if (ns != every_namespace) {
    visit<T>(s, id, within(ns, prefix), each);
    return;
  }
  visit<T>(s, id, starting({}), [&](const auto& record) { return !std::string_view(id_of(*record)).starts_with(prefix) || each(record); });
}

template <table T>
ref<record_of<T>> single(const snapshot& s) {
  return find<T>(s, {});
}

}  // namespace

snapshot::snapshot() {
  static const auto empty = std::make_shared<const root>();
  root_ = empty;
}

uint64_t snapshot::index() const { return root_->index; }
uint64_t snapshot::index(table t) const { return root_->table_indexes[static_cast<size_t>(t)]; }
uint64_t snapshot::index(std::initializer_list<table> tables) const {
  uint64_t highest = 0;
  for (auto t : tables) highest = std::max(highest, index(t));
  return highest;
}

ref<schema::job> snapshot::job(std::string_view ns, std::string_view id) const { return find<table::jobs>(*this, {ns, id, {}}); }

ref<schema::job> snapshot::job_version(std::string_view ns, std::string_view id, uint64_t version) const {
  return find<table::job_versions>(*this, {ns, id, {}, version});
}

std::vector<ref<schema::job>> snapshot::job_versions(std::string_view ns, std::string_view id) const {
  auto out = collect<table::job_versions>(*this, tree_of(table::job_versions), within2(ns, id));
  std::reverse(out.begin(), out.end());
  return out;
}

ref<schema::job_summary> snapshot::job_summary(std::string_view ns, std::string_view id) const { return find<table::job_summaries>(*this, {ns, id, {}}); }

ref<schema::job_submission> snapshot::job_submission(std::string_view ns, std::string_view id, uint64_t version) const {
  return find<table::job_submissions>(*this, {ns, id, {}, version});
}

void snapshot::visit_jobs(std::string_view ns, std::string_view id_prefix, const visitor<schema::job>& each) const {
  visit_namespaced<table::jobs>(*this, tree_of(table::jobs), ns, id_prefix, [](const schema::job& j) { return std::string_view(j.id); }, each);
}

std::vector<ref<schema::job>> snapshot::child_jobs(std::string_view ns, std::string_view parent_id) const {
  return collect<table::jobs>(*this, tree_id::jobs_by_parent, within2(ns, parent_id));
}

ref<schema::evaluation> snapshot::eval(std::string_view id) const { return find<table::evals>(*this, {id, {}, {}}); }

std::vector<ref<schema::evaluation>> snapshot::evals_by_job(std::string_view ns, std::string_view job_id) const {
  return collect<table::evals>(*this, tree_id::evals_by_job, within2(ns, job_id));
}

void snapshot::visit_evals(std::string_view id_prefix, const visitor<schema::evaluation>& each) const { visit<table::evals>(*this, starting(id_prefix), each); }

ref<schema::allocation> snapshot::alloc(std::string_view id) const { return find<table::allocs>(*this, {id, {}, {}}); }

std::vector<ref<schema::allocation>> snapshot::allocs_by_job(std::string_view ns, std::string_view job_id) const {
  return collect<table::allocs>(*this, tree_id::allocs_by_job, within2(ns, job_id));
}
std::vector<ref<schema::allocation>> snapshot::allocs_by_node(std::string_view node_id) const {
  return collect<table::allocs>(*this, tree_id::allocs_by_node, within2(node_id, {}));
}
std::vector<ref<schema::allocation>> snapshot::allocs_by_eval(std::string_view eval_id) const {
  return collect<table::allocs>(*this, tree_id::allocs_by_eval, within2(eval_id, {}));
}
std::vector<ref<schema::allocation>> snapshot::allocs_by_deployment(std::string_view deployment_id) const {
  return collect<table::allocs>(*this, tree_id::allocs_by_deployment, within2(deployment_id, {}));
}
void snapshot::visit_allocs(std::string_view id_prefix, const visitor<schema::allocation>& each) const {
  visit<table::allocs>(*this, starting(id_prefix), each);
}
void snapshot::visit_allocs_by_node(std::string_view node_id, const visitor<schema::allocation>& each) const {
  visit<table::allocs>(*this, tree_id::allocs_by_node, within2(node_id, {}), each);
}

ref<schema::node> snapshot::node(std::string_view id) const { return find<table::nodes>(*this, {id, {}, {}}); }
void snapshot::visit_nodes(std::string_view id_prefix, const visitor<schema::node>& each) const { visit<table::nodes>(*this, starting(id_prefix), each); }
uint64_t snapshot::node_count() const { return count(*this, table::nodes); }
ref<schema::node_pool> snapshot::node_pool(std::string_view name) const { return find<table::node_pools>(*this, {name, {}, {}}); }
void snapshot::visit_node_pools(std::string_view name_prefix, const visitor<schema::node_pool>& each) const {
  visit<table::node_pools>(*this, starting(name_prefix), each);
}

ref<schema::deployment> snapshot::deployment(std::string_view id) const { return find<table::deployments>(*this, {id, {}, {}}); }

std::vector<ref<schema::deployment>> snapshot::deployments_by_job(std::string_view ns, std::string_view job_id) const {
  auto out = collect<table::deployments>(*this, tree_id::deployments_by_job, within2(ns, job_id));
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return std::tie(b->create_index, b->id) < std::tie(a->create_index, a->id); });
  return out;
}
ref<schema::deployment> snapshot::latest_deployment(std::string_view ns, std::string_view job_id) const {
  ref<schema::deployment> latest;
  visit<table::deployments>(*this, tree_id::deployments_by_job, within2(ns, job_id), [&](const auto& d) {
    if (!latest || d->create_index > latest->create_index) latest = d;
    return true;
  });
  return latest;
}
void snapshot::visit_deployments(std::string_view id_prefix, const visitor<schema::deployment>& each) const {
  visit<table::deployments>(*this, starting(id_prefix), each);
}

ref<schema::namespace_definition> snapshot::namespace_named(std::string_view name) const { return find<table::namespaces>(*this, {name, {}, {}}); }
void snapshot::visit_namespaces(std::string_view name_prefix, const visitor<schema::namespace_definition>& each) const {
  visit<table::namespaces>(*this, starting(name_prefix), each);
}
void snapshot::visit_services(std::string_view ns, std::string_view name_prefix, const visitor<schema::service_registration>& each) const {
  visit_namespaced<table::services>(
      *this, tree_id::services_by_name, ns, name_prefix, [](const schema::service_registration& r) { return std::string_view(r.service_name); }, each);
}
std::vector<ref<schema::service_registration>> snapshot::services_by_alloc(std::string_view alloc_id) const {
  return collect<table::services>(*this, tree_id::services_by_alloc, within2(alloc_id, {}));
}

ref<schema::scheduler_configuration> snapshot::scheduler_config() const {
  if (auto stored = single<table::scheduler_config>(*this)) return stored;
  static const auto fallback = [] {
    auto config = std::make_shared<schema::scheduler_configuration>();
    config->scheduler_algorithm = "binpack";
    config->preemption_config.system_scheduler_enabled = true;
    return ref<schema::scheduler_configuration>(std::move(config));
  }();
  return fallback;
}

std::string_view snapshot::cluster_id() const {
  // The record is owned by the root, so the view lives as long as this snapshot.
  const auto* found = root_->trees[static_cast<size_t>(table::cluster_metadata)].find(definition(tree_of(table::cluster_metadata)).order, {});
  return found ? std::string_view(static_cast<const cluster_metadata*>(found->get())->cluster_id) : std::string_view();
}

}  // namespace drover::state
