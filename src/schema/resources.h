// What a task asks for and what an allocation was given: CPU, memory, disk, networks, ports, devices.
// Plain values; wire names and kinds are in the .cc beside this file. Fields and types follow the public wire (docs/parity.md).
#pragma once

#include "schema/describe.h"
#include "schema/fwd.h"

namespace drover::schema {

struct affinity {
  std::string l_target;
  std::string r_target;
  std::string operand = "=";
  int8_t weight = 50;
  DROVER_RECORD(affinity);
};

struct allocated_cpu_resources {
  int64_t cpu_shares = 0;
  std::vector<uint16_t> reserved_cores;
  DROVER_RECORD(allocated_cpu_resources);
};

struct allocated_device_resource {
  std::string vendor;
  std::string type;
  std::string name;
  std::vector<std::string> device_ids;
  DROVER_RECORD(allocated_device_resource);
};

struct allocated_memory_resources {
  int64_t memory_mb = 0;
  int64_t memory_max_mb = 0;
  DROVER_RECORD(allocated_memory_resources);
};

struct allocated_port_mapping {
  std::string label;
  int64_t value = 0;
  int64_t to = 0;
  std::string host_ip;
  bool ignore_collision = false;
  DROVER_RECORD(allocated_port_mapping);
};

struct cni_config {
  std::map<std::string, std::string> args;
  DROVER_RECORD(cni_config);
};

struct dns_config {
  std::vector<std::string> servers;
  std::vector<std::string> searches;
  std::vector<std::string> options;
  DROVER_RECORD(dns_config);
};

struct port {
  std::string label;
  int64_t value = 0;
  int64_t to = 0;
  std::string host_network;
  bool ignore_collision = false;
  DROVER_RECORD(port);
};

struct network_resource {
  std::string mode;
  std::string device;
  std::string cidr;
  std::string ip;
  std::string hostname;
  int64_t mbits = 0;
  std::optional<schema::dns_config> dns;
  std::vector<schema::port> reserved_ports;
  std::vector<schema::port> dynamic_ports;
  std::optional<schema::cni_config> cni;
  DROVER_RECORD(network_resource);
};

struct allocated_shared_resources {
  std::vector<schema::network_resource> networks;
  int64_t disk_mb = 0;
  std::vector<schema::allocated_port_mapping> ports;
  DROVER_RECORD(allocated_shared_resources);
};

struct allocated_task_resources {
  schema::allocated_cpu_resources cpu;
  schema::allocated_memory_resources memory;
  std::vector<schema::network_resource> networks;
  std::vector<schema::allocated_device_resource> devices;
  DROVER_RECORD(allocated_task_resources);
};

struct task_lifecycle_config {
  std::string hook;
  bool sidecar = false;
  DROVER_RECORD(task_lifecycle_config);
};

struct allocated_resources {
  std::map<std::string, schema::allocated_task_resources> tasks;
  std::map<std::string, std::optional<schema::task_lifecycle_config>> task_lifecycles;
  schema::allocated_shared_resources shared;
  DROVER_RECORD(allocated_resources);
};

struct constraint {
  std::string l_target;
  std::string r_target;
  std::string operand = "=";
  DROVER_RECORD(constraint);
};

struct numa {
  std::string affinity;
  std::vector<std::string> devices;
  DROVER_RECORD(numa);
};

struct requested_device {
  std::string name;
  uint64_t count = 1;
  std::vector<schema::constraint> constraints;
  std::vector<schema::affinity> affinities;
  DROVER_RECORD(requested_device);
};

struct resources {
  int64_t cpu = 0;
  int64_t cores = 0;
  int64_t memory_mb = 0;
  int64_t memory_max_mb = 0;
  int64_t disk_mb = 0;
  int64_t iops = 0;
  std::vector<schema::network_resource> networks;
  std::vector<schema::requested_device> devices;
  std::optional<schema::numa> numa;
  int64_t secrets_mb = 0;
  DROVER_RECORD(resources);
};

}  // namespace drover::schema
