// What the exec driver needs beside a command: a root of its own, namespaces, capabilities. Values and pure helpers.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace drover::exec {

struct mount_spec {
  std::string source;
  // Below the root.
  std::string target;
  bool read_only = false;
  // A missing source is left out instead of an error.
  bool optional = false;
  // Mounts that the host makes below the source later are not seen.
  bool is_private = false;
};

struct device_spec {
  std::string host_path;
  std::string task_path;
};

// The task directory becomes the root. The shim is process 1 of the pid namespace: it reaps, and all ends with it.
struct isolation_spec {
  std::string root;
  // Host path -> path below the root; mounted read-only, not copied. Missing host paths are left out.
  std::map<std::string, std::string> chroot_env;
  // After chroot_env, in this order: the shared alloc dir, host volumes ... What is mounted below `root` on the host is
  // seen anyway.
  std::vector<mount_spec> mounts;
  std::vector<device_spec> devices;
  // Directories below the root that the task must not see into.
  std::vector<std::string> masked = {"private"};
  bool pid_namespace = true;
  bool ipc_namespace = true;
};

// The client's default for `chroot_env`.
const std::map<std::string, std::string>& default_chroot_env();

// Bit n is capability n.
struct capability_set {
  uint64_t bounding = 0;
  // Also effective for a user other than root: those a job asked for by cap_add.
  uint64_t ambient = 0;
};
// What a driver allows when its plugin block says nothing.
const std::vector<std::string>& default_allowed_capabilities();
// Names in any case, with or without "CAP_"; "all" in add and drop. Refuses unknown names and what is added but not
// allowed. `allowed` empty: the defaults. The result is the default set (of those allowed) plus `add` without `drop`.
result<capability_set> resolve_capabilities(const std::vector<std::string>& allowed, const std::vector<std::string>& add, const std::vector<std::string>& drop);

struct user_ids {
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint32_t> groups;
  std::string home;
};
// A user's name or number on this host.
result<user_ids> find_user(const std::string& user);

// "SIGTERM", "term", "15" -> 15. Unknown: invalid, with the nearest name.
result<int> parse_signal(std::string_view text);
// 15 -> "SIGTERM"; "SIG99" for what has no name.
std::string signal_name(int number);
// All names, for help and fingerprints.
const std::vector<std::string>& signal_names();

}  // namespace drover::exec
