// What an agent is told by its configuration files and flags, as Nomad's agents read it: every key, its type and its default. Members are
// the keys' names; the description (config.cc) is what the reader walks, what agent/self shows and what "unknown key" suggests from.
//
// Plain values. Life: default_config() or dev_config(), then apply_file() for each file and apply_flags(), then finish().
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "schema/describe.h"
#include "schema/eval.h"
#include "schema/operator_rpc.h"

namespace drover::agent {

// One text for each of the three listeners.
struct addresses_config {
  std::string http, rpc, serf;
  DROVER_RECORD(addresses_config);
};

struct ports_config {
  int64_t http = 4646, rpc = 4647, serf = 4648;
  DROVER_RECORD(ports_config);
};

struct limits_config {
  duration https_handshake_timeout = seconds(5);
  int64_t http_max_conns_per_client = 100;
  duration rpc_handshake_timeout = seconds(5);
  int64_t rpc_max_conns_per_client = 100;
  DROVER_RECORD(limits_config);
};

struct acl_config {
  bool enabled = false;
  duration token_ttl = seconds(30), policy_ttl = seconds(30), role_ttl = seconds(30);
  std::string replication_token;
  duration token_min_expiration_ttl = minutes(1), token_max_expiration_ttl = hours(24);
  // Ours: who may read a job, but neither write it nor read-job-secrets, sees no values that are named as secrets.
  bool redact_job_values = true;
  DROVER_RECORD(acl_config);
};

struct tls_config {
  bool http = false, rpc = false, verify_server_hostname = false;
  std::string ca_file, cert_file, key_file;
  bool rpc_upgrade_mode = false, verify_https_client = false;
  std::string tls_cipher_suites, tls_min_version;
  DROVER_RECORD(tls_config);
};

struct server_join_config {
  std::vector<std::string> start_join, retry_join;
  int64_t retry_max = 0;
  duration retry_interval = seconds(30);
  DROVER_RECORD(server_join_config);
};

struct search_config {
  bool fuzzy_enabled = true;
  int64_t limit_query = 20, limit_results = 100, min_term_length = 2;
  DROVER_RECORD(search_config);
};

// What a new cluster's scheduler and autopilot start with.
schema::scheduler_configuration initial_scheduler_config();
schema::autopilot_config initial_autopilot_config();

struct client_introduction_config {
  std::string enforcement = "warn";
  duration default_identity_ttl = minutes(5), max_identity_ttl = minutes(30);
  DROVER_RECORD(client_introduction_config);
};

struct server_config {
  bool enabled = false;
  std::string authoritative_region;
  int64_t bootstrap_expect = 0;
  client_introduction_config client_introduction;
  std::string data_dir;
  int64_t protocol_version = 0, raft_protocol = 3, raft_multiplier = 1;
  // Negative: one for each processor.
  int64_t num_schedulers = -1;
  std::vector<std::string> enabled_schedulers;
  duration node_gc_threshold = hours(24), job_gc_interval = minutes(5), job_gc_threshold = hours(4), eval_gc_threshold = hours(1);
  duration batch_eval_gc_threshold = hours(24), deployment_gc_threshold = hours(1);
  duration csi_volume_claim_gc_interval = minutes(5), csi_volume_claim_gc_threshold = minutes(5), csi_plugin_gc_threshold = hours(1);
  duration acl_token_gc_threshold = hours(1), root_key_gc_interval = minutes(10), root_key_gc_threshold = hours(1);
  duration root_key_rotation_threshold = hours(720);
  duration heartbeat_grace = seconds(10), min_heartbeat_ttl = seconds(10);
  double max_heartbeats_per_second = 50;
  duration failover_heartbeat_ttl = minutes(5);
  std::vector<std::string> start_join, retry_join;
  int64_t retry_max = 0;
  duration retry_interval = seconds(30);
  bool rejoin_after_leave = false, non_voting_server = false;
  std::string redundancy_zone, upgrade_version, encrypt;
  server_join_config server_join;
  schema::scheduler_configuration default_scheduler_config = initial_scheduler_config();
  value plan_rejection_tracker;
  int64_t plan_apply_pipeline = 1;
  bool enable_event_broker = true;
  int64_t event_buffer_size = 100;
  std::string license_path;
  search_config search;
  double deploy_query_rate_limit = 100;
  value raft_logstore, raft_boltdb;
  int64_t raft_snapshot_threshold = 8192;
  duration raft_snapshot_interval = seconds(120);
  int64_t raft_trailing_logs = 10240;
  int64_t job_default_priority = 50, job_max_priority = 100, job_max_count = 50'000;
  std::string job_max_source_size = "1M";
  int64_t job_tracked_versions = 6;
  std::string oidc_issuer;
  duration start_timeout = seconds(30);
  std::string log_file;
  bool non_production = false;
  DROVER_RECORD(server_config);
};

struct reserved_config {
  int64_t cpu = 0, memory = 0, disk = 0;
  std::string reserved_ports, cores;
  DROVER_RECORD(reserved_config);
};

struct host_volume_config {
  std::string path;
  bool read_only = false;
  DROVER_RECORD(host_volume_config);
};

struct host_network_config {
  std::string cidr, interface, reserved_ports;
  DROVER_RECORD(host_network_config);
};

struct drain_on_shutdown_config {
  duration deadline = hours(1);
  bool ignore_system_jobs = false, force = false;
  DROVER_RECORD(drain_on_shutdown_config);
};

struct client_config {
  bool enabled = false;
  std::string state_dir, alloc_dir, alloc_mounts_dir, host_volumes_dir, host_volume_plugin_dir, common_plugin_dir;
  std::vector<std::string> servers;
  std::string node_class, node_pool = "default";
  // No setting of Nomad's: its flag and NOMAD_CLIENT_INTRO_TOKEN alone.
  std::string intro_token;
  std::map<std::string, std::string> options, meta, chroot_env;
  std::string network_interface, preferred_address_family;
  int64_t network_speed = 0;
  bool cpu_disable_dmidecode = false;
  int64_t cpu_total_compute = 0, memory_total_mb = 0, disk_total_mb = 0, disk_free_mb = 0;
  std::string reservable_cores;
  duration max_kill_timeout = seconds(30);
  int64_t client_max_port = 14512, client_min_port = 14000, max_dynamic_port = 32000, min_dynamic_port = 20000;
  reserved_config reserved;
  duration gc_interval = minutes(1);
  int64_t gc_parallel_destroys = 2;
  double gc_disk_usage_threshold = 80, gc_inode_usage_threshold = 70;
  int64_t gc_max_allocs = 50;
  bool gc_volumes_on_node_gc = false, no_host_uuid = true, disable_remote_exec = false;
  value template_;
  server_join_config server_join;
  std::map<std::string, host_volume_config> host_volume;
  std::string cni_path = "/opt/cni/bin", cni_config_dir = "/opt/cni/config";
  std::string bridge_network_name = "nomad", bridge_network_subnet = "172.26.64.0/20", bridge_network_subnet_ipv6;
  bool bridge_network_hairpin_mode = false;
  std::map<std::string, host_network_config> host_network;
  bool bind_wildcard_default_host_network = true;
  std::string cgroup_parent;
  bool nomad_service_discovery = true;
  value artifact;
  std::optional<drain_on_shutdown_config> drain_on_shutdown;
  value users;
  int64_t node_max_allocs = 0;
  std::string log_file;
  value fingerprint;
  bool default_ineligible = false;
  DROVER_RECORD(client_config);
};

struct plugin_config {
  std::vector<std::string> args;
  value config;
  DROVER_RECORD(plugin_config);
};

struct telemetry_config {
  duration in_memory_collection_interval = seconds(10), in_memory_retention_period = minutes(1), collection_interval = seconds(1);
  std::string statsite_address, statsd_address, datadog_address;
  std::vector<std::string> datadog_tags;
  bool prometheus_metrics = false, disable_hostname = false, use_node_name = false;
  bool publish_allocation_metrics = false, publish_node_metrics = false, include_alloc_metadata_in_metrics = false;
  std::vector<std::string> allowed_metadata_keys_in_metrics, prefix_filter;
  bool filter_default = true, disable_dispatched_job_summary_metrics = false, disable_quota_utilization_metrics = false;
  bool disable_rpc_rate_metrics_labels = false, disable_allocation_hook_metrics = false;
  std::string circonus_api_token, circonus_api_app, circonus_api_url, circonus_submission_interval, circonus_submission_url, circonus_check_id;
  std::string circonus_check_force_metric_activation, circonus_check_instance_id, circonus_check_search_tag, circonus_check_tags;
  std::string circonus_check_display_name, circonus_broker_id, circonus_broker_select_tag;
  DROVER_RECORD(telemetry_config);
};

struct ui_config {
  bool enabled = true, show_cli_hints = true;
  value content_security_policy, consul, vault, label;
  DROVER_RECORD(ui_config);
};

struct agent_config {
  std::string region = "global", datacenter = "dc1", name, data_dir, plugin_dir;
  std::string log_level = "INFO";
  bool log_json = false, log_include_location = false;
  std::string log_file;
  duration log_rotate_duration = hours(24);
  int64_t log_rotate_bytes = 0, log_rotate_max_files = 0;
  std::string bind_addr = "0.0.0.0";
  bool enable_debug = false, leave_on_interrupt = false, leave_on_terminate = false, enable_syslog = false;
  std::string syslog_facility = "LOCAL0";
  bool disable_update_check = false, disable_anonymous_signature = false;
  std::map<std::string, std::string> http_api_response_headers;
  addresses_config addresses, advertise;
  ports_config ports;
  client_config client;
  server_config server;
  acl_config acl;
  telemetry_config telemetry;
  ui_config ui;
  tls_config tls;
  std::map<std::string, plugin_config> plugin;
  limits_config limits;
  schema::autopilot_config autopilot = initial_autopilot_config();
  // Read in any shape: what they configure is not part of this release.
  value rpc, consul, vault, sentinel, audit, reporting, keyring, eventlog;
  DROVER_RECORD(agent_config);

  // Not keys: what the command line says besides.
  bool dev_mode = false;
  // Made for this run and removed at its clean end.
  bool data_dir_is_temporary = false;
  std::vector<std::string> files;
};

agent_config default_config();
// -dev: a server and a client on loopback that forget everything at their end.
agent_config dev_config();

// Reads one file (HCL, or JSON by its name) into `config`: what it says replaces what was there, lists are appended to, maps and labelled blocks
// merged. errc::invalid with the places of all problems.
result<> apply_text(agent_config& config, const std::string& name, std::string text);
// A file, or a directory with its *.hcl and *.json in lexical order.
result<> apply_path(agent_config& config, const std::string& path);

// Fills in what depends on the machine (name, addresses) and refuses what cannot run.
result<> finish(agent_config& config);

// Keys that are set and do nothing in this release: each a sentence for the log.
std::vector<std::string> unused_settings(const agent_config& config);

// host:port to listen on and to tell others, in finish()'s result.
std::string listen_address(const agent_config& config, std::string addresses_config::* which);
std::string advertised_address(const agent_config& config, std::string addresses_config::* which);
std::vector<std::string> http_listen_addresses(const agent_config& config);

}  // namespace drover::agent
