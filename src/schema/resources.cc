#include "schema/resources.h"

#include "schema/describe_macros.h"

namespace drover::schema {

#define SELF affinity
DESCRIBE(affinity, "Affinity", BASES(), FIELD(l_target), FIELD(r_target), FIELD(operand), FIELD(weight))
#undef SELF

#define SELF allocated_cpu_resources
DESCRIBE(allocated_cpu_resources, "AllocatedCpuResources", BASES(), FIELD_AS(cpu_shares, "CpuShares"), FIELD(reserved_cores))
#undef SELF

#define SELF allocated_device_resource
DESCRIBE(allocated_device_resource, "AllocatedDeviceResource", BASES(), FIELD(vendor), FIELD(type), FIELD(name), FIELD(device_ids))
#undef SELF

#define SELF allocated_memory_resources
DESCRIBE(allocated_memory_resources, "AllocatedMemoryResources", BASES(), FIELD(memory_mb), FIELD(memory_max_mb))
#undef SELF

#define SELF allocated_port_mapping
DESCRIBE(allocated_port_mapping, "AllocatedPortMapping", BASES(), FIELD(label), FIELD(value), FIELD(to), FIELD(host_ip), FIELD(ignore_collision))
#undef SELF

#define SELF cni_config
DESCRIBE(cni_config, "CNIConfig", BASES(), FIELD(args))
#undef SELF

#define SELF dns_config
DESCRIBE(dns_config, "DNSConfig", BASES(), FIELD(servers), FIELD(searches), FIELD(options))
#undef SELF

#define SELF port
DESCRIBE(port, "Port", BASES(), FIELD(label), FIELD(value), FIELD(to), FIELD(host_network), FIELD(ignore_collision))
#undef SELF

#define SELF network_resource
DESCRIBE(network_resource, "NetworkResource", BASES(), FIELD(mode), FIELD(device), FIELD(cidr), FIELD(ip), FIELD(hostname), FIELD_AS(mbits, "MBits"),
         FIELD(dns), FIELD(reserved_ports), FIELD(dynamic_ports), FIELD(cni))
#undef SELF

#define SELF allocated_shared_resources
DESCRIBE(allocated_shared_resources, "AllocatedSharedResources", BASES(), FIELD(networks), FIELD(disk_mb), FIELD(ports))
#undef SELF

#define SELF allocated_task_resources
DESCRIBE(allocated_task_resources, "AllocatedTaskResources", BASES(), FIELD_AS(cpu, "Cpu"), FIELD(memory), FIELD(networks), FIELD(devices))
#undef SELF

#define SELF task_lifecycle_config
DESCRIBE(task_lifecycle_config, "TaskLifecycleConfig", BASES(), FIELD(hook), FIELD(sidecar))
#undef SELF

#define SELF allocated_resources
DESCRIBE(allocated_resources, "AllocatedResources", BASES(), FIELD(tasks), FIELD(task_lifecycles), FIELD(shared))
#undef SELF

#define SELF constraint
DESCRIBE(constraint, "Constraint", BASES(), FIELD(l_target), FIELD(r_target), FIELD(operand))
#undef SELF

#define SELF numa
DESCRIBE(numa, "NUMA", BASES(), FIELD(affinity), FIELD(devices))
#undef SELF

#define SELF requested_device
DESCRIBE(requested_device, "RequestedDevice", BASES(), FIELD(name), FIELD(count), FIELD(constraints), FIELD(affinities))
#undef SELF

#define SELF resources
DESCRIBE(resources, "Resources", BASES(), FIELD(cpu), FIELD(cores), FIELD(memory_mb), FIELD(memory_max_mb), FIELD(disk_mb), FIELD_AS(iops, "IOPS"),
         FIELD(networks), FIELD(devices), FIELD(numa), FIELD(secrets_mb))
#undef SELF

}  // namespace drover::schema
