// The descriptions of the configuration's records, and the defaults of both modes.
#include "agent/config.h"

#include "schema/describe_macros.h"
#include "server/options.h"

namespace drover::agent {

using namespace drover::schema;

#define SELF addresses_config
DESCRIBE(addresses_config, "Addresses", BASES(), FIELD(http), FIELD(rpc), FIELD_AS(serf, "Serf"))
#undef SELF

#define SELF ports_config
DESCRIBE(ports_config, "Ports", BASES(), FIELD(http), FIELD(rpc), FIELD(serf))
#undef SELF

#define SELF limits_config
DESCRIBE(limits_config, "Limits", BASES(), FIELD(https_handshake_timeout), FIELD(http_max_conns_per_client), FIELD(rpc_handshake_timeout),
         FIELD(rpc_max_conns_per_client))
#undef SELF

#define SELF acl_config
DESCRIBE(acl_config, "ACLConfig", BASES(), FIELD(enabled), FIELD(token_ttl), FIELD(policy_ttl), FIELD(role_ttl), FIELD_FLAGS(replication_token, redacted),
         FIELD(token_min_expiration_ttl), FIELD(token_max_expiration_ttl), FIELD(redact_job_values))
#undef SELF

#define SELF tls_config
DESCRIBE(tls_config, "TLSConfig", BASES(), FIELD(http), FIELD(rpc), FIELD(verify_server_hostname), FIELD(ca_file), FIELD(cert_file), FIELD(key_file),
         FIELD(rpc_upgrade_mode), FIELD(verify_https_client), FIELD(tls_cipher_suites), FIELD(tls_min_version))
#undef SELF

#define SELF server_join_config
DESCRIBE(server_join_config, "ServerJoin", BASES(), FIELD(start_join), FIELD(retry_join), FIELD(retry_max), FIELD(retry_interval))
#undef SELF

#define SELF search_config
DESCRIBE(search_config, "Search", BASES(), FIELD(fuzzy_enabled), FIELD(limit_query), FIELD(limit_results), FIELD(min_term_length))
#undef SELF

#define SELF client_introduction_config
DESCRIBE(client_introduction_config, "ClientIntroduction", BASES(), FIELD(enforcement), FIELD(default_identity_ttl), FIELD(max_identity_ttl))
#undef SELF

#define SELF server_config
DESCRIBE(server_config, "Server", BASES(), FIELD(enabled), FIELD(authoritative_region), FIELD(bootstrap_expect), FIELD(client_introduction), FIELD(data_dir),
         FIELD(protocol_version), FIELD(raft_protocol), FIELD(raft_multiplier), FIELD(num_schedulers), FIELD(enabled_schedulers), FIELD(node_gc_threshold),
         FIELD(job_gc_interval), FIELD(job_gc_threshold), FIELD(eval_gc_threshold), FIELD(batch_eval_gc_threshold), FIELD(deployment_gc_threshold),
         FIELD(csi_volume_claim_gc_interval), FIELD(csi_volume_claim_gc_threshold), FIELD(csi_plugin_gc_threshold), FIELD(acl_token_gc_threshold),
         FIELD(root_key_gc_interval), FIELD(root_key_gc_threshold), FIELD(root_key_rotation_threshold), FIELD(heartbeat_grace), FIELD(min_heartbeat_ttl),
         FIELD(max_heartbeats_per_second), FIELD(failover_heartbeat_ttl), FIELD(start_join), FIELD(retry_join), FIELD(retry_max), FIELD(retry_interval),
         FIELD(rejoin_after_leave), FIELD(non_voting_server), FIELD(redundancy_zone), FIELD(upgrade_version), FIELD_FLAGS(encrypt, redacted),
         FIELD(server_join), FIELD(default_scheduler_config), FIELD(plan_rejection_tracker), FIELD(plan_apply_pipeline), FIELD(enable_event_broker),
         FIELD(event_buffer_size), FIELD(license_path), FIELD(search), FIELD(deploy_query_rate_limit), FIELD(raft_logstore), FIELD(raft_boltdb),
         FIELD(raft_snapshot_threshold), FIELD(raft_snapshot_interval), FIELD(raft_trailing_logs), FIELD(job_default_priority), FIELD(job_max_priority),
         FIELD(job_max_count), FIELD(job_max_source_size), FIELD(job_tracked_versions), FIELD(oidc_issuer), FIELD(start_timeout), FIELD(log_file),
         FIELD(non_production))
#undef SELF

#define SELF reserved_config
DESCRIBE(reserved_config, "Resources", BASES(), FIELD(cpu), FIELD(memory), FIELD(disk), FIELD(reserved_ports), FIELD(cores))
#undef SELF

#define SELF host_volume_config
DESCRIBE(host_volume_config, "ClientHostVolume", BASES(), FIELD(path), FIELD(read_only))
#undef SELF

#define SELF host_network_config
DESCRIBE(host_network_config, "ClientHostNetwork", BASES(), FIELD(cidr), FIELD(interface), FIELD(reserved_ports))
#undef SELF

#define SELF drain_on_shutdown_config
DESCRIBE(drain_on_shutdown_config, "DrainOnShutdown", BASES(), FIELD(deadline), FIELD(ignore_system_jobs), FIELD(force))
#undef SELF

#define SELF client_config
DESCRIBE(client_config, "Client", BASES(), FIELD(enabled), FIELD(state_dir), FIELD(alloc_dir), FIELD(alloc_mounts_dir), FIELD(host_volumes_dir),
         FIELD(host_volume_plugin_dir), FIELD(common_plugin_dir), FIELD(servers), FIELD(node_class), FIELD(node_pool), FIELD_FLAGS(intro_token, redacted),
         FIELD(options), FIELD(meta), FIELD(chroot_env), FIELD(network_interface), FIELD(preferred_address_family), FIELD(network_speed),
         FIELD(cpu_disable_dmidecode), FIELD(cpu_total_compute), FIELD(memory_total_mb), FIELD(disk_total_mb), FIELD(disk_free_mb), FIELD(reservable_cores),
         FIELD(max_kill_timeout), FIELD(client_max_port), FIELD(client_min_port), FIELD(max_dynamic_port), FIELD(min_dynamic_port), FIELD(reserved),
         FIELD(gc_interval), FIELD(gc_parallel_destroys), FIELD(gc_disk_usage_threshold), FIELD(gc_inode_usage_threshold), FIELD(gc_max_allocs),
         FIELD(gc_volumes_on_node_gc), FIELD(no_host_uuid), FIELD(disable_remote_exec), FIELD(template_), FIELD(server_join), FIELD(host_volume),
         FIELD(cni_path), FIELD(cni_config_dir), FIELD(bridge_network_name), FIELD(bridge_network_subnet), FIELD(bridge_network_subnet_ipv6),
         FIELD(bridge_network_hairpin_mode), FIELD(host_network), FIELD(bind_wildcard_default_host_network), FIELD(cgroup_parent),
         FIELD(nomad_service_discovery), FIELD(artifact), FIELD(drain_on_shutdown), FIELD(users), FIELD(node_max_allocs), FIELD(log_file), FIELD(fingerprint),
         FIELD(default_ineligible))
#undef SELF

#define SELF plugin_config
DESCRIBE(plugin_config, "Plugin", BASES(), FIELD(args), FIELD_FLAGS(config, redacted))
#undef SELF

#define SELF telemetry_config
DESCRIBE(telemetry_config, "Telemetry", BASES(), FIELD(in_memory_collection_interval), FIELD(in_memory_retention_period), FIELD(collection_interval),
         FIELD(statsite_address), FIELD(statsd_address), FIELD(datadog_address), FIELD(datadog_tags), FIELD(prometheus_metrics), FIELD(disable_hostname),
         FIELD(use_node_name), FIELD(publish_allocation_metrics), FIELD(publish_node_metrics), FIELD(include_alloc_metadata_in_metrics),
         FIELD(allowed_metadata_keys_in_metrics), FIELD(prefix_filter), FIELD(filter_default), FIELD(disable_dispatched_job_summary_metrics),
         FIELD(disable_quota_utilization_metrics), FIELD(disable_rpc_rate_metrics_labels), FIELD(disable_allocation_hook_metrics),
         FIELD_FLAGS(circonus_api_token, redacted), FIELD(circonus_api_app), FIELD(circonus_api_url), FIELD(circonus_submission_interval),
         FIELD(circonus_submission_url), FIELD(circonus_check_id), FIELD(circonus_check_force_metric_activation), FIELD(circonus_check_instance_id),
         FIELD(circonus_check_search_tag), FIELD(circonus_check_tags), FIELD(circonus_check_display_name), FIELD(circonus_broker_id),
         FIELD(circonus_broker_select_tag))
#undef SELF

#define SELF ui_config
DESCRIBE(ui_config, "UI", BASES(), FIELD(enabled), FIELD(show_cli_hints), FIELD(content_security_policy), FIELD(consul), FIELD(vault), FIELD(label))
#undef SELF

#define SELF agent_config
DESCRIBE(agent_config, "Config", BASES(), FIELD(region), FIELD(datacenter), FIELD_AS(name, "NodeName"), FIELD(data_dir), FIELD(plugin_dir), FIELD(log_level),
         FIELD(log_json), FIELD(log_include_location), FIELD(log_file), FIELD(log_rotate_duration), FIELD(log_rotate_bytes), FIELD(log_rotate_max_files),
         FIELD(bind_addr), FIELD(enable_debug), FIELD(leave_on_interrupt), FIELD(leave_on_terminate), FIELD(enable_syslog), FIELD(syslog_facility),
         FIELD(disable_update_check), FIELD(disable_anonymous_signature), FIELD_AS(http_api_response_headers, "HTTPAPIResponseHeaders"), FIELD(addresses),
         FIELD_AS(advertise, "AdvertiseAddrs"), FIELD(ports), FIELD(client), FIELD(server), FIELD_AS(acl, "ACL"), FIELD(telemetry), FIELD_AS(ui, "UI"),
         FIELD_AS(tls, "TLSConfig"), FIELD(plugin), FIELD(limits), FIELD(rpc), FIELD_FLAGS(consul, redacted), FIELD_FLAGS(vault, redacted), FIELD(sentinel),
         FIELD(autopilot), FIELD(audit), FIELD(reporting), FIELD_FLAGS(keyring, redacted), FIELD(eventlog))
#undef SELF

schema::scheduler_configuration initial_scheduler_config() {
  schema::scheduler_configuration out;
  out.scheduler_algorithm = "binpack";
  out.preemption_config.system_scheduler_enabled = true;
  return out;
}

schema::autopilot_config initial_autopilot_config() { return server::default_autopilot_configuration(); }

agent_config default_config() { return {}; }

agent_config dev_config() {
  agent_config out;
  out.dev_mode = true;
  out.bind_addr = "127.0.0.1";
  out.log_level = "DEBUG";
  out.enable_debug = true;
  out.disable_update_check = true;
  out.server.enabled = true;
  out.server.bootstrap_expect = 1;
  out.client.enabled = true;
  out.client.gc_interval = minutes(10);
  out.client.gc_disk_usage_threshold = 99;
  out.client.gc_inode_usage_threshold = 99;
  out.telemetry.prometheus_metrics = true;
  out.telemetry.publish_allocation_metrics = true;
  out.telemetry.publish_node_metrics = true;
  value::object enabled;
  enabled.set("enabled", true);
  out.plugin["raw_exec"].config = value(std::move(enabled));
  return out;
}

}  // namespace drover::agent
