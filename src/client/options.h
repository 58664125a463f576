// Everything the agent tells its node part: plain values, as decoded from the client block and the flags. Read-only after create().
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "base/value.h"
#include "schema/node.h"

namespace drover::client {

struct reserved_options {
  int64_t cpu = 0;  // MHz
  int64_t memory_mb = 0;
  int64_t disk_mb = 0;
  std::string ports;  // "22,80,8500-8600"
  // Processors by number, "0-3,8": those no task may have for itself, and those that tasks may (empty: all others).
  std::string cores, reservable_cores;
};

struct gc_options {
  duration interval = minutes(1);
  double disk_usage_threshold = 80;   // percent
  double inode_usage_threshold = 70;  // percent
  size_t max_allocs = 50;
  size_t parallel_destroys = 2;
};

// client.server_join: addresses are tried until one answers.
struct join_options {
  std::vector<std::string> retry_join;
  // 0: for ever; otherwise the agent gives up after so many tries.
  int64_t retry_max = 0;
  duration retry_interval = seconds(30);
};

// What allocations that do not use the host's network get.
struct network_options {
  std::string bridge_name = "nomad", bridge_subnet = "172.26.64.0/20", bridge_subnet_ipv6;
  bool bridge_hairpin = false;
  // Ports of the default host network are open on every address of the machine.
  bool bind_wildcard = true;
  // Directories with ":" between; files of networks.
  std::string cni_path = "/opt/cni/bin", cni_config_dir = "/opt/cni/config";
};

// Drivers that are programs of their own (docs/howto/external-drivers.md).
struct external_driver_options {
  // Every executable file in it is one. Empty: DATA/plugins.
  std::string directory;
  // Their arguments, by file name.
  std::map<std::string, std::vector<std::string>> args;
  // Ports that they may listen on, and that their helpers may.
  int64_t min_port = 14000, max_port = 14512;
};

struct drain_options {
  duration deadline = hours(1);
  bool ignore_system_jobs = false;
  bool force = false;
};

// client.template.
struct template_options {
  std::vector<std::string> function_denylist = {"executeTemplate", "plugin", "writeToFile"};
  bool disable_file_sandbox = false;
  duration max_stale = hours(87600);
  duration block_query_wait = minutes(5);
  duration wait_min = seconds(5), wait_max = minutes(4);
  // What a job's own wait may be; 0: unlimited.
  duration bound_min_low, bound_min_high, bound_max_low, bound_max_high;
  // nomad_retry; attempts 0: for ever.
  int64_t retry_attempts = 12;
  duration retry_backoff = milliseconds(250), retry_backoff_max = minutes(1);
};

// client.artifact.
struct artifact_options {
  duration http_read_timeout = minutes(30), git_timeout = minutes(30), s3_timeout = minutes(30);
  int64_t http_size_max = 100'000'000'000;
  int64_t unpacked_files_max = 4096, unpacked_size_max = 100'000'000'000;
  bool disable_inspection = false, disable_isolation = false;
  std::vector<std::string> extra_paths;
  // Variables of the agent that a fetch sees.
  std::vector<std::string> environment;
};

struct client_options {
  // Required, absolute. state_dir empty: DATA/client; alloc_dir empty: DATA/alloc.
  std::string data_dir, state_dir, alloc_dir;
  std::string region = "global", datacenter = "dc1";
  // Empty: the host's name.
  std::string node_name;
  std::string node_class, node_pool = "default";
  // With which a new node shows that it may register; empty: the file intro_token.jwt in the state directory, if there is one.
  std::string introduction_token;
  // A new node's id is made from the machine's own, so that it is the same when the data directory was lost.
  bool host_uuid = false;
  // A new node takes no work until somebody makes it eligible.
  bool default_ineligible = false;
  // When the servers forget this node they forget its volumes too.
  bool gc_volumes_on_node_gc = false;
  std::map<std::string, std::string> meta;
  // Legacy client.options.
  std::map<std::string, std::string> options;
  reserved_options reserved;
  // host:port where people reach this agent's HTTP API.
  std::string http_address;
  bool tls_enabled = false;

  // Empty: that of the default route, or loopback in dev mode.
  std::string network_interface;
  // "ipv4", "ipv6" or "": the order of the interface.
  std::string preferred_address_family;
  network_options network;
  int64_t network_speed = 0;      // Mbit/s, 0: measured
  int64_t cpu_total_compute = 0;  // MHz, 0: measured
  int64_t memory_total_mb = 0, disk_total_mb = 0;
  int64_t min_dynamic_port = 20000, max_dynamic_port = 32000;
  std::map<std::string, schema::client_host_network_config> host_networks;
  std::map<std::string, schema::client_host_volume_config> host_volumes;
  // Dynamic volumes: where they are made, and the plugins that make them. Empty: DATA/host_volumes, DATA/host_volume_plugins.
  std::string host_volumes_dir, host_volume_plugin_dir;
  std::map<std::string, std::string> chroot_env;
  std::string cgroup_parent;
  duration max_kill_timeout = seconds(30);
  int64_t node_max_allocs = 0;
  bool disable_remote_exec = false;
  bool service_discovery = true;
  // Plugin blocks by driver name: {"raw_exec": {"enabled": true}}.
  std::map<std::string, value> drivers;
  external_driver_options external_drivers;
  gc_options gc;
  template_options templates;
  artifact_options artifacts;

  // Where servers are, for a client that has none in its own process: host, host:port, [v6]:port; 4647 is the usual port.
  std::vector<std::string> servers;
  join_options server_join;
  // client::drain_for_shutdown() does as this says.
  std::optional<drain_options> drain_on_shutdown;

  // `agent -dev`: loopback network, raw_exec on, tasks are killed when the agent stops cleanly.
  bool dev_mode = false;
};

}  // namespace drover::client
