// CSI and dynamic host volumes, with their requests.
// Plain values; wire names and kinds are in the .cc beside this file. Fields and types follow the public wire (docs/parity.md).
#pragma once

#include "schema/alloc.h"
#include "schema/common.h"
#include "schema/describe.h"
#include "schema/fwd.h"
#include "schema/job.h"
#include "schema/node.h"
#include "schema/resources.h"

namespace drover::schema {

struct csi_plugin_delete_request : query_options {
  std::string id;
  DROVER_RECORD(csi_plugin_delete_request);
};

struct csi_plugin_delete_response : query_meta {
  DROVER_RECORD(csi_plugin_delete_response);
};

struct csi_plugin_get_request : query_options {
  std::string id;
  DROVER_RECORD(csi_plugin_get_request);
};

struct csi_plugin {
  std::string id;
  std::string provider;
  std::string version;
  bool controller_required = false;
  std::map<std::string, schema::csi_info> controllers;
  std::map<std::string, schema::csi_info> nodes;
  std::vector<schema::alloc_list_stub> allocations;
  int64_t controllers_healthy = 0;
  int64_t controllers_expected = 0;
  int64_t nodes_healthy = 0;
  int64_t nodes_expected = 0;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  int64_t create_time = 0;
  int64_t modify_time = 0;
  DROVER_RECORD(csi_plugin);
};

struct csi_plugin_get_response : query_meta {
  std::optional<schema::csi_plugin> plugin;
  DROVER_RECORD(csi_plugin_get_response);
};

struct csi_plugin_list_request : query_options {
  DROVER_RECORD(csi_plugin_list_request);
};

struct csi_plugin_list_stub {
  std::string id;
  std::string provider;
  bool controller_required = false;
  int64_t controllers_healthy = 0;
  int64_t controllers_expected = 0;
  int64_t nodes_healthy = 0;
  int64_t nodes_expected = 0;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  DROVER_RECORD(csi_plugin_list_stub);
};

struct csi_plugin_list_response : query_meta {
  std::vector<schema::csi_plugin_list_stub> plugins;
  DROVER_RECORD(csi_plugin_list_response);
};

struct csi_snapshot {
  std::string id;
  std::string external_source_volume_id;
  int64_t size_bytes = 0;
  int64_t create_time = 0;
  bool is_ready = false;
  std::string source_volume_id;
  std::string plugin_id;
  std::string name;
  std::map<std::string, std::string> secrets;
  std::map<std::string, std::string> parameters;
  DROVER_RECORD(csi_snapshot);
};

struct csi_snapshot_create_request : write_request {
  std::vector<schema::csi_snapshot> snapshots;
  DROVER_RECORD(csi_snapshot_create_request);
};

struct csi_snapshot_create_response : query_meta {
  std::vector<schema::csi_snapshot> snapshots;
  DROVER_RECORD(csi_snapshot_create_response);
};

struct csi_snapshot_delete_request : write_request {
  std::vector<schema::csi_snapshot> snapshots;
  DROVER_RECORD(csi_snapshot_delete_request);
};

struct csi_snapshot_delete_response : query_meta {
  DROVER_RECORD(csi_snapshot_delete_response);
};

struct csi_snapshot_list_request : query_options {
  std::string plugin_id;
  std::map<std::string, std::string> secrets;
  DROVER_RECORD(csi_snapshot_list_request);
};

struct csi_snapshot_list_response : query_meta {
  std::vector<schema::csi_snapshot> snapshots;
  DROVER_RECORD(csi_snapshot_list_response);
};

struct csi_topology_request {
  std::vector<schema::csi_topology> required;
  std::vector<schema::csi_topology> preferred;
  DROVER_RECORD(csi_topology_request);
};

struct csi_volume_capability {
  std::string access_mode;
  std::string attachment_mode;
  DROVER_RECORD(csi_volume_capability);
};

struct csi_volume_claim {
  std::string allocation_id;
  std::string node_id;
  std::string external_node_id;
  int64_t mode = 0;
  std::string access_mode;
  std::string attachment_mode;
  int64_t state = 0;
  DROVER_RECORD(csi_volume_claim);
};

struct csi_volume {
  std::string id;
  std::string name;
  std::string external_id;
  std::string namespace_;
  std::optional<schema::csi_topology_request> requested_topologies;
  std::vector<schema::csi_topology> topologies;
  std::string access_mode;
  std::string attachment_mode;
  std::optional<schema::csi_mount_options> mount_options;
  std::map<std::string, std::string> secrets;
  std::map<std::string, std::string> parameters;
  std::map<std::string, std::string> context;
  int64_t capacity = 0;
  int64_t requested_capacity_min = 0;
  int64_t requested_capacity_max = 0;
  std::vector<schema::csi_volume_capability> requested_capabilities;
  std::string clone_id;
  std::string snapshot_id;
  std::map<std::string, ref<schema::allocation>> read_allocs;
  std::map<std::string, ref<schema::allocation>> write_allocs;
  std::map<std::string, schema::csi_volume_claim> read_claims;
  std::map<std::string, schema::csi_volume_claim> write_claims;
  std::map<std::string, schema::csi_volume_claim> past_claims;
  bool schedulable = false;
  std::string plugin_id;
  std::string provider;
  std::string provider_version;
  bool controller_required = false;
  int64_t controllers_healthy = 0;
  int64_t controllers_expected = 0;
  int64_t nodes_healthy = 0;
  int64_t nodes_expected = 0;
  timestamp resource_exhausted;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  int64_t create_time = 0;
  int64_t modify_time = 0;
  DROVER_RECORD(csi_volume);
};

struct csi_volume_claim_request : write_request {
  std::string volume_id;
  std::string allocation_id;
  std::string node_id;
  std::string external_node_id;
  int64_t claim = 0;
  std::string access_mode;
  std::string attachment_mode;
  int64_t state = 0;
  int64_t timestamp = 0;
  DROVER_RECORD(csi_volume_claim_request);
};

struct csi_volume_claim_response : query_meta {
  std::map<std::string, std::string> publish_context;
  ref<schema::csi_volume> volume;
  DROVER_RECORD(csi_volume_claim_response);
};

struct csi_volume_create_request : write_request {
  std::vector<ref<schema::csi_volume>> volumes;
  int64_t timestamp = 0;
  bool policy_override = false;
  DROVER_RECORD(csi_volume_create_request);
};

struct csi_volume_create_response : query_meta {
  std::vector<ref<schema::csi_volume>> volumes;
  std::string warnings;
  DROVER_RECORD(csi_volume_create_response);
};

struct csi_volume_delete_request : write_request {
  std::vector<std::string> volume_ids;
  std::map<std::string, std::string> secrets;
  DROVER_RECORD(csi_volume_delete_request);
};

struct csi_volume_delete_response : query_meta {
  DROVER_RECORD(csi_volume_delete_response);
};

struct csi_volume_deregister_request : write_request {
  std::vector<std::string> volume_ids;
  bool force = false;
  DROVER_RECORD(csi_volume_deregister_request);
};

struct csi_volume_deregister_response : query_meta {
  DROVER_RECORD(csi_volume_deregister_response);
};

struct csi_volume_external_list_request : query_options {
  std::string plugin_id;
  DROVER_RECORD(csi_volume_external_list_request);
};

struct csi_volume_external_stub {
  std::string external_id;
  int64_t capacity_bytes = 0;
  std::map<std::string, std::string> volume_context;
  std::string clone_id;
  std::string snapshot_id;
  std::vector<std::string> published_external_node_ids;
  bool is_abnormal = false;
  std::string status;
  DROVER_RECORD(csi_volume_external_stub);
};

struct csi_volume_external_list_response : query_meta {
  std::vector<schema::csi_volume_external_stub> volumes;
  DROVER_RECORD(csi_volume_external_list_response);
};

struct csi_volume_get_request : query_options {
  std::string id;
  DROVER_RECORD(csi_volume_get_request);
};

struct csi_volume_get_response : query_meta {
  ref<schema::csi_volume> volume;
  DROVER_RECORD(csi_volume_get_response);
};

struct csi_volume_list_request : query_options {
  std::string plugin_id;
  std::string node_id;
  DROVER_RECORD(csi_volume_list_request);
};

struct csi_volume_list_stub {
  std::string id;
  std::string namespace_;
  std::string name;
  std::string external_id;
  std::vector<schema::csi_topology> topologies;
  std::string access_mode;
  std::string attachment_mode;
  int64_t current_readers = 0;
  int64_t current_writers = 0;
  bool schedulable = false;
  std::string plugin_id;
  std::string provider;
  bool controller_required = false;
  int64_t controllers_healthy = 0;
  int64_t controllers_expected = 0;
  int64_t nodes_healthy = 0;
  int64_t nodes_expected = 0;
  timestamp resource_exhausted;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  int64_t create_time = 0;
  int64_t modify_time = 0;
  DROVER_RECORD(csi_volume_list_stub);
};

struct csi_volume_list_response : query_meta {
  std::vector<schema::csi_volume_list_stub> volumes;
  DROVER_RECORD(csi_volume_list_response);
};

struct csi_volume_register_request : write_request {
  std::vector<ref<schema::csi_volume>> volumes;
  int64_t timestamp = 0;
  bool policy_override = false;
  DROVER_RECORD(csi_volume_register_request);
};

struct csi_volume_register_response : query_meta {
  std::vector<ref<schema::csi_volume>> volumes;
  std::string warnings;
  DROVER_RECORD(csi_volume_register_response);
};

struct csi_volume_unpublish_request : write_request {
  std::string volume_id;
  std::optional<schema::csi_volume_claim> claim;
  DROVER_RECORD(csi_volume_unpublish_request);
};

struct csi_volume_unpublish_response : query_meta {
  DROVER_RECORD(csi_volume_unpublish_response);
};

struct csi_controller_query {
  std::string controller_node_id;
  std::string plugin_id;
  DROVER_RECORD(csi_controller_query);
};

struct client_csi_controller_attach_volume_request : csi_controller_query {
  std::string volume_id;
  std::string client_csi_node_id;
  std::string attachment_mode;
  std::string access_mode;
  std::optional<schema::csi_mount_options> mount_options;
  bool read_only = false;
  std::map<std::string, std::string> secrets;
  std::map<std::string, std::string> volume_context;
  DROVER_RECORD(client_csi_controller_attach_volume_request);
};

struct client_csi_controller_attach_volume_response {
  std::map<std::string, std::string> publish_context;
  DROVER_RECORD(client_csi_controller_attach_volume_response);
};

struct client_csi_controller_create_snapshot_request : csi_controller_query {
  std::string external_source_volume_id;
  std::string name;
  std::map<std::string, std::string> secrets;
  std::map<std::string, std::string> parameters;
  DROVER_RECORD(client_csi_controller_create_snapshot_request);
};

struct client_csi_controller_create_snapshot_response {
  std::string id;
  std::string external_source_volume_id;
  int64_t size_bytes = 0;
  int64_t create_time = 0;
  bool is_ready = false;
  DROVER_RECORD(client_csi_controller_create_snapshot_response);
};

struct client_csi_controller_create_volume_request : csi_controller_query {
  std::string name;
  std::vector<schema::csi_volume_capability> volume_capabilities;
  std::optional<schema::csi_mount_options> mount_options;
  std::map<std::string, std::string> parameters;
  std::map<std::string, std::string> secrets;
  int64_t capacity_min = 0;
  int64_t capacity_max = 0;
  std::string snapshot_id;
  std::string clone_id;
  std::optional<schema::csi_topology_request> requested_topologies;
  DROVER_RECORD(client_csi_controller_create_volume_request);
};

struct client_csi_controller_create_volume_response {
  std::string external_volume_id;
  int64_t capacity_bytes = 0;
  std::map<std::string, std::string> volume_context;
  std::vector<schema::csi_topology> topologies;
  DROVER_RECORD(client_csi_controller_create_volume_response);
};

struct client_csi_controller_delete_snapshot_request : csi_controller_query {
  std::string id;
  std::map<std::string, std::string> secrets;
  DROVER_RECORD(client_csi_controller_delete_snapshot_request);
};

struct client_csi_controller_delete_snapshot_response {
  DROVER_RECORD(client_csi_controller_delete_snapshot_response);
};

struct client_csi_controller_delete_volume_request : csi_controller_query {
  std::string external_volume_id;
  std::map<std::string, std::string> secrets;
  DROVER_RECORD(client_csi_controller_delete_volume_request);
};

struct client_csi_controller_delete_volume_response {
  DROVER_RECORD(client_csi_controller_delete_volume_response);
};

struct client_csi_controller_detach_volume_request : csi_controller_query {
  std::string volume_id;
  std::string client_csi_node_id;
  std::map<std::string, std::string> secrets;
  DROVER_RECORD(client_csi_controller_detach_volume_request);
};

struct client_csi_controller_detach_volume_response {
  DROVER_RECORD(client_csi_controller_detach_volume_response);
};

struct client_csi_controller_expand_volume_request : csi_controller_query {
  std::string external_volume_id;
  value capacity_range;
  std::map<std::string, std::string> secrets;
  value volume_capability;
  DROVER_RECORD(client_csi_controller_expand_volume_request);
};

struct client_csi_controller_expand_volume_response {
  int64_t capacity_bytes = 0;
  bool node_expansion_required = false;
  DROVER_RECORD(client_csi_controller_expand_volume_response);
};

struct client_csi_controller_list_snapshots_request : csi_controller_query {
  int32_t max_entries = 0;
  std::string starting_token;
  std::map<std::string, std::string> secrets;
  DROVER_RECORD(client_csi_controller_list_snapshots_request);
};

struct client_csi_controller_list_snapshots_response {
  std::vector<schema::csi_snapshot> entries;
  std::string next_token;
  DROVER_RECORD(client_csi_controller_list_snapshots_response);
};

struct client_csi_controller_list_volumes_request : csi_controller_query {
  int32_t max_entries = 0;
  std::string starting_token;
  DROVER_RECORD(client_csi_controller_list_volumes_request);
};

struct client_csi_controller_list_volumes_response {
  std::vector<schema::csi_volume_external_stub> entries;
  std::string next_token;
  DROVER_RECORD(client_csi_controller_list_volumes_response);
};

struct client_csi_controller_validate_volume_request : csi_controller_query {
  std::string volume_id;
  std::vector<schema::csi_volume_capability> volume_capabilities;
  std::optional<schema::csi_mount_options> mount_options;
  std::map<std::string, std::string> secrets;
  std::string attachment_mode;
  std::string access_mode;
  std::map<std::string, std::string> parameters;
  std::map<std::string, std::string> context;
  DROVER_RECORD(client_csi_controller_validate_volume_request);
};

struct client_csi_controller_validate_volume_response {
  DROVER_RECORD(client_csi_controller_validate_volume_response);
};

struct client_csi_node_detach_volume_request {
  std::string plugin_id;
  std::string volume_id;
  std::string volume_namespace;
  std::string alloc_id;
  std::string node_id;
  std::string external_id;
  std::string attachment_mode;
  std::string access_mode;
  bool read_only = false;
  DROVER_RECORD(client_csi_node_detach_volume_request);
};

struct client_csi_node_detach_volume_response {
  DROVER_RECORD(client_csi_node_detach_volume_response);
};

struct client_csi_node_expand_volume_request {
  std::string plugin_id;
  std::string volume_id;
  std::string volume_namespace;
  std::string external_id;
  value capacity;
  std::optional<schema::csi_volume_claim> claim;
  DROVER_RECORD(client_csi_node_expand_volume_request);
};

struct client_csi_node_expand_volume_response {
  int64_t capacity_bytes = 0;
  DROVER_RECORD(client_csi_node_expand_volume_response);
};

struct client_host_volume_create_request {
  std::string id;
  std::string name;
  std::string plugin_id;
  std::string namespace_;
  std::string node_id;
  int64_t requested_capacity_min_bytes = 0;
  int64_t requested_capacity_max_bytes = 0;
  std::map<std::string, std::string> parameters;
  DROVER_RECORD(client_host_volume_create_request);
};

struct client_host_volume_create_response {
  std::string volume_name;
  std::string volume_id;
  std::string host_path;
  int64_t capacity_bytes = 0;
  DROVER_RECORD(client_host_volume_create_response);
};

struct client_host_volume_delete_request {
  std::string id;
  std::string name;
  std::string plugin_id;
  std::string namespace_;
  std::string node_id;
  std::string host_path;
  std::map<std::string, std::string> parameters;
  DROVER_RECORD(client_host_volume_delete_request);
};

struct client_host_volume_delete_response {
  std::string volume_name;
  std::string volume_id;
  DROVER_RECORD(client_host_volume_delete_response);
};

struct client_host_volume_register_request {
  std::string id;
  std::string name;
  std::string node_id;
  std::string host_path;
  int64_t capacity_bytes = 0;
  std::map<std::string, std::string> parameters;
  DROVER_RECORD(client_host_volume_register_request);
};

struct client_host_volume_register_response {
  DROVER_RECORD(client_host_volume_register_response);
};

struct host_volume_capability {
  std::string attachment_mode;
  std::string access_mode;
  DROVER_RECORD(host_volume_capability);
};

struct host_volume {
  std::string namespace_;
  std::string id;
  std::string name;
  std::string plugin_id;
  std::string node_pool;
  std::string node_id;
  std::vector<schema::constraint> constraints;
  int64_t requested_capacity_min_bytes = 0;
  int64_t requested_capacity_max_bytes = 0;
  int64_t capacity_bytes = 0;
  std::vector<schema::host_volume_capability> requested_capabilities;
  std::map<std::string, std::string> parameters;
  std::string host_path;
  std::string state;
  uint64_t create_index = 0;
  int64_t create_time = 0;
  uint64_t modify_index = 0;
  int64_t modify_time = 0;
  std::vector<schema::alloc_list_stub> allocations;
  DROVER_RECORD(host_volume);
};

struct host_volume_create_request : write_request {
  ref<schema::host_volume> volume;
  bool policy_override = false;
  DROVER_RECORD(host_volume_create_request);
};

struct host_volume_create_response : write_meta {
  ref<schema::host_volume> volume;
  std::string warnings;
  DROVER_RECORD(host_volume_create_response);
};

struct host_volume_delete_request : write_request {
  std::string volume_id;
  bool force = false;
  DROVER_RECORD(host_volume_delete_request);
};

struct host_volume_delete_response : write_meta {
  DROVER_RECORD(host_volume_delete_response);
};

struct host_volume_get_request : query_options {
  std::string id;
  DROVER_RECORD(host_volume_get_request);
};

struct host_volume_get_response : query_meta {
  ref<schema::host_volume> volume;
  DROVER_RECORD(host_volume_get_response);
};

struct host_volume_list_request : query_options {
  std::string node_id;
  std::string node_pool;
  DROVER_RECORD(host_volume_list_request);
};

struct host_volume_stub {
  std::string namespace_;
  std::string id;
  std::string name;
  std::string plugin_id;
  std::string node_pool;
  std::string node_id;
  int64_t capacity_bytes = 0;
  std::string state;
  uint64_t create_index = 0;
  int64_t create_time = 0;
  uint64_t modify_index = 0;
  int64_t modify_time = 0;
  DROVER_RECORD(host_volume_stub);
};

struct host_volume_list_response : query_meta {
  std::vector<schema::host_volume_stub> volumes;
  DROVER_RECORD(host_volume_list_response);
};

struct host_volume_register_request : write_request {
  ref<schema::host_volume> volume;
  bool policy_override = false;
  DROVER_RECORD(host_volume_register_request);
};

struct host_volume_register_response : write_meta {
  ref<schema::host_volume> volume;
  std::string warnings;
  DROVER_RECORD(host_volume_register_response);
};

struct task_group_volume_claim_delete_request : write_request {
  std::string claim_id;
  DROVER_RECORD(task_group_volume_claim_delete_request);
};

struct task_group_volume_claim_delete_response : write_meta {
  DROVER_RECORD(task_group_volume_claim_delete_response);
};

struct task_group_volume_claim_list_request : query_options {
  std::string task_group;
  std::string job_id;
  std::string volume_name;
  DROVER_RECORD(task_group_volume_claim_list_request);
};

struct task_group_host_volume_claim {
  std::string id;
  std::string namespace_;
  std::string job_id;
  std::string task_group_name;
  std::string alloc_id;
  std::string volume_id;
  std::string volume_name;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  DROVER_RECORD(task_group_host_volume_claim);
};

struct task_group_volume_claim_list_response : query_meta {
  std::vector<schema::task_group_host_volume_claim> claims;
  DROVER_RECORD(task_group_volume_claim_list_response);
};

}  // namespace drover::schema
