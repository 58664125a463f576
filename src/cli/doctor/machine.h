// What a machine must have so that a node runs every kind of work: facts of it are gathered once, and judged by pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace drover::cli::doctor {

enum class verdict { ok, warning, problem };

struct finding {
  std::string name;
  verdict state = verdict::ok;
  std::string found;   // a sentence: how it is
  std::string advice;  // what to do; empty where it is well
};

struct disk_facts {
  std::string path, error;
  uint64_t total_bytes = 0, free_bytes = 0;
  bool in_memory = false;
};

struct machine_facts {
  bool is_root = false;
  std::string kernel_release;
  // Controllers of version 2; nothing: that is not mounted.
  std::optional<std::vector<std::string>> cgroup_controllers;
  bool cgroup_v1 = false;
  bool cgroup_writable = false;
  // Names of /proc/self/ns that are missing, or of which /proc/sys/user allows none.
  std::vector<std::string> missing_namespaces;
  bool has_bridge = false, has_nftables = false, forwards = false;
  // Empty error: it answers.
  std::string docker_version, docker_error;
  bool docker_installed = false;
  std::optional<bool> clock_synchronised;
  uint64_t open_files_max = 0;
  disk_facts disk;
  // Of ports that an agent would use: why they cannot be had; empty: they are free.
  std::map<int, std::string> ports;
};

// Reads files below `root` ("" on a real machine), and asks the kernel. Takes milliseconds, at most a second for a docker that does not answer.
machine_facts look_at_machine(const std::string& root, const std::string& data_dir, bool agent_runs);
std::vector<finding> judge(const machine_facts& facts, bool agent_runs);

}  // namespace drover::cli::doctor
