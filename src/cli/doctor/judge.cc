#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "base/text.h"
#include "cli/doctor/machine.h"

namespace drover::cli::doctor {
namespace {

constexpr uint64_t open_files_least = 4096;
constexpr uint64_t disk_free_least = 1ull << 30;
constexpr double disk_share_least = 0.1;
constexpr const char* controllers_needed[] = {"cpu", "memory", "pids"};

finding user(const machine_facts& f) {
  if (f.is_root) return {"user", verdict::ok, "root", ""};
  return {"user", verdict::warning, "not root", "Run the agent as root: exec, java, docker networks and bridge mode need it. raw_exec alone works without."};
}

// pidfd_open came with 5.3: without it a supervisor cannot wait for what it did not start.
finding kernel(const machine_facts& f) {
  auto dot = f.kernel_release.find('.');
  int major = std::atoi(f.kernel_release.c_str());
  int minor = dot == std::string::npos ? 0 : std::atoi(f.kernel_release.c_str() + dot + 1);
  if (major > 5 || (major == 5 && minor >= 3)) return {"kernel", verdict::ok, f.kernel_release, ""};
  return {"kernel", verdict::problem, f.kernel_release, "Use Linux 5.3 or newer."};
}

finding cgroups(const machine_facts& f) {
  if (!f.cgroup_controllers && f.cgroup_v1) return {"cgroups", verdict::ok, "version 1", ""};
  if (!f.cgroup_controllers) return {"cgroups", verdict::problem, "not mounted", "Mount them: mount -t cgroup2 none /sys/fs/cgroup"};
  std::vector<std::string> missing;
  for (auto name : controllers_needed)
    if (std::ranges::find(*f.cgroup_controllers, name) == f.cgroup_controllers->end()) missing.emplace_back(name);
  auto found = "version 2 with " + join(*f.cgroup_controllers, ", ");
  if (!missing.empty())
    return {"cgroups", verdict::warning, found,
            fmt::format("Without {} the limits of tasks are not kept: enable it in /sys/fs/cgroup/cgroup.subtree_control of the parent.", join(missing, ", "))};
  if (!f.cgroup_writable)
    return {"cgroups", verdict::warning, found + ", read-only here", "Give the agent write access to /sys/fs/cgroup; limits of tasks are not kept otherwise."};
  return {"cgroups", verdict::ok, found, ""};
}

finding namespaces(const machine_facts& f) {
  if (f.missing_namespaces.empty()) return {"namespaces", verdict::ok, "pid, mount, ipc, network", ""};
  return {"namespaces", verdict::problem, "missing: " + join(f.missing_namespaces, ", "),
          "Without them exec and java tasks are not isolated: use a kernel with namespaces, and see /proc/sys/user/max_*_namespaces."};
}

finding bridge(const machine_facts& f) {
  if (f.has_bridge && f.has_nftables && f.is_root)
    return {"bridge networks", verdict::ok,
            f.forwards ? "kernel bridge and nftables; packets are forwarded" : "kernel bridge and nftables; forwarding is switched on when needed", ""};
  if (!f.has_bridge)
    return {"bridge networks", verdict::warning, "the kernel has no bridge",
            "Groups with network mode \"bridge\" are not placed here: load the module bridge."};
  if (!f.has_nftables)
    return {"bridge networks", verdict::warning, "libnftables is not installed",
            "Groups with network mode \"bridge\" are not placed here: install libnftables1."};
  return {"bridge networks", verdict::warning, "only for root", "Groups with network mode \"bridge\" are not placed here: run the agent as root."};
}

finding docker(const machine_facts& f) {
  if (!f.docker_version.empty()) return {"docker", verdict::ok, f.docker_version, ""};
  if (!f.docker_installed) return {"docker", verdict::ok, "not installed: tasks with the driver docker are placed elsewhere", ""};
  return {"docker", verdict::warning, f.docker_error, "Start dockerd, or let the agent's user open its socket."};
}

finding disk(const machine_facts& f) {
  const auto& d = f.disk;
  if (!d.error.empty()) return {"disk", verdict::problem, d.error, "Choose another data_dir, or make it accessible."};
  auto share = d.total_bytes == 0 ? 0 : static_cast<double>(d.free_bytes) / static_cast<double>(d.total_bytes);
  auto found = fmt::format("{}: {:.1f} GiB free of {:.1f} GiB", d.path, static_cast<double>(d.free_bytes) / (1ull << 30),
                           static_cast<double>(d.total_bytes) / (1ull << 30));
  if (d.in_memory) return {"disk", verdict::warning, found + ", in memory", "What is there is gone after a reboot: choose a data_dir on a disk."};
  if (d.free_bytes < disk_free_least || share < disk_share_least) return {"disk", verdict::warning, found, "Make room: logs, images and allocations need it."};
  return {"disk", verdict::ok, found, ""};
}

finding clock(const machine_facts& f) {
  if (!f.clock_synchronised) return {"clock", verdict::warning, "the kernel does not say", ""};
  if (*f.clock_synchronised) return {"clock", verdict::ok, "synchronised", ""};
  return {"clock", verdict::warning, "not synchronised", "Tokens, certificates and schedules need the right time: run chrony or systemd-timesyncd."};
}

finding files(const machine_facts& f) {
  auto found = f.open_files_max == UINT64_MAX ? "no limit" : std::to_string(f.open_files_max);
  if (f.open_files_max >= open_files_least) return {"open files", verdict::ok, found, ""};
  return {"open files", verdict::warning, found, fmt::format("Raise the limit to {} or more (ulimit -n, LimitNOFILE=).", open_files_least)};
}

finding ports(const machine_facts& f, bool agent_runs) {
  if (agent_runs) return {"ports", verdict::ok, "an agent answers", ""};
  std::vector<std::string> numbers, taken;
  for (const auto& [port, why] : f.ports) {
    numbers.push_back(std::to_string(port));
    if (!why.empty()) taken.push_back(fmt::format("{}: {}", port, why));
  }
  if (taken.empty()) return {"ports", verdict::ok, join(numbers, ", ") + " are free", ""};
  return {"ports", verdict::problem, join(taken, "; "), "End what uses them, or choose others with the ports block."};
}

}  // namespace

std::vector<finding> judge(const machine_facts& facts, bool agent_runs) {
  return {user(facts),   kernel(facts), cgroups(facts), namespaces(facts), bridge(facts),
          docker(facts), disk(facts),   clock(facts),   files(facts),      ports(facts, agent_runs)};
}

}  // namespace drover::cli::doctor
