#include "schema/volume.h"

#include "schema/describe_macros.h"

namespace drover::schema {

#define SELF csi_plugin_delete_request
DESCRIBE(csi_plugin_delete_request, "CSIPluginDeleteRequest", BASES(query_options), FIELD(id))
#undef SELF

#define SELF csi_plugin_delete_response
DESCRIBE_EMPTY(csi_plugin_delete_response, "CSIPluginDeleteResponse", BASES(query_meta))
#undef SELF

#define SELF csi_plugin_get_request
DESCRIBE(csi_plugin_get_request, "CSIPluginGetRequest", BASES(query_options), FIELD(id))
#undef SELF

#define SELF csi_plugin
DESCRIBE(csi_plugin, "CSIPlugin", BASES(), FIELD(id), FIELD(provider), FIELD(version), FIELD(controller_required), FIELD(controllers), FIELD(nodes),
         FIELD(allocations), FIELD(controllers_healthy), FIELD(controllers_expected), FIELD(nodes_healthy), FIELD(nodes_expected), FIELD(create_index),
         FIELD(modify_index), FIELD(create_time), FIELD(modify_time))
#undef SELF

#define SELF csi_plugin_get_response
DESCRIBE(csi_plugin_get_response, "CSIPluginGetResponse", BASES(query_meta), FIELD(plugin))
#undef SELF

#define SELF csi_plugin_list_request
DESCRIBE_EMPTY(csi_plugin_list_request, "CSIPluginListRequest", BASES(query_options))
#undef SELF

#define SELF csi_plugin_list_stub
DESCRIBE(csi_plugin_list_stub, "CSIPluginListStub", BASES(), FIELD(id), FIELD(provider), FIELD(controller_required), FIELD(controllers_healthy),
         FIELD(controllers_expected), FIELD(nodes_healthy), FIELD(nodes_expected), FIELD(create_index), FIELD(modify_index))
#undef SELF

#define SELF csi_plugin_list_response
DESCRIBE(csi_plugin_list_response, "CSIPluginListResponse", BASES(query_meta), FIELD(plugins))
#undef SELF

#define SELF csi_snapshot
DESCRIBE(csi_snapshot, "CSISnapshot", BASES(), FIELD(id), FIELD(external_source_volume_id), FIELD(size_bytes), FIELD(create_time), FIELD(is_ready),
         FIELD(source_volume_id), FIELD(plugin_id), FIELD(name), FIELD(secrets), FIELD(parameters))
#undef SELF

#define SELF csi_snapshot_create_request
DESCRIBE(csi_snapshot_create_request, "CSISnapshotCreateRequest", BASES(write_request), FIELD(snapshots))
#undef SELF

#define SELF csi_snapshot_create_response
DESCRIBE(csi_snapshot_create_response, "CSISnapshotCreateResponse", BASES(query_meta), FIELD(snapshots))
#undef SELF

#define SELF csi_snapshot_delete_request
DESCRIBE(csi_snapshot_delete_request, "CSISnapshotDeleteRequest", BASES(write_request), FIELD(snapshots))
#undef SELF

#define SELF csi_snapshot_delete_response
DESCRIBE_EMPTY(csi_snapshot_delete_response, "CSISnapshotDeleteResponse", BASES(query_meta))
#undef SELF

#define SELF csi_snapshot_list_request
DESCRIBE(csi_snapshot_list_request, "CSISnapshotListRequest", BASES(query_options), FIELD(plugin_id), FIELD(secrets))
#undef SELF

#define SELF csi_snapshot_list_response
DESCRIBE(csi_snapshot_list_response, "CSISnapshotListResponse", BASES(query_meta), FIELD(snapshots))
#undef SELF

#define SELF csi_topology_request
DESCRIBE(csi_topology_request, "CSITopologyRequest", BASES(), FIELD(required), FIELD(preferred))
#undef SELF

#define SELF csi_volume_capability
DESCRIBE(csi_volume_capability, "CSIVolumeCapability", BASES(), FIELD(access_mode), FIELD(attachment_mode))
#undef SELF

#define SELF csi_volume_claim
DESCRIBE(csi_volume_claim, "CSIVolumeClaim", BASES(), FIELD(allocation_id), FIELD(node_id), FIELD(external_node_id), FIELD(mode), FIELD(access_mode),
         FIELD(attachment_mode), FIELD(state))
#undef SELF

#define SELF csi_volume
DESCRIBE(csi_volume, "CSIVolume", BASES(), FIELD(id), FIELD(name), FIELD(external_id), FIELD(namespace_), FIELD(requested_topologies), FIELD(topologies),
         FIELD(access_mode), FIELD(attachment_mode), FIELD(mount_options), FIELD(secrets), FIELD(parameters), FIELD(context), FIELD(capacity),
         FIELD(requested_capacity_min), FIELD(requested_capacity_max), FIELD(requested_capabilities), FIELD(clone_id), FIELD(snapshot_id), FIELD(read_allocs),
         FIELD(write_allocs), FIELD(read_claims), FIELD(write_claims), FIELD(past_claims), FIELD(schedulable), FIELD(plugin_id), FIELD(provider),
         FIELD(provider_version), FIELD(controller_required), FIELD(controllers_healthy), FIELD(controllers_expected), FIELD(nodes_healthy),
         FIELD(nodes_expected), FIELD(resource_exhausted), FIELD(create_index), FIELD(modify_index), FIELD(create_time), FIELD(modify_time))
#undef SELF

#define SELF csi_volume_claim_request
DESCRIBE(csi_volume_claim_request, "CSIVolumeClaimRequest", BASES(write_request), FIELD(volume_id), FIELD(allocation_id), FIELD(node_id),
         FIELD(external_node_id), FIELD(claim), FIELD(access_mode), FIELD(attachment_mode), FIELD(state), FIELD(timestamp))
#undef SELF

#define SELF csi_volume_claim_response
DESCRIBE(csi_volume_claim_response, "CSIVolumeClaimResponse", BASES(query_meta), FIELD(publish_context), FIELD(volume))
#undef SELF

#define SELF csi_volume_create_request
DESCRIBE(csi_volume_create_request, "CSIVolumeCreateRequest", BASES(write_request), FIELD(volumes), FIELD(timestamp), FIELD(policy_override))
#undef SELF

#define SELF csi_volume_create_response
DESCRIBE(csi_volume_create_response, "CSIVolumeCreateResponse", BASES(query_meta), FIELD(volumes), FIELD(warnings))
#undef SELF

#define SELF csi_volume_delete_request
DESCRIBE(csi_volume_delete_request, "CSIVolumeDeleteRequest", BASES(write_request), FIELD(volume_ids), FIELD(secrets))
#undef SELF

#define SELF csi_volume_delete_response
DESCRIBE_EMPTY(csi_volume_delete_response, "CSIVolumeDeleteResponse", BASES(query_meta))
#undef SELF

#define SELF csi_volume_deregister_request
DESCRIBE(csi_volume_deregister_request, "CSIVolumeDeregisterRequest", BASES(write_request), FIELD(volume_ids), FIELD(force))
#undef SELF

#define SELF csi_volume_deregister_response
DESCRIBE_EMPTY(csi_volume_deregister_response, "CSIVolumeDeregisterResponse", BASES(query_meta))
#undef SELF

#define SELF csi_volume_external_list_request
DESCRIBE(csi_volume_external_list_request, "CSIVolumeExternalListRequest", BASES(query_options), FIELD(plugin_id))
#undef SELF

#define SELF csi_volume_external_stub
DESCRIBE(csi_volume_external_stub, "CSIVolumeExternalStub", BASES(), FIELD(external_id), FIELD(capacity_bytes), FIELD(volume_context), FIELD(clone_id),
         FIELD(snapshot_id), FIELD(published_external_node_ids), FIELD(is_abnormal), FIELD(status))
#undef SELF

#define SELF csi_volume_external_list_response
DESCRIBE(csi_volume_external_list_response, "CSIVolumeExternalListResponse", BASES(query_meta), FIELD(volumes))
#undef SELF

#define SELF csi_volume_get_request
DESCRIBE(csi_volume_get_request, "CSIVolumeGetRequest", BASES(query_options), FIELD(id))
#undef SELF

#define SELF csi_volume_get_response
DESCRIBE(csi_volume_get_response, "CSIVolumeGetResponse", BASES(query_meta), FIELD(volume))
#undef SELF

#define SELF csi_volume_list_request
DESCRIBE(csi_volume_list_request, "CSIVolumeListRequest", BASES(query_options), FIELD(plugin_id), FIELD(node_id))
#undef SELF

#define SELF csi_volume_list_stub
DESCRIBE(csi_volume_list_stub, "CSIVolumeListStub", BASES(), FIELD(id), FIELD(namespace_), FIELD(name), FIELD(external_id), FIELD(topologies),
         FIELD(access_mode), FIELD(attachment_mode), FIELD(current_readers), FIELD(current_writers), FIELD(schedulable), FIELD(plugin_id), FIELD(provider),
         FIELD(controller_required), FIELD(controllers_healthy), FIELD(controllers_expected), FIELD(nodes_healthy), FIELD(nodes_expected),
         FIELD(resource_exhausted), FIELD(create_index), FIELD(modify_index), FIELD(create_time), FIELD(modify_time))
#undef SELF

#define SELF csi_volume_list_response
DESCRIBE(csi_volume_list_response, "CSIVolumeListResponse", BASES(query_meta), FIELD(volumes))
#undef SELF

#define SELF csi_volume_register_request
DESCRIBE(csi_volume_register_request, "CSIVolumeRegisterRequest", BASES(write_request), FIELD(volumes), FIELD(timestamp), FIELD(policy_override))
#undef SELF

#define SELF csi_volume_register_response
DESCRIBE(csi_volume_register_response, "CSIVolumeRegisterResponse", BASES(query_meta), FIELD(volumes), FIELD(warnings))
#undef SELF

#define SELF csi_volume_unpublish_request
DESCRIBE(csi_volume_unpublish_request, "CSIVolumeUnpublishRequest", BASES(write_request), FIELD(volume_id), FIELD(claim))
#undef SELF

#define SELF csi_volume_unpublish_response
DESCRIBE_EMPTY(csi_volume_unpublish_response, "CSIVolumeUnpublishResponse", BASES(query_meta))
#undef SELF

#define SELF csi_controller_query
DESCRIBE(csi_controller_query, "CSIControllerQuery", BASES(), FIELD(controller_node_id), FIELD(plugin_id))
#undef SELF

#define SELF client_csi_controller_attach_volume_request
DESCRIBE(client_csi_controller_attach_volume_request, "ClientCSIControllerAttachVolumeRequest", BASES(csi_controller_query), FIELD(volume_id),
         FIELD(client_csi_node_id), FIELD(attachment_mode), FIELD(access_mode), FIELD(mount_options), FIELD(read_only), FIELD(secrets), FIELD(volume_context))
#undef SELF

#define SELF client_csi_controller_attach_volume_response
DESCRIBE(client_csi_controller_attach_volume_response, "ClientCSIControllerAttachVolumeResponse", BASES(), FIELD(publish_context))
#undef SELF

#define SELF client_csi_controller_create_snapshot_request
DESCRIBE(client_csi_controller_create_snapshot_request, "ClientCSIControllerCreateSnapshotRequest", BASES(csi_controller_query),
         FIELD(external_source_volume_id), FIELD(name), FIELD(secrets), FIELD(parameters))
#undef SELF

#define SELF client_csi_controller_create_snapshot_response
DESCRIBE(client_csi_controller_create_snapshot_response, "ClientCSIControllerCreateSnapshotResponse", BASES(), FIELD(id), FIELD(external_source_volume_id),
         FIELD(size_bytes), FIELD(create_time), FIELD(is_ready))
#undef SELF

#define SELF client_csi_controller_create_volume_request
DESCRIBE(client_csi_controller_create_volume_request, "ClientCSIControllerCreateVolumeRequest", BASES(csi_controller_query), FIELD(name),
         FIELD(volume_capabilities), FIELD(mount_options), FIELD(parameters), FIELD(secrets), FIELD(capacity_min), FIELD(capacity_max), FIELD(snapshot_id),
         FIELD(clone_id), FIELD(requested_topologies))
#undef SELF

#define SELF client_csi_controller_create_volume_response
DESCRIBE(client_csi_controller_create_volume_response, "ClientCSIControllerCreateVolumeResponse", BASES(), FIELD(external_volume_id), FIELD(capacity_bytes),
         FIELD(volume_context), FIELD(topologies))
#undef SELF

#define SELF client_csi_controller_delete_snapshot_request
DESCRIBE(client_csi_controller_delete_snapshot_request, "ClientCSIControllerDeleteSnapshotRequest", BASES(csi_controller_query), FIELD(id), FIELD(secrets))
#undef SELF

#define SELF client_csi_controller_delete_snapshot_response
DESCRIBE_EMPTY(client_csi_controller_delete_snapshot_response, "ClientCSIControllerDeleteSnapshotResponse", BASES())
#undef SELF

#define SELF client_csi_controller_delete_volume_request
DESCRIBE(client_csi_controller_delete_volume_request, "ClientCSIControllerDeleteVolumeRequest", BASES(csi_controller_query), FIELD(external_volume_id),
         FIELD(secrets))
#undef SELF

#define SELF client_csi_controller_delete_volume_response
DESCRIBE_EMPTY(client_csi_controller_delete_volume_response, "ClientCSIControllerDeleteVolumeResponse", BASES())
#undef SELF

#define SELF client_csi_controller_detach_volume_request
DESCRIBE(client_csi_controller_detach_volume_request, "ClientCSIControllerDetachVolumeRequest", BASES(csi_controller_query), FIELD(volume_id),
         FIELD(client_csi_node_id), FIELD(secrets))
#undef SELF

#define SELF client_csi_controller_detach_volume_response
DESCRIBE_EMPTY(client_csi_controller_detach_volume_response, "ClientCSIControllerDetachVolumeResponse", BASES())
#undef SELF

#define SELF client_csi_controller_expand_volume_request
DESCRIBE(client_csi_controller_expand_volume_request, "ClientCSIControllerExpandVolumeRequest", BASES(csi_controller_query), FIELD(external_volume_id),
         FIELD(capacity_range), FIELD(secrets), FIELD(volume_capability))
#undef SELF

#define SELF client_csi_controller_expand_volume_response
DESCRIBE(client_csi_controller_expand_volume_response, "ClientCSIControllerExpandVolumeResponse", BASES(), FIELD(capacity_bytes),
         FIELD(node_expansion_required))
#undef SELF

#define SELF client_csi_controller_list_snapshots_request
DESCRIBE(client_csi_controller_list_snapshots_request, "ClientCSIControllerListSnapshotsRequest", BASES(csi_controller_query), FIELD(max_entries),
         FIELD(starting_token), FIELD(secrets))
#undef SELF

#define SELF client_csi_controller_list_snapshots_response
DESCRIBE(client_csi_controller_list_snapshots_response, "ClientCSIControllerListSnapshotsResponse", BASES(), FIELD(entries), FIELD(next_token))
#undef SELF

#define SELF client_csi_controller_list_volumes_request
DESCRIBE(client_csi_controller_list_volumes_request, "ClientCSIControllerListVolumesRequest", BASES(csi_controller_query), FIELD(max_entries),
         FIELD(starting_token))
#undef SELF

#define SELF client_csi_controller_list_volumes_response
DESCRIBE(client_csi_controller_list_volumes_response, "ClientCSIControllerListVolumesResponse", BASES(), FIELD(entries), FIELD(next_token))
#undef SELF

#define SELF client_csi_controller_validate_volume_request
DESCRIBE(client_csi_controller_validate_volume_request, "ClientCSIControllerValidateVolumeRequest", BASES(csi_controller_query), FIELD(volume_id),
         FIELD(volume_capabilities), FIELD(mount_options), FIELD(secrets), FIELD(attachment_mode), FIELD(access_mode), FIELD(parameters), FIELD(context))
#undef SELF

#define SELF client_csi_controller_validate_volume_response
DESCRIBE_EMPTY(client_csi_controller_validate_volume_response, "ClientCSIControllerValidateVolumeResponse", BASES())
#undef SELF

#define SELF client_csi_node_detach_volume_request
DESCRIBE(client_csi_node_detach_volume_request, "ClientCSINodeDetachVolumeRequest", BASES(), FIELD(plugin_id), FIELD(volume_id), FIELD(volume_namespace),
         FIELD(alloc_id), FIELD(node_id), FIELD(external_id), FIELD(attachment_mode), FIELD(access_mode), FIELD(read_only))
#undef SELF

#define SELF client_csi_node_detach_volume_response
DESCRIBE_EMPTY(client_csi_node_detach_volume_response, "ClientCSINodeDetachVolumeResponse", BASES())
#undef SELF

#define SELF client_csi_node_expand_volume_request
DESCRIBE(client_csi_node_expand_volume_request, "ClientCSINodeExpandVolumeRequest", BASES(), FIELD(plugin_id), FIELD(volume_id), FIELD(volume_namespace),
         FIELD(external_id), FIELD(capacity), FIELD(claim))
#undef SELF

#define SELF client_csi_node_expand_volume_response
DESCRIBE(client_csi_node_expand_volume_response, "ClientCSINodeExpandVolumeResponse", BASES(), FIELD(capacity_bytes))
#undef SELF

#define SELF client_host_volume_create_request
DESCRIBE(client_host_volume_create_request, "ClientHostVolumeCreateRequest", BASES(), FIELD(id), FIELD(name), FIELD(plugin_id), FIELD(namespace_),
         FIELD(node_id), FIELD(requested_capacity_min_bytes), FIELD(requested_capacity_max_bytes), FIELD(parameters))
#undef SELF

#define SELF client_host_volume_create_response
DESCRIBE(client_host_volume_create_response, "ClientHostVolumeCreateResponse", BASES(), FIELD(volume_name), FIELD(volume_id), FIELD(host_path),
         FIELD(capacity_bytes))
#undef SELF

#define SELF client_host_volume_delete_request
DESCRIBE(client_host_volume_delete_request, "ClientHostVolumeDeleteRequest", BASES(), FIELD(id), FIELD(name), FIELD(plugin_id), FIELD(namespace_),
         FIELD(node_id), FIELD(host_path), FIELD(parameters))
#undef SELF

#define SELF client_host_volume_delete_response
DESCRIBE(client_host_volume_delete_response, "ClientHostVolumeDeleteResponse", BASES(), FIELD(volume_name), FIELD(volume_id))
#undef SELF

#define SELF client_host_volume_register_request
DESCRIBE(client_host_volume_register_request, "ClientHostVolumeRegisterRequest", BASES(), FIELD(id), FIELD(name), FIELD(node_id), FIELD(host_path),
         FIELD(capacity_bytes), FIELD(parameters))
#undef SELF

#define SELF client_host_volume_register_response
DESCRIBE_EMPTY(client_host_volume_register_response, "ClientHostVolumeRegisterResponse", BASES())
#undef SELF

#define SELF host_volume_capability
DESCRIBE(host_volume_capability, "HostVolumeCapability", BASES(), FIELD(attachment_mode), FIELD(access_mode))
#undef SELF

#define SELF host_volume
DESCRIBE(host_volume, "HostVolume", BASES(), FIELD(namespace_), FIELD(id), FIELD(name), FIELD(plugin_id), FIELD(node_pool), FIELD(node_id),
         FIELD_FLAGS(constraints, json_omit_empty), FIELD(requested_capacity_min_bytes), FIELD(requested_capacity_max_bytes), FIELD(capacity_bytes),
         FIELD(requested_capabilities), FIELD_FLAGS(parameters, json_omit_empty), FIELD(host_path), FIELD(state), FIELD(create_index), FIELD(create_time),
         FIELD(modify_index), FIELD(modify_time), FIELD_FLAGS(allocations, json_omit_empty))
#undef SELF

#define SELF host_volume_create_request
DESCRIBE(host_volume_create_request, "HostVolumeCreateRequest", BASES(write_request), FIELD(volume), FIELD(policy_override))
#undef SELF

#define SELF host_volume_create_response
DESCRIBE(host_volume_create_response, "HostVolumeCreateResponse", BASES(write_meta), FIELD(volume), FIELD(warnings))
#undef SELF

#define SELF host_volume_delete_request
DESCRIBE(host_volume_delete_request, "HostVolumeDeleteRequest", BASES(write_request), FIELD(volume_id), FIELD(force))
#undef SELF

#define SELF host_volume_delete_response
DESCRIBE_EMPTY(host_volume_delete_response, "HostVolumeDeleteResponse", BASES(write_meta))
#undef SELF

#define SELF host_volume_get_request
DESCRIBE(host_volume_get_request, "HostVolumeGetRequest", BASES(query_options), FIELD(id))
#undef SELF

#define SELF host_volume_get_response
DESCRIBE(host_volume_get_response, "HostVolumeGetResponse", BASES(query_meta), FIELD(volume))
#undef SELF

#define SELF host_volume_list_request
DESCRIBE(host_volume_list_request, "HostVolumeListRequest", BASES(query_options), FIELD(node_id), FIELD(node_pool))
#undef SELF

#define SELF host_volume_stub
DESCRIBE(host_volume_stub, "HostVolumeStub", BASES(), FIELD(namespace_), FIELD(id), FIELD(name), FIELD(plugin_id), FIELD(node_pool), FIELD(node_id),
         FIELD(capacity_bytes), FIELD(state), FIELD(create_index), FIELD(create_time), FIELD(modify_index), FIELD(modify_time))
#undef SELF

#define SELF host_volume_list_response
DESCRIBE(host_volume_list_response, "HostVolumeListResponse", BASES(query_meta), FIELD(volumes))
#undef SELF

#define SELF host_volume_register_request
DESCRIBE(host_volume_register_request, "HostVolumeRegisterRequest", BASES(write_request), FIELD(volume), FIELD(policy_override))
#undef SELF

#define SELF host_volume_register_response
DESCRIBE(host_volume_register_response, "HostVolumeRegisterResponse", BASES(write_meta), FIELD(volume), FIELD(warnings))
#undef SELF

#define SELF task_group_volume_claim_delete_request
DESCRIBE(task_group_volume_claim_delete_request, "TaskGroupVolumeClaimDeleteRequest", BASES(write_request), FIELD(claim_id))
#undef SELF

#define SELF task_group_volume_claim_delete_response
DESCRIBE_EMPTY(task_group_volume_claim_delete_response, "TaskGroupVolumeClaimDeleteResponse", BASES(write_meta))
#undef SELF

#define SELF task_group_volume_claim_list_request
DESCRIBE(task_group_volume_claim_list_request, "TaskGroupVolumeClaimListRequest", BASES(query_options), FIELD(task_group), FIELD(job_id), FIELD(volume_name))
#undef SELF

#define SELF task_group_host_volume_claim
DESCRIBE(task_group_host_volume_claim, "TaskGroupHostVolumeClaim", BASES(), FIELD(id), FIELD(namespace_), FIELD(job_id), FIELD(task_group_name),
         FIELD(alloc_id), FIELD(volume_id), FIELD(volume_name), FIELD(create_index), FIELD(modify_index))
#undef SELF

#define SELF task_group_volume_claim_list_response
DESCRIBE(task_group_volume_claim_list_response, "TaskGroupVolumeClaimListResponse", BASES(query_meta), FIELD(claims))
#undef SELF

}  // namespace drover::schema
