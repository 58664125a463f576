#include <set>

#include "fsm/apply.h"
#include "fsm/host_volumes.h"
#include "fsm/upsert.h"

namespace drover::fsm {

namespace {

template <class Volume>
std::string volume_namespace(const Volume& volume, const std::string& fallback) {
  return std::string(namespace_of(volume.namespace_.empty() ? fallback : volume.namespace_));
}

result<> refuse_used_namespace(const context& c, const std::string& name) {
  std::string job_id;
  c.state().visit_jobs(name, {}, [&](const auto& job) {
    if (job->status != word::dead) job_id = job->id;
    return job_id.empty();
  });
  if (!job_id.empty()) return fail(errc::conflict, "namespace \"{}\" has at least one non-terminal job \"{}\"", name, job_id);
  auto refuse = [&](auto tag, std::string_view what) -> result<> {
    bool used = false;
    state::visit<decltype(tag)::value>(c.state(), state::within(name), [&](const auto&) {
      used = true;
      return false;
    });
    if (used) return fail(errc::conflict, "namespace \"{}\" has at least one {}", name, what);
    return {};
  };
  TRY(refuse(std::integral_constant<table, table::csi_volumes>(), "CSI volume"));
  TRY(refuse(std::integral_constant<table, table::host_volumes>(), "dynamic host volume"));
  TRY(refuse(std::integral_constant<table, table::variables>(), "variable"));
  return {};
}

void delete_services(context& c, state::tree_id id, std::string_view a) {
  for (const auto& service : state::collect<table::services>(c.state(), id, state::within2(a, {}))) {
    c.erase<table::services>({service->id, {}, {}});
  }
}

}  // namespace

void drop_services(context& c, std::string_view alloc_id) { delete_services(c, state::tree_id::services_by_alloc, alloc_id); }
void drop_services_of_node(context& c, std::string_view node_id) { delete_services(c, state::tree_id::services_by_node, node_id); }

result<std::any> apply_scheduler_config(context& c, const schema::scheduler_set_config_request& request) {
  const auto stored = state::find<table::scheduler_config>(c.state(), {});
  if (request.cas && (stored ? stored->modify_index : 0) != request.config.modify_index) return false;
  upsert<table::scheduler_config>(c, request.config, {});
  return true;
}

result<std::any> apply_autopilot_config(context& c, const schema::autopilot_set_config_request& request) {
  const auto stored = state::find<table::autopilot_config>(c.state(), {});
  if (request.cas && (stored ? stored->modify_index : 0) != request.config.modify_index) return false;
  upsert<table::autopilot_config>(c, request.config, {});
  return true;
}

// The first one stays: several servers may try while a cluster forms.
result<std::any> apply_cluster_metadata(context& c, const state::cluster_metadata& request) {
  if (state::find<table::cluster_metadata>(c.state(), {})) return std::any();
  auto metadata = request;
  metadata.create_index = c.index();
  c.put<table::cluster_metadata>(std::move(metadata));
  return std::any();
}

result<std::any> apply_quota_upsert(context& c, const schema::quota_spec_upsert_request& request) {
  for (const auto& wanted : request.quotas) upsert<table::quotas>(c, *wanted, {wanted->name, {}, {}});
  return std::any();
}

result<std::any> apply_quota_delete(context& c, const schema::quota_spec_delete_request& request) {
  for (const auto& name : request.names) {
    auto users = state::collect<table::namespaces>(c.state(), state::tree_id::namespaces_by_quota, state::within(name));
    if (!users.empty()) return fail(errc::invalid, "quota \"{}\" is the quota of namespace \"{}\"; take it away there first", name, users.front()->name);
    TRY(erase_or_fail<table::quotas>(c, {name, {}, {}}, fmt::format("quota \"{}\"", name)));
  }
  return std::any();
}

result<std::any> apply_namespace_upsert(context& c, const schema::namespace_upsert_request& request) {
  for (const auto& wanted : request.namespaces)
    if (!wanted->quota.empty() && !state::find<table::quotas>(c.state(), {wanted->quota, {}, {}}))
      return fail(errc::invalid, "quota \"{}\" of namespace \"{}\" does not exist; create it first (quota apply)", wanted->quota, wanted->name);
  for (const auto& wanted : request.namespaces) upsert<table::namespaces>(c, *wanted, {wanted->name, {}, {}});
  return std::any();
}

result<std::any> apply_namespace_delete(context& c, const schema::namespace_delete_request& request) {
  for (const auto& name : request.namespaces) {
    if (name == word::default_namespace) return fail(errc::invalid, "default namespace can not be deleted");
    TRY(refuse_used_namespace(c, name));
    TRY(erase_or_fail<table::namespaces>(c, {name, {}, {}}, fmt::format("namespace \"{}\"", name)));
  }
  return std::any();
}

result<std::any> apply_service_upsert(context& c, const schema::service_registration_upsert_request& request) {
  for (const auto& wanted : request.services) {
    auto service = *wanted;
    service.namespace_ = namespace_of(service.namespace_);
    // Said late, of an allocation that has ended meanwhile.
    if (auto alloc = c.state().alloc(service.alloc_id); alloc && is_client_terminal(*alloc)) continue;
    upsert<table::services>(c, service, {service.id, {}, {}});
  }
  return std::any();
}

result<std::any> apply_service_delete_by_id(context& c, const schema::service_registration_delete_by_id_request& request) {
  const auto stored = state::find<table::services>(c.state(), {request.id, {}, {}});
  if (!stored || stored->namespace_ != namespace_of(request.namespace_)) return fail(errc::not_found, "service registration not found");
  c.erase<table::services>({request.id, {}, {}});
  return std::any();
}

result<std::any> apply_service_delete_by_node(context& c, const service_delete_by_node_request& request) {
  drop_services_of_node(c, request.node_id);
  return std::any();
}

result<std::any> apply_host_volume_register(context& c, const schema::host_volume_register_request& request) {
  if (!request.volume) return fail(errc::invalid, "a host volume registration without a volume");
  auto volume = *request.volume;
  volume.namespace_ = volume_namespace(volume, request.namespace_);
  const auto stored = state::find<table::host_volumes>(c.state(), {volume.namespace_, volume.id, {}});
  volume.state = stored ? stored->state : std::string();
  volume.state = host_volume_state(c.state().node(volume.node_id).get(), volume);
  if (stored) volume.create_time = stored->create_time;
  upsert<table::host_volumes>(c, volume, {volume.namespace_, volume.id, {}});
  return std::any();
}

result<std::any> apply_host_volume_delete(context& c, const schema::host_volume_delete_request& request) {
  TRY(erase_or_fail<table::host_volumes>(c, {namespace_of(request.namespace_), request.volume_id, {}}, fmt::format("host volume \"{}\"", request.volume_id)));
  return std::any();
}

}  // namespace drover::fsm
