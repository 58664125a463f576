// Requests and answers of the Status, Operator, Search, Namespace, Agent, Event and System methods.
// Plain values; wire names and kinds are in the .cc beside this file. Fields and types follow the public wire (docs/parity.md).
#pragma once

#include "schema/common.h"
#include "schema/describe.h"
#include "schema/eval.h"
#include "schema/fwd.h"
#include "schema/job.h"
#include "schema/node.h"
#include "schema/resources.h"
#include "schema/stats.h"

namespace drover::schema {

struct agent_pprof_request : query_options {
  std::string req_type;
  std::string profile;
  int64_t seconds = 0;
  int64_t debug = 0;
  int64_t gc = 0;
  std::string node_id;
  std::string server_id;
  DROVER_RECORD(agent_pprof_request);
};

struct agent_pprof_response {
  std::string agent_id;
  bytes payload;
  std::map<std::string, std::string> http_headers;
  DROVER_RECORD(agent_pprof_response);
};

struct autopilot_config {
  bool cleanup_dead_servers = false;
  duration server_stabilization_time;
  duration last_contact_threshold;
  uint64_t max_trailing_logs = 0;
  uint64_t min_quorum = 0;
  bool enable_redundancy_zones = false;
  bool disable_upgrade_migration = false;
  bool enable_custom_upgrades = false;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  DROVER_RECORD(autopilot_config);
};

struct autopilot_set_config_request : write_request {
  std::string datacenter;
  schema::autopilot_config config;
  bool cas = false;
  DROVER_RECORD(autopilot_set_config_request);
};

struct client_stats_response : query_meta {
  std::optional<schema::host_stats> host_stats;
  DROVER_RECORD(client_stats_response);
};

struct event_json {
  bytes data;
  DROVER_RECORD(event_json);
};

struct event_stream_request : query_options {
  std::map<std::string, std::vector<std::string>> topics;
  int64_t index = 0;
  DROVER_RECORD(event_stream_request);
};

struct fuzzy_search_request : query_options {
  std::string text;
  std::string context;
  DROVER_RECORD(fuzzy_search_request);
};

struct fuzzy_match {
  std::string id;
  std::vector<std::string> scope;
  DROVER_RECORD(fuzzy_match);
};

struct fuzzy_search_response : query_meta {
  std::map<std::string, std::vector<schema::fuzzy_match>> matches;
  std::map<std::string, bool> truncations;
  DROVER_RECORD(fuzzy_search_response);
};

struct host_data_request : query_options {
  std::string server_id;
  std::string node_id;
  DROVER_RECORD(host_data_request);
};

struct host_data_response {
  std::string agent_id;
  std::optional<schema::host_data> host_data;
  DROVER_RECORD(host_data_response);
};

struct raft_id_address {
  std::string address;
  std::string id;
  DROVER_RECORD(raft_id_address);
};

struct leadership_transfer_response {
  schema::raft_id_address from;
  schema::raft_id_address to;
  bool noop = false;
  std::string err;
  DROVER_RECORD(leadership_transfer_response);
};

struct monitor_export_request : query_options {
  std::string node_id;
  std::string server_id;
  std::string service_name;
  bool follow = false;
  std::string logs_since;
  bool on_disk = false;
  std::string nomad_log_path;
  bool plain_text = false;
  DROVER_RECORD(monitor_export_request);
};

struct monitor_request : query_options {
  std::string log_level;
  bool log_json = false;
  bool log_include_location = false;
  std::string node_id;
  std::string server_id;
  bool plain_text = false;
  DROVER_RECORD(monitor_request);
};

struct namespace_delete_request : write_request {
  std::vector<std::string> namespaces;
  DROVER_RECORD(namespace_delete_request);
};

struct namespace_list_request : query_options {
  DROVER_RECORD(namespace_list_request);
};

struct namespace_list_response : query_meta {
  std::vector<ref<schema::namespace_definition>> namespaces;
  DROVER_RECORD(namespace_list_response);
};

struct namespace_set_request : query_options {
  std::vector<std::string> namespaces;
  DROVER_RECORD(namespace_set_request);
};

struct namespace_set_response : query_meta {
  std::map<std::string, ref<schema::namespace_definition>> namespaces;
  DROVER_RECORD(namespace_set_response);
};

struct namespace_specific_request : query_options {
  std::string name;
  DROVER_RECORD(namespace_specific_request);
};

struct namespace_upsert_request : write_request {
  std::vector<ref<schema::namespace_definition>> namespaces;
  DROVER_RECORD(namespace_upsert_request);
};

struct autopilot_zone_upgrade_versions {
  std::vector<std::string> target_version_voters;
  std::vector<std::string> target_version_non_voters;
  std::vector<std::string> other_version_voters;
  std::vector<std::string> other_version_non_voters;
  DROVER_RECORD(autopilot_zone_upgrade_versions);
};

struct autopilot_upgrade {
  std::string status;
  std::string target_version;
  std::vector<std::string> target_version_voters;
  std::vector<std::string> target_version_non_voters;
  std::vector<std::string> target_version_read_replicas;
  std::vector<std::string> other_version_voters;
  std::vector<std::string> other_version_non_voters;
  std::vector<std::string> other_version_read_replicas;
  std::map<std::string, schema::autopilot_zone_upgrade_versions> redundancy_zones;
  DROVER_RECORD(autopilot_upgrade);
};

struct autopilot_zone {
  std::vector<std::string> servers;
  std::vector<std::string> voters;
  int64_t failure_tolerance = 0;
  DROVER_RECORD(autopilot_zone);
};

struct server_health {
  std::string id;
  std::string name;
  std::string address;
  std::string serf_status;
  std::string version;
  bool leader = false;
  duration last_contact;
  uint64_t last_term = 0;
  uint64_t last_index = 0;
  bool healthy = false;
  bool voter = false;
  timestamp stable_since;
  DROVER_RECORD(server_health);
};

struct operator_health_reply {
  bool healthy = false;
  int64_t failure_tolerance = 0;
  std::vector<schema::server_health> servers;
  std::string leader;
  std::vector<std::string> voters;
  std::vector<std::string> read_replicas;
  std::map<std::string, schema::autopilot_zone> redundancy_zones;
  std::optional<schema::autopilot_upgrade> upgrade;
  int64_t optimistic_failure_tolerance = 0;
  DROVER_RECORD(operator_health_reply);
};

struct raft_server {
  std::string id;
  std::string node;
  std::string address;
  bool leader = false;
  bool voter = false;
  std::string raft_protocol;
  DROVER_RECORD(raft_server);
};

struct raft_configuration_response {
  std::vector<schema::raft_server> servers;
  uint64_t index = 0;
  DROVER_RECORD(raft_configuration_response);
};

struct raft_peer_by_address_request : write_request {
  std::string address;
  DROVER_RECORD(raft_peer_by_address_request);
};

struct raft_peer_by_id_request : write_request {
  std::string id;
  DROVER_RECORD(raft_peer_by_id_request);
};

struct raft_peer_request : raft_id_address, write_request {
  DROVER_RECORD(raft_peer_request);
};

struct raft_stats {
  std::string last_contact;
  uint64_t last_term = 0;
  uint64_t last_index = 0;
  DROVER_RECORD(raft_stats);
};

struct scheduler_configuration_response : query_meta {
  std::optional<schema::scheduler_configuration> scheduler_config;
  DROVER_RECORD(scheduler_configuration_response);
};

struct scheduler_set_config_request : write_request {
  schema::scheduler_configuration config;
  bool cas = false;
  DROVER_RECORD(scheduler_set_config_request);
};

struct scheduler_set_configuration_response : write_meta {
  bool updated = false;
  DROVER_RECORD(scheduler_set_configuration_response);
};

struct search_request : query_options {
  std::string context;
  DROVER_RECORD(search_request);
};

struct search_response : query_meta {
  std::map<std::string, std::vector<std::string>> matches;
  std::map<std::string, bool> truncations;
  DROVER_RECORD(search_response);
};

struct agent_member {
  std::string name;
  std::string addr;
  uint64_t port = 0;
  std::map<std::string, std::string> tags;
  std::string status;
  uint64_t protocol_min = 0;
  uint64_t protocol_max = 0;
  uint64_t protocol_cur = 0;
  uint64_t delegate_min = 0;
  uint64_t delegate_max = 0;
  uint64_t delegate_cur = 0;
  DROVER_RECORD(agent_member);
};

struct server_members_response {
  std::string server_name;
  std::string server_region;
  std::string server_dc;
  std::vector<schema::agent_member> members;
  DROVER_RECORD(server_members_response);
};

struct single_namespace_response : query_meta {
  ref<schema::namespace_definition> namespace_;
  DROVER_RECORD(single_namespace_response);
};

struct single_scaling_policy_response : query_meta {
  std::optional<schema::scaling_policy> policy;
  DROVER_RECORD(single_scaling_policy_response);
};

struct snapshot_restore_request : write_request {
  DROVER_RECORD(snapshot_restore_request);
};

struct snapshot_save_request : query_options {
  DROVER_RECORD(snapshot_save_request);
};

struct upgrade_check_vault_workload_identity_request : query_options {
  DROVER_RECORD(upgrade_check_vault_workload_identity_request);
};

struct vault_accessor {
  std::string alloc_id;
  std::string task;
  std::string node_id;
  std::string accessor;
  int64_t creation_ttl = 0;
  uint64_t create_index = 0;
  DROVER_RECORD(vault_accessor);
};

struct upgrade_check_vault_workload_identity_response : query_meta {
  std::vector<schema::job_list_stub> jobs_without_vault_identity;
  std::vector<schema::node_list_stub> outdated_nodes;
  std::vector<schema::vault_accessor> vault_tokens;
  DROVER_RECORD(upgrade_check_vault_workload_identity_response);
};

struct agent_health {
  bool ok = false;
  std::string message;
  DROVER_RECORD(agent_health);
};

struct agent_health_response {
  std::optional<schema::agent_health> client;
  std::optional<schema::agent_health> server;
  DROVER_RECORD(agent_health_response);
};

struct agent_scheduler_worker_config_request {
  int64_t num_schedulers = 0;
  std::vector<std::string> enabled_schedulers;
  DROVER_RECORD(agent_scheduler_worker_config_request);
};

struct agent_scheduler_worker_config_response {
  std::string server_id;
  int64_t num_schedulers = 0;
  std::vector<std::string> enabled_schedulers;
  DROVER_RECORD(agent_scheduler_worker_config_response);
};

struct agent_scheduler_worker_info {
  std::string id;
  std::vector<std::string> enabled_schedulers;
  std::string started;
  std::string status;
  std::string workload_status;
  DROVER_RECORD(agent_scheduler_worker_info);
};

struct agent_scheduler_workers_info {
  std::string server_id;
  std::vector<schema::agent_scheduler_worker_info> schedulers;
  DROVER_RECORD(agent_scheduler_workers_info);
};

struct event {
  std::string topic;
  std::string type;
  std::string key;
  std::vector<std::string> filter_keys;
  uint64_t index = 0;
  std::map<std::string, value> payload;
  DROVER_RECORD(event);
};

struct event_batch {
  uint64_t index = 0;
  std::vector<schema::event> events;
  std::string err;
  DROVER_RECORD(event_batch);
};

struct quota_storage_resources {
  int64_t variables_mb = 0;
  int64_t host_volumes_mb = 0;
  DROVER_RECORD(quota_storage_resources);
};

struct node_pool_limit {
  std::string node_pool;
  std::optional<int64_t> cpu;
  std::optional<int64_t> cores;
  std::optional<int64_t> memory_mb;
  std::optional<int64_t> memory_max_mb;
  std::vector<schema::requested_device> devices;
  std::optional<schema::numa> numa;
  std::optional<int64_t> secrets_mb;
  std::optional<schema::quota_storage_resources> storage;
  DROVER_RECORD(node_pool_limit);
};

struct quota_resources {
  std::optional<int64_t> cpu;
  std::optional<int64_t> cores;
  std::optional<int64_t> memory_mb;
  std::optional<int64_t> memory_max_mb;
  std::vector<schema::requested_device> devices;
  std::optional<schema::numa> numa;
  std::optional<int64_t> secrets_mb;
  std::optional<schema::quota_storage_resources> storage;
  std::vector<schema::node_pool_limit> node_pools;
  DROVER_RECORD(quota_resources);
};

struct quota_limit {
  std::string region;
  std::optional<schema::quota_resources> region_limit;
  std::optional<int64_t> variables_limit;
  bytes hash;
  DROVER_RECORD(quota_limit);
};

struct quota_spec {
  std::string name;
  std::string description;
  std::vector<schema::quota_limit> limits;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  DROVER_RECORD(quota_spec);
};

struct quota_usage {
  std::string name;
  std::map<std::string, schema::quota_limit> used;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  DROVER_RECORD(quota_usage);
};

struct tag_version_request : write_request {
  uint64_t version = 0;
  bool latest = false;
  std::string description;
  DROVER_RECORD(tag_version_request);
};

}  // namespace drover::schema
