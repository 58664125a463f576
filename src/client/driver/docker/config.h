// What the docker driver is told: by the agent's plugin block, and by a task. Values and pure functions; any thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/value.h"

namespace drover::client::docker {

struct registry_auth {
  std::string username, password, email, server_address;
  bool empty() const { return username.empty() && password.empty(); }
};

struct logging_config {
  std::string type;
  std::map<std::string, std::string> options;
};

// plugin "docker" { config { ... } }
struct options {
  std::string endpoint = "unix:///var/run/docker.sock";
  std::string auth_config_file, auth_helper;
  std::vector<std::string> extra_labels;
  logging_config logging{.type = "json-file", .options = {{"max-file", "2"}, {"max-size", "2m"}}};
  bool gc_image = true, gc_container = true;
  duration gc_image_delay = minutes(3);
  bool dangling = true, dangling_dry_run = false;
  duration dangling_period = minutes(5), dangling_grace = minutes(5);
  bool volumes = false;
  std::string selinux_label;
  bool allow_privileged = false;
  // Empty: docker's own defaults.
  std::vector<std::string> allow_caps;
  std::vector<std::string> allow_runtimes = {"runc", "nvidia"};
  // Empty: the one that is built into this program.
  std::string infra_image;
  duration infra_pull_timeout = minutes(5), pull_timeout = minutes(5), pull_activity_timeout = minutes(2);
  int64_t container_exists_attempts = 5, oom_score_adj = 0, pids_limit = 0;
  bool disable_log_collection = false;
  // "host", "container:..." that a task may ask for although volumes and privileges are off; empty: all but those of the host.
  std::vector<std::string> allowed_pid, allowed_ipc, allowed_userns, allowed_uts;
};
result<options> parse_options(const value& plugin);

struct mount {
  std::string type = "volume", target, source;
  bool read_only = false;
  std::string propagation;
  int64_t tmpfs_size = 0, tmpfs_mode = 0;
  bool no_copy = false;
  std::map<std::string, std::string> labels, driver_options;
  std::string driver;
};

struct device {
  std::string host_path, container_path, permissions = "rwm";
};

// task { config { ... } }
struct config {
  std::string image, load, command, work_dir, hostname, network_mode, runtime, mac_address, ipv4_address, ipv6_address, ipc_mode, pid_mode, uts_mode,
      userns_mode, cgroupns, volume_driver;
  std::vector<std::string> args, entrypoint, cap_add, cap_drop, dns_servers, dns_search_domains, dns_options, extra_hosts, group_add, network_aliases, ports,
      security_opt, volumes;
  bool has_entrypoint = false;
  std::map<std::string, std::string> labels, sysctl, storage_opt, ulimit;
  std::map<std::string, int64_t> port_map;
  std::vector<mount> mounts;
  std::vector<device> devices;
  registry_auth auth;
  std::optional<logging_config> logging;
  bool auth_soft_fail = false, force_pull = false, init = false, interactive = false, tty = false, privileged = false, readonly_rootfs = false,
       cpu_hard_limit = false, healthchecks_disabled = false, advertise_ipv6 = false;
  int64_t cpu_cfs_period = 0, memory_hard_limit = 0, oom_score_adj = 0, pids_limit = 0, shm_size = 0;
  // Zero: the plugin's.
  duration pull_timeout;
  int64_t container_exists_attempts = -1;
};
result<config> parse_config(const value& task);

// "redis:7" -> {"redis", "7"}; "host:5000/a/b" -> {..., "latest"}; "a@sha256:..." -> {"a", "sha256:..."}.
struct image_name {
  std::string repository, tag;
  bool is_digest = false;
  std::string text() const { return repository + (is_digest ? "@" : ":") + tag; }
  // Which registry: "docker.io" when none is named.
  std::string registry() const;
};
result<image_name> parse_image(std::string_view text);

}  // namespace drover::client::docker
