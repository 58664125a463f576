#include "schema/csi_view.h"

#include "schema/describe_macros.h"

namespace drover::schema {

#define SELF csi_volume_view
DESCRIBE(csi_volume_view, "CSIVolume", BASES(), FIELD(id), FIELD(name), FIELD(external_id), FIELD(namespace_), FIELD(requested_topologies), FIELD(topologies),
         FIELD(access_mode), FIELD(attachment_mode), FIELD(mount_options), FIELD_FLAGS(secrets, redacted), FIELD(parameters), FIELD(context), FIELD(capacity),
         FIELD(requested_capacity_min), FIELD(requested_capacity_max), FIELD(requested_capabilities), FIELD(clone_id), FIELD(snapshot_id),
         FIELD_FLAGS(read_allocs, empty_list), FIELD_FLAGS(write_allocs, empty_list), FIELD_FLAGS(allocations, empty_list), FIELD(schedulable),
         FIELD(plugin_id), FIELD(provider), FIELD(provider_version), FIELD(controller_required), FIELD(controllers_healthy), FIELD(controllers_expected),
         FIELD(nodes_healthy), FIELD(nodes_expected), FIELD(resource_exhausted), FIELD(create_index), FIELD(modify_index), FIELD(create_time),
         FIELD(modify_time))
#undef SELF

csi_volume_view view_of(const csi_volume& v) {
  static constexpr const char* hidden = "[REDACTED]";
  csi_volume_view out;
  out.id = v.id;
  out.name = v.name;
  out.external_id = v.external_id;
  out.namespace_ = v.namespace_;
  out.requested_topologies = v.requested_topologies;
  out.topologies = v.topologies;
  out.access_mode = v.access_mode;
  out.attachment_mode = v.attachment_mode;
  out.mount_options = v.mount_options;
  if (out.mount_options && !out.mount_options->mount_flags.empty()) out.mount_options->mount_flags = {hidden};
  for (const auto& [key, secret] : v.secrets) out.secrets[key] = hidden;
  out.parameters = v.parameters;
  out.context = v.context;
  out.capacity = v.capacity;
  out.requested_capacity_min = v.requested_capacity_min;
  out.requested_capacity_max = v.requested_capacity_max;
  out.requested_capabilities = v.requested_capabilities;
  out.clone_id = v.clone_id;
  out.snapshot_id = v.snapshot_id;
  for (const auto& [id, alloc] : v.read_allocs) out.read_allocs[id] = nullptr;
  for (const auto& [id, alloc] : v.write_allocs) out.write_allocs[id] = nullptr;
  out.schedulable = v.schedulable;
  out.plugin_id = v.plugin_id;
  out.provider = v.provider;
  out.provider_version = v.provider_version;
  out.controller_required = v.controller_required;
  out.controllers_healthy = v.controllers_healthy;
  out.controllers_expected = v.controllers_expected;
  out.nodes_healthy = v.nodes_healthy;
  out.nodes_expected = v.nodes_expected;
  out.resource_exhausted = v.resource_exhausted;
  out.create_index = v.create_index;
  out.modify_index = v.modify_index;
  out.create_time = v.create_time;
  out.modify_time = v.modify_time;
  return out;
}

}  // namespace drover::schema
