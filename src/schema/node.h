// Client nodes, their resources and drivers, node pools and namespaces.
// Plain values; wire names and kinds are in the .cc beside this file. Fields and types follow the public wire (docs/parity.md).
#pragma once

#include "schema/describe.h"
#include "schema/fwd.h"
#include "schema/resources.h"
#include "schema/shared_text.h"
#include "schema/sparse.h"

namespace drover::schema {

struct csi_controller_info {
  bool supports_create_delete = false;
  bool supports_attach_detach = false;
  bool supports_list_volumes = false;
  bool supports_get_capacity = false;
  bool supports_create_delete_snapshot = false;
  bool supports_list_snapshots = false;
  bool supports_clone = false;
  bool supports_read_only_attach = false;
  bool supports_expand = false;
  bool supports_list_volumes_attached_nodes = false;
  bool supports_condition = false;
  bool supports_get = false;
  DROVER_RECORD(csi_controller_info);
};

struct csi_topology {
  std::map<std::string, std::string> segments;
  DROVER_RECORD(csi_topology);
};

struct csi_node_info {
  std::string id;
  int64_t max_volumes = 0;
  std::optional<schema::csi_topology> accessible_topology;
  bool requires_node_stage_volume = false;
  bool supports_stats = false;
  bool supports_expand = false;
  bool supports_condition = false;
  DROVER_RECORD(csi_node_info);
};

struct csi_info {
  std::string plugin_id;
  std::string alloc_id;
  bool healthy = false;
  std::string health_description;
  timestamp update_time;
  std::string provider;
  std::string provider_version;
  bool requires_controller_plugin = false;
  bool requires_topologies = false;
  std::optional<schema::csi_controller_info> controller_info;
  std::optional<schema::csi_node_info> node_info;
  DROVER_RECORD(csi_info);
};

struct client_host_network_config {
  std::string name;
  std::string cidr;
  std::string interface;
  std::string reserved_ports;
  DROVER_RECORD(client_host_network_config);
};

struct client_host_volume_config {
  std::string name;
  std::string path;
  bool read_only = false;
  std::string id;
  DROVER_RECORD(client_host_volume_config);
};

struct drain_metadata {
  timestamp started_at;
  timestamp updated_at;
  std::string status;
  std::string accessor_id;
  std::map<std::string, std::string> meta;
  DROVER_RECORD(drain_metadata);
};

struct drain_spec {
  duration deadline;
  bool ignore_system_jobs = false;
  DROVER_RECORD(drain_spec);
};

struct drain_strategy : drain_spec {
  timestamp force_deadline;
  timestamp started_at;
  DROVER_RECORD(drain_strategy);
};

struct driver_info {
  schema::shared_text_map attributes;
  bool detected = false;
  bool healthy = false;
  std::string health_description;
  timestamp update_time;
  DROVER_RECORD(driver_info);
};

struct legacy_node_cpu_resources {
  int64_t cpu_shares = 0;
  uint16_t total_cpu_cores = 0;
  std::vector<uint16_t> reservable_cpu_cores;
  DROVER_RECORD(legacy_node_cpu_resources);
};

struct namespace_capabilities {
  std::vector<std::string> enabled_task_drivers;
  std::vector<std::string> disabled_task_drivers;
  std::vector<std::string> enabled_network_modes;
  std::vector<std::string> disabled_network_modes;
  DROVER_RECORD(namespace_capabilities);
};

struct namespace_consul_configuration {
  std::string default_;
  std::vector<std::string> allowed;
  std::vector<std::string> denied;
  DROVER_RECORD(namespace_consul_configuration);
};

struct namespace_node_pool_configuration {
  std::string default_;
  std::vector<std::string> allowed;
  std::vector<std::string> denied;
  DROVER_RECORD(namespace_node_pool_configuration);
};

struct namespace_vault_configuration {
  std::string default_;
  std::vector<std::string> allowed;
  std::vector<std::string> denied;
  DROVER_RECORD(namespace_vault_configuration);
};

struct namespace_definition {
  std::string name;
  std::string description;
  std::string quota;
  std::optional<schema::namespace_capabilities> capabilities;
  std::optional<schema::namespace_node_pool_configuration> node_pool_configuration;
  std::optional<schema::namespace_vault_configuration> vault_configuration;
  std::optional<schema::namespace_consul_configuration> consul_configuration;
  std::map<std::string, std::string> meta;
  bytes hash;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  std::map<std::string, std::string> required_extra_claims;
  std::map<std::string, std::string> optional_extra_claims;
  DROVER_RECORD(namespace_definition);
};

struct node_event {
  std::string message;
  std::string subsystem;
  std::map<std::string, std::string> details;
  timestamp timestamp;
  uint64_t create_index = 0;
  DROVER_RECORD(node_event);
};

struct node_reserved_cpu_resources {
  uint64_t cpu_shares = 0;
  DROVER_RECORD(node_reserved_cpu_resources);
};

struct node_reserved_disk_resources {
  uint64_t disk_mb = 0;
  DROVER_RECORD(node_reserved_disk_resources);
};

struct node_reserved_memory_resources {
  uint64_t memory_mb = 0;
  DROVER_RECORD(node_reserved_memory_resources);
};

struct node_reserved_network_resources {
  std::string reserved_host_ports;
  DROVER_RECORD(node_reserved_network_resources);
};

struct node_reserved_resources {
  schema::node_reserved_cpu_resources cpu;
  schema::node_reserved_memory_resources memory;
  schema::node_reserved_disk_resources disk;
  schema::node_reserved_network_resources networks;
  DROVER_RECORD(node_reserved_resources);
};

struct device_attribute {
  std::optional<double> float_;
  std::optional<int64_t> int_;
  std::optional<std::string> string;
  std::optional<bool> bool_;
  std::string unit;
  DROVER_RECORD(device_attribute);
};

struct node_device_locality {
  std::string pci_bus_id;
  DROVER_RECORD(node_device_locality);
};

struct node_device {
  std::string id;
  bool healthy = false;
  std::string health_description;
  std::optional<schema::node_device_locality> locality;
  DROVER_RECORD(node_device);
};

struct node_device_resource {
  std::string vendor;
  std::string type;
  std::string name;
  std::vector<schema::node_device> instances;
  std::map<std::string, schema::device_attribute> attributes;
  DROVER_RECORD(node_device_resource);
};

struct node_disk_resources {
  int64_t disk_mb = 0;
  DROVER_RECORD(node_disk_resources);
};

struct node_memory_resources {
  int64_t memory_mb = 0;
  DROVER_RECORD(node_memory_resources);
};

struct node_network_address {
  std::string family;
  std::string alias;
  std::string address;
  std::string reserved_ports;
  std::string gateway;
  DROVER_RECORD(node_network_address);
};

struct node_network_resource {
  std::string mode;
  std::string device;
  std::string mac_address;
  int64_t speed = 0;
  std::vector<schema::node_network_address> addresses;
  DROVER_RECORD(node_network_resource);
};

struct node_processor_resources {
  value topology;
  DROVER_RECORD(node_processor_resources);
};

struct node_resources {
  schema::legacy_node_cpu_resources cpu;
  schema::node_processor_resources processors;
  schema::node_memory_resources memory;
  schema::node_disk_resources disk;
  std::vector<schema::node_device_resource> devices;
  std::vector<schema::node_network_resource> node_networks;
  std::vector<schema::network_resource> networks;
  int64_t min_dynamic_port = 0;
  int64_t max_dynamic_port = 0;
  DROVER_RECORD(node_resources);
};

struct node {
  std::string id;
  std::string secret_id;
  std::string datacenter;
  std::string name;
  std::string cgroup_parent;
  std::string http_addr;
  bool tls_enabled = false;
  schema::shared_text_map attributes;
  std::optional<schema::node_resources> node_resources;
  std::optional<schema::node_reserved_resources> reserved_resources;
  sparse<std::map<std::string, std::string>> links;
  std::map<std::string, std::string> meta;
  std::string node_class;
  std::string node_pool;
  std::string computed_class;
  boxed<schema::drain_strategy> drain_strategy;
  std::string scheduling_eligibility = "eligible";
  std::string status;
  std::string status_description;
  std::string identity_signing_key_id;
  int64_t status_updated_at = 0;
  std::vector<schema::node_event> events;
  std::map<std::string, schema::driver_info> drivers;
  sparse<std::map<std::string, schema::csi_info>> csi_controller_plugins;
  sparse<std::map<std::string, schema::csi_info>> csi_node_plugins;
  sparse<std::map<std::string, schema::client_host_volume_config>> host_volumes;
  bool gc_volumes_on_node_gc = false;
  sparse<std::map<std::string, schema::client_host_network_config>> host_networks;
  boxed<schema::drain_metadata> last_drain;
  int64_t node_max_allocs = 0;
  uint64_t last_missed_heartbeat_index = 0;
  uint64_t last_alloc_update_index = 0;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  bool drain = false;
  DROVER_RECORD(node);
};

struct node_pool_scheduler_configuration {
  std::string scheduler_algorithm;
  std::optional<bool> memory_oversubscription_enabled;
  DROVER_RECORD(node_pool_scheduler_configuration);
};

struct node_pool {
  std::string name;
  std::string description;
  std::map<std::string, std::string> meta;
  std::optional<schema::node_pool_scheduler_configuration> scheduler_configuration;
  duration node_identity_ttl;
  bytes hash;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  DROVER_RECORD(node_pool);
};

struct node_server_info {
  std::string rpc_advertise_addr;
  int32_t rpc_major_version = 0;
  int32_t rpc_minor_version = 0;
  std::string datacenter;
  DROVER_RECORD(node_server_info);
};

struct node_list_stub {
  std::string address;
  std::string id;
  std::map<std::string, std::string> attributes;
  std::string datacenter;
  std::string name;
  std::string node_class;
  std::string node_pool;
  std::string version;
  bool drain = false;
  std::string scheduling_eligibility;
  std::string status;
  std::string status_description;
  std::map<std::string, schema::driver_info> drivers;
  std::map<std::string, schema::client_host_volume_config> host_volumes;
  std::optional<schema::node_resources> node_resources;
  std::optional<schema::node_reserved_resources> reserved_resources;
  std::optional<schema::drain_metadata> last_drain;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  DROVER_RECORD(node_list_stub);
};

}  // namespace drover::schema
