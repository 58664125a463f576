#include "schema/operator_rpc.h"

#include "schema/describe_macros.h"

namespace drover::schema {

#define SELF agent_pprof_request
DESCRIBE(agent_pprof_request, "AgentPprofRequest", BASES(query_options), FIELD(req_type), FIELD(profile), FIELD(seconds), FIELD(debug), FIELD(gc),
         FIELD(node_id), FIELD(server_id))
#undef SELF

#define SELF agent_pprof_response
DESCRIBE(agent_pprof_response, "AgentPprofResponse", BASES(), FIELD(agent_id), FIELD(payload), FIELD(http_headers))
#undef SELF

#define SELF autopilot_config
DESCRIBE(autopilot_config, "AutopilotConfig", BASES(), FIELD(cleanup_dead_servers), FIELD(server_stabilization_time), FIELD(last_contact_threshold),
         FIELD(max_trailing_logs), FIELD(min_quorum), FIELD(enable_redundancy_zones), FIELD(disable_upgrade_migration), FIELD(enable_custom_upgrades),
         FIELD(create_index), FIELD(modify_index))
#undef SELF

#define SELF autopilot_set_config_request
DESCRIBE(autopilot_set_config_request, "AutopilotSetConfigRequest", BASES(write_request), FIELD(datacenter), FIELD(config), FIELD_AS(cas, "CAS"))
#undef SELF

#define SELF client_stats_response
DESCRIBE(client_stats_response, "ClientStatsResponse", BASES(query_meta), FIELD(host_stats))
#undef SELF

#define SELF event_json
DESCRIBE(event_json, "EventJson", BASES(), FIELD(data))
#undef SELF

#define SELF event_stream_request
DESCRIBE(event_stream_request, "EventStreamRequest", BASES(query_options), FIELD(topics), FIELD(index))
#undef SELF

#define SELF fuzzy_search_request
DESCRIBE(fuzzy_search_request, "FuzzySearchRequest", BASES(query_options), FIELD(text), FIELD(context))
#undef SELF

#define SELF fuzzy_match
DESCRIBE(fuzzy_match, "FuzzyMatch", BASES(), FIELD(id), FIELD_FLAGS(scope, json_omit_empty))
#undef SELF

#define SELF fuzzy_search_response
DESCRIBE(fuzzy_search_response, "FuzzySearchResponse", BASES(query_meta), FIELD(matches), FIELD(truncations))
#undef SELF

#define SELF host_data_request
DESCRIBE(host_data_request, "HostDataRequest", BASES(query_options), FIELD(server_id), FIELD(node_id))
#undef SELF

#define SELF host_data_response
DESCRIBE(host_data_response, "HostDataResponse", BASES(), FIELD(agent_id), FIELD_FLAGS(host_data, json_omit_empty))
#undef SELF

#define SELF raft_id_address
DESCRIBE(raft_id_address, "RaftIDAddress", BASES(), FIELD(address), FIELD(id))
#undef SELF

#define SELF leadership_transfer_response
DESCRIBE(leadership_transfer_response, "LeadershipTransferResponse", BASES(), FIELD(from), FIELD(to), FIELD(noop), FIELD(err))
#undef SELF

#define SELF monitor_export_request
DESCRIBE(monitor_export_request, "MonitorExportRequest", BASES(query_options), FIELD(node_id), FIELD(server_id), FIELD(service_name), FIELD(follow),
         FIELD(logs_since), FIELD(on_disk), FIELD(nomad_log_path), FIELD(plain_text))
#undef SELF

#define SELF monitor_request
DESCRIBE(monitor_request, "MonitorRequest", BASES(query_options), FIELD(log_level), FIELD_AS(log_json, "LogJSON"), FIELD(log_include_location), FIELD(node_id),
         FIELD(server_id), FIELD(plain_text))
#undef SELF

#define SELF namespace_delete_request
DESCRIBE(namespace_delete_request, "NamespaceDeleteRequest", BASES(write_request), FIELD(namespaces))
#undef SELF

#define SELF namespace_list_request
DESCRIBE_EMPTY(namespace_list_request, "NamespaceListRequest", BASES(query_options))
#undef SELF

#define SELF namespace_list_response
DESCRIBE(namespace_list_response, "NamespaceListResponse", BASES(query_meta), FIELD(namespaces))
#undef SELF

#define SELF namespace_set_request
DESCRIBE(namespace_set_request, "NamespaceSetRequest", BASES(query_options), FIELD(namespaces))
#undef SELF

#define SELF namespace_set_response
DESCRIBE(namespace_set_response, "NamespaceSetResponse", BASES(query_meta), FIELD(namespaces))
#undef SELF

#define SELF namespace_specific_request
DESCRIBE(namespace_specific_request, "NamespaceSpecificRequest", BASES(query_options), FIELD(name))
#undef SELF

#define SELF namespace_upsert_request
DESCRIBE(namespace_upsert_request, "NamespaceUpsertRequest", BASES(write_request), FIELD(namespaces))
#undef SELF

#define SELF autopilot_zone_upgrade_versions
DESCRIBE(autopilot_zone_upgrade_versions, "AutopilotZoneUpgradeVersions", BASES(), FIELD(target_version_voters), FIELD(target_version_non_voters),
         FIELD(other_version_voters), FIELD(other_version_non_voters))
#undef SELF

#define SELF autopilot_upgrade
DESCRIBE(autopilot_upgrade, "AutopilotUpgrade", BASES(), FIELD(status), FIELD(target_version), FIELD(target_version_voters), FIELD(target_version_non_voters),
         FIELD(target_version_read_replicas), FIELD(other_version_voters), FIELD(other_version_non_voters), FIELD(other_version_read_replicas),
         FIELD(redundancy_zones))
#undef SELF

#define SELF autopilot_zone
DESCRIBE(autopilot_zone, "AutopilotZone", BASES(), FIELD(servers), FIELD(voters), FIELD(failure_tolerance))
#undef SELF

#define SELF server_health
DESCRIBE(server_health, "ServerHealth", BASES(), FIELD(id), FIELD(name), FIELD(address), FIELD(serf_status), FIELD(version), FIELD(leader), FIELD(last_contact),
         FIELD(last_term), FIELD(last_index), FIELD(healthy), FIELD(voter), FIELD(stable_since))
#undef SELF

#define SELF operator_health_reply
DESCRIBE(operator_health_reply, "OperatorHealthReply", BASES(), FIELD(healthy), FIELD(failure_tolerance), FIELD(servers), FIELD(leader), FIELD(voters),
         FIELD_FLAGS(read_replicas, json_omit_empty), FIELD_FLAGS(redundancy_zones, json_omit_empty), FIELD_FLAGS(upgrade, json_omit_empty),
         FIELD_FLAGS(optimistic_failure_tolerance, json_omit_empty))
#undef SELF

#define SELF raft_server
DESCRIBE(raft_server, "RaftServer", BASES(), FIELD(id), FIELD(node), FIELD(address), FIELD(leader), FIELD(voter), FIELD(raft_protocol))
#undef SELF

#define SELF raft_configuration_response
DESCRIBE(raft_configuration_response, "RaftConfigurationResponse", BASES(), FIELD(servers), FIELD(index))
#undef SELF

#define SELF raft_peer_by_address_request
DESCRIBE(raft_peer_by_address_request, "RaftPeerByAddressRequest", BASES(write_request), FIELD(address))
#undef SELF

#define SELF raft_peer_by_id_request
DESCRIBE(raft_peer_by_id_request, "RaftPeerByIDRequest", BASES(write_request), FIELD(id))
#undef SELF

#define SELF raft_peer_request
DESCRIBE_EMPTY(raft_peer_request, "RaftPeerRequest", BASES(raft_id_address, write_request))
#undef SELF

#define SELF raft_stats
DESCRIBE(raft_stats, "RaftStats", BASES(), FIELD(last_contact), FIELD(last_term), FIELD(last_index))
#undef SELF

#define SELF scheduler_configuration_response
DESCRIBE(scheduler_configuration_response, "SchedulerConfigurationResponse", BASES(query_meta), FIELD(scheduler_config))
#undef SELF

#define SELF scheduler_set_config_request
DESCRIBE(scheduler_set_config_request, "SchedulerSetConfigRequest", BASES(write_request), FIELD(config), FIELD_AS(cas, "CAS"))
#undef SELF

#define SELF scheduler_set_configuration_response
DESCRIBE(scheduler_set_configuration_response, "SchedulerSetConfigurationResponse", BASES(write_meta), FIELD(updated))
#undef SELF

#define SELF search_request
DESCRIBE(search_request, "SearchRequest", BASES(query_options), FIELD(context))
#undef SELF

#define SELF search_response
DESCRIBE(search_response, "SearchResponse", BASES(query_meta), FIELD(matches), FIELD(truncations))
#undef SELF

#define SELF agent_member
DESCRIBE(agent_member, "AgentMember", BASES(), FIELD(name), FIELD(addr), FIELD(port), FIELD(tags), FIELD(status), FIELD(protocol_min), FIELD(protocol_max),
         FIELD(protocol_cur), FIELD(delegate_min), FIELD(delegate_max), FIELD(delegate_cur))
#undef SELF

#define SELF server_members_response
DESCRIBE(server_members_response, "ServerMembersResponse", BASES(), FIELD(server_name), FIELD(server_region), FIELD_AS(server_dc, "ServerDC"), FIELD(members))
#undef SELF

#define SELF single_namespace_response
DESCRIBE(single_namespace_response, "SingleNamespaceResponse", BASES(query_meta), FIELD(namespace_))
#undef SELF

#define SELF single_scaling_policy_response
DESCRIBE(single_scaling_policy_response, "SingleScalingPolicyResponse", BASES(query_meta), FIELD(policy))
#undef SELF

#define SELF snapshot_restore_request
DESCRIBE_EMPTY(snapshot_restore_request, "SnapshotRestoreRequest", BASES(write_request))
#undef SELF

#define SELF snapshot_save_request
DESCRIBE_EMPTY(snapshot_save_request, "SnapshotSaveRequest", BASES(query_options))
#undef SELF

#define SELF upgrade_check_vault_workload_identity_request
DESCRIBE_EMPTY(upgrade_check_vault_workload_identity_request, "UpgradeCheckVaultWorkloadIdentityRequest", BASES(query_options))
#undef SELF

#define SELF vault_accessor
DESCRIBE(vault_accessor, "VaultAccessor", BASES(), FIELD(alloc_id), FIELD(task), FIELD(node_id), FIELD(accessor), FIELD(creation_ttl), FIELD(create_index))
#undef SELF

#define SELF upgrade_check_vault_workload_identity_response
DESCRIBE(upgrade_check_vault_workload_identity_response, "UpgradeCheckVaultWorkloadIdentityResponse", BASES(query_meta), FIELD(jobs_without_vault_identity),
         FIELD(outdated_nodes), FIELD(vault_tokens))
#undef SELF

#define SELF agent_health
DESCRIBE(agent_health, "AgentHealth", BASES(), FIELD_AS(ok, "ok"), FIELD_AS(message, "message"))
#undef SELF

#define SELF agent_health_response
DESCRIBE(agent_health_response, "AgentHealthResponse", BASES(), FIELD_AS(client, "client", json_omit_empty), FIELD_AS(server, "server", json_omit_empty))
#undef SELF

#define SELF agent_scheduler_worker_config_request
DESCRIBE(agent_scheduler_worker_config_request, "AgentSchedulerWorkerConfigRequest", BASES(), FIELD_AS(num_schedulers, "num_schedulers"),
         FIELD_AS(enabled_schedulers, "enabled_schedulers"))
#undef SELF

#define SELF agent_scheduler_worker_config_response
DESCRIBE(agent_scheduler_worker_config_response, "AgentSchedulerWorkerConfigResponse", BASES(), FIELD_AS(server_id, "server_id"),
         FIELD_AS(num_schedulers, "num_schedulers"), FIELD_AS(enabled_schedulers, "enabled_schedulers"))
#undef SELF

#define SELF agent_scheduler_worker_info
DESCRIBE(agent_scheduler_worker_info, "AgentSchedulerWorkerInfo", BASES(), FIELD_AS(id, "id"), FIELD_AS(enabled_schedulers, "enabled_schedulers"),
         FIELD_AS(started, "started"), FIELD_AS(status, "status"), FIELD_AS(workload_status, "workload_status"))
#undef SELF

#define SELF agent_scheduler_workers_info
DESCRIBE(agent_scheduler_workers_info, "AgentSchedulerWorkersInfo", BASES(), FIELD_AS(server_id, "server_id"),
         FIELD_AS(schedulers, "schedulers", schema::empty_list))
#undef SELF

#define SELF event
DESCRIBE(event, "Event", BASES(), FIELD(topic), FIELD(type), FIELD(key), FIELD(filter_keys), FIELD(index), FIELD(payload))
#undef SELF

#define SELF event_batch
DESCRIBE(event_batch, "Events", BASES(), FIELD(index), FIELD(events), FIELD(err))
#undef SELF

#define SELF quota_storage_resources
DESCRIBE(quota_storage_resources, "QuotaStorageResources", BASES(), FIELD(variables_mb), FIELD(host_volumes_mb))
#undef SELF

#define SELF node_pool_limit
DESCRIBE(node_pool_limit, "NodePoolLimit", BASES(), FIELD(node_pool), FIELD(cpu), FIELD(cores), FIELD(memory_mb), FIELD(memory_max_mb), FIELD(devices),
         FIELD(numa), FIELD(secrets_mb), FIELD(storage))
#undef SELF

#define SELF quota_resources
DESCRIBE(quota_resources, "QuotaResources", BASES(), FIELD(cpu), FIELD(cores), FIELD(memory_mb), FIELD(memory_max_mb), FIELD(devices), FIELD(numa),
         FIELD(secrets_mb), FIELD(storage), FIELD(node_pools))
#undef SELF

#define SELF quota_limit
DESCRIBE(quota_limit, "QuotaLimit", BASES(), FIELD(region), FIELD(region_limit), FIELD(variables_limit), FIELD(hash))
#undef SELF

#define SELF quota_spec
DESCRIBE(quota_spec, "QuotaSpec", BASES(), FIELD(name), FIELD(description), FIELD(limits), FIELD(create_index), FIELD(modify_index))
#undef SELF

#define SELF quota_usage
DESCRIBE(quota_usage, "QuotaUsage", BASES(), FIELD(name), FIELD(used), FIELD(create_index), FIELD(modify_index))
#undef SELF

#define SELF tag_version_request
DESCRIBE(tag_version_request, "TagVersionRequest", BASES(write_request), FIELD(version), FIELD(latest), FIELD(description))
#undef SELF

}  // namespace drover::schema
