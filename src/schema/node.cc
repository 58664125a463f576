#include "schema/node.h"

#include "schema/describe_macros.h"

namespace drover::schema {

#define SELF csi_controller_info
DESCRIBE(csi_controller_info, "CSIControllerInfo", BASES(), FIELD(supports_create_delete), FIELD(supports_attach_detach), FIELD(supports_list_volumes),
         FIELD(supports_get_capacity), FIELD(supports_create_delete_snapshot), FIELD(supports_list_snapshots), FIELD(supports_clone),
         FIELD(supports_read_only_attach), FIELD(supports_expand), FIELD(supports_list_volumes_attached_nodes), FIELD(supports_condition), FIELD(supports_get))
#undef SELF

#define SELF csi_topology
DESCRIBE(csi_topology, "CSITopology", BASES(), FIELD(segments))
#undef SELF

#define SELF csi_node_info
DESCRIBE(csi_node_info, "CSINodeInfo", BASES(), FIELD(id), FIELD(max_volumes), FIELD(accessible_topology), FIELD(requires_node_stage_volume),
         FIELD(supports_stats), FIELD(supports_expand), FIELD(supports_condition))
#undef SELF

#define SELF csi_info
DESCRIBE(csi_info, "CSIInfo", BASES(), FIELD(plugin_id), FIELD(alloc_id), FIELD(healthy), FIELD(health_description), FIELD(update_time), FIELD(provider),
         FIELD(provider_version), FIELD(requires_controller_plugin), FIELD(requires_topologies), FIELD_FLAGS(controller_info, json_omit_empty),
         FIELD_FLAGS(node_info, json_omit_empty))
#undef SELF

#define SELF client_host_network_config
DESCRIBE(client_host_network_config, "ClientHostNetworkConfig", BASES(), FIELD(name), FIELD(cidr), FIELD(interface), FIELD(reserved_ports))
#undef SELF

#define SELF client_host_volume_config
DESCRIBE(client_host_volume_config, "ClientHostVolumeConfig", BASES(), FIELD(name), FIELD(path), FIELD(read_only), FIELD(id))
#undef SELF

#define SELF drain_metadata
DESCRIBE(drain_metadata, "DrainMetadata", BASES(), FIELD(started_at), FIELD(updated_at), FIELD(status), FIELD(accessor_id), FIELD(meta))
#undef SELF

#define SELF drain_spec
DESCRIBE(drain_spec, "DrainSpec", BASES(), FIELD(deadline), FIELD(ignore_system_jobs))
#undef SELF

#define SELF drain_strategy
DESCRIBE(drain_strategy, "DrainStrategy", BASES(drain_spec), FIELD(force_deadline), FIELD(started_at))
#undef SELF

#define SELF driver_info
DESCRIBE(driver_info, "DriverInfo", BASES(), FIELD(attributes), FIELD(detected), FIELD(healthy), FIELD(health_description), FIELD(update_time))
#undef SELF

#define SELF legacy_node_cpu_resources
DESCRIBE(legacy_node_cpu_resources, "LegacyNodeCpuResources", BASES(), FIELD_AS(cpu_shares, "CpuShares"), FIELD_AS(total_cpu_cores, "TotalCpuCores"),
         FIELD_AS(reservable_cpu_cores, "ReservableCpuCores"))
#undef SELF

#define SELF namespace_capabilities
DESCRIBE(namespace_capabilities, "NamespaceCapabilities", BASES(), FIELD(enabled_task_drivers), FIELD(disabled_task_drivers), FIELD(enabled_network_modes),
         FIELD(disabled_network_modes))
#undef SELF

#define SELF namespace_consul_configuration
DESCRIBE(namespace_consul_configuration, "NamespaceConsulConfiguration", BASES(), FIELD(default_), FIELD(allowed), FIELD(denied))
#undef SELF

#define SELF namespace_node_pool_configuration
DESCRIBE(namespace_node_pool_configuration, "NamespaceNodePoolConfiguration", BASES(), FIELD(default_), FIELD(allowed), FIELD(denied))
#undef SELF

#define SELF namespace_vault_configuration
DESCRIBE(namespace_vault_configuration, "NamespaceVaultConfiguration", BASES(), FIELD(default_), FIELD(allowed), FIELD(denied))
#undef SELF

#define SELF namespace_definition
DESCRIBE(namespace_definition, "Namespace", BASES(), FIELD(name), FIELD(description), FIELD(quota), FIELD(capabilities), FIELD(node_pool_configuration),
         FIELD(vault_configuration), FIELD(consul_configuration), FIELD(meta), FIELD(hash), FIELD(create_index), FIELD(modify_index),
         FIELD(required_extra_claims), FIELD(optional_extra_claims))
#undef SELF

#define SELF node_event
DESCRIBE(node_event, "NodeEvent", BASES(), FIELD(message), FIELD(subsystem), FIELD(details), FIELD(timestamp), FIELD(create_index))
#undef SELF

#define SELF node_reserved_cpu_resources
DESCRIBE(node_reserved_cpu_resources, "NodeReservedCpuResources", BASES(), FIELD_AS(cpu_shares, "CpuShares"))
#undef SELF

#define SELF node_reserved_disk_resources
DESCRIBE(node_reserved_disk_resources, "NodeReservedDiskResources", BASES(), FIELD(disk_mb))
#undef SELF

#define SELF node_reserved_memory_resources
DESCRIBE(node_reserved_memory_resources, "NodeReservedMemoryResources", BASES(), FIELD(memory_mb))
#undef SELF

#define SELF node_reserved_network_resources
DESCRIBE(node_reserved_network_resources, "NodeReservedNetworkResources", BASES(), FIELD(reserved_host_ports))
#undef SELF

#define SELF node_reserved_resources
DESCRIBE(node_reserved_resources, "NodeReservedResources", BASES(), FIELD_AS(cpu, "Cpu"), FIELD(memory), FIELD(disk), FIELD(networks))
#undef SELF

#define SELF device_attribute
DESCRIBE(device_attribute, "Attribute", BASES(), FIELD_FLAGS(float_, json_omit_empty), FIELD_FLAGS(int_, json_omit_empty), FIELD_FLAGS(string, json_omit_empty),
         FIELD_FLAGS(bool_, json_omit_empty), FIELD(unit))
#undef SELF

#define SELF node_device_locality
DESCRIBE(node_device_locality, "NodeDeviceLocality", BASES(), FIELD(pci_bus_id))
#undef SELF

#define SELF node_device
DESCRIBE(node_device, "NodeDevice", BASES(), FIELD(id), FIELD(healthy), FIELD(health_description), FIELD(locality))
#undef SELF

#define SELF node_device_resource
DESCRIBE(node_device_resource, "NodeDeviceResource", BASES(), FIELD(vendor), FIELD(type), FIELD(name), FIELD(instances), FIELD(attributes))
#undef SELF

#define SELF node_disk_resources
DESCRIBE(node_disk_resources, "NodeDiskResources", BASES(), FIELD(disk_mb))
#undef SELF

#define SELF node_memory_resources
DESCRIBE(node_memory_resources, "NodeMemoryResources", BASES(), FIELD(memory_mb))
#undef SELF

#define SELF node_network_address
DESCRIBE(node_network_address, "NodeNetworkAddress", BASES(), FIELD(family), FIELD(alias), FIELD(address), FIELD(reserved_ports), FIELD(gateway))
#undef SELF

#define SELF node_network_resource
DESCRIBE(node_network_resource, "NodeNetworkResource", BASES(), FIELD(mode), FIELD(device), FIELD(mac_address), FIELD(speed), FIELD(addresses))
#undef SELF

#define SELF node_processor_resources
DESCRIBE(node_processor_resources, "NodeProcessorResources", BASES(), FIELD(topology))
#undef SELF

#define SELF node_resources
DESCRIBE(node_resources, "NodeResources", BASES(), FIELD_AS(cpu, "Cpu"), FIELD(processors), FIELD(memory), FIELD(disk), FIELD(devices), FIELD(node_networks),
         FIELD(networks), FIELD(min_dynamic_port), FIELD(max_dynamic_port))
#undef SELF

#define SELF node
DESCRIBE(node, "Node", BASES(), FIELD(id), FIELD_FLAGS(secret_id, redacted), FIELD(datacenter), FIELD(name), FIELD(cgroup_parent), FIELD(http_addr),
         FIELD(tls_enabled), FIELD(attributes), FIELD(node_resources), FIELD(reserved_resources), FIELD(links), FIELD(meta), FIELD(node_class),
         FIELD(node_pool), FIELD(computed_class), FIELD(drain_strategy), FIELD(scheduling_eligibility), FIELD(status), FIELD(status_description),
         FIELD(identity_signing_key_id), FIELD(status_updated_at), FIELD(events), FIELD(drivers), FIELD(csi_controller_plugins), FIELD(csi_node_plugins),
         FIELD(host_volumes), FIELD(gc_volumes_on_node_gc), FIELD(host_networks), FIELD(last_drain), FIELD(node_max_allocs), FIELD(last_missed_heartbeat_index),
         FIELD(last_alloc_update_index), FIELD(create_index), FIELD(modify_index), FIELD_FLAGS(drain, json_only))
#undef SELF

#define SELF node_pool_scheduler_configuration
DESCRIBE(node_pool_scheduler_configuration, "NodePoolSchedulerConfiguration", BASES(), FIELD(scheduler_algorithm), FIELD(memory_oversubscription_enabled))
#undef SELF

#define SELF node_pool
DESCRIBE(node_pool, "NodePool", BASES(), FIELD(name), FIELD(description), FIELD(meta), FIELD(scheduler_configuration), FIELD(node_identity_ttl), FIELD(hash),
         FIELD(create_index), FIELD(modify_index))
#undef SELF

#define SELF node_server_info
DESCRIBE(node_server_info, "NodeServerInfo", BASES(), FIELD(rpc_advertise_addr), FIELD(rpc_major_version), FIELD(rpc_minor_version), FIELD(datacenter))
#undef SELF

#define SELF node_list_stub
DESCRIBE(node_list_stub, "NodeListStub", BASES(), FIELD(address), FIELD(id), FIELD_FLAGS(attributes, json_omit_empty), FIELD(datacenter), FIELD(name),
         FIELD(node_class), FIELD(node_pool), FIELD(version), FIELD(drain), FIELD(scheduling_eligibility), FIELD(status), FIELD(status_description),
         FIELD(drivers), FIELD(host_volumes), FIELD_FLAGS(node_resources, json_omit_empty), FIELD_FLAGS(reserved_resources, json_omit_empty), FIELD(last_drain),
         FIELD(create_index), FIELD(modify_index))
#undef SELF

}  // namespace drover::schema
