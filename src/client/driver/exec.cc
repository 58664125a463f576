#include "client/driver/exec.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "client/driver/config_reader.h"

namespace drover::client {

namespace {
struct exec_config {
  std::string command, work_dir, pid_mode, ipc_mode;
  std::vector<std::string> args, cap_add, cap_drop;
};

result<> check_mode(std::string_view key, const std::string& mode) {
  if (mode == "private" || mode == "host") return {};
  return fail(errc::invalid, "{} of the exec driver must be \"private\" or \"host\", not \"{}\"", key, mode);
}

result<exec_config> decode(const value& config, const value& plugin) {
  auto preset = [&](std::string_view key) {
    auto* v = plugin.find(key);
    auto* text = v ? v->as_string() : nullptr;
    return text ? *text : std::string("private");
  };
  config_reader r("exec", config);
  exec_config out;
  out.command = r.required_text("command", "the program to run");
  out.args = r.texts("args");
  out.work_dir = r.text("work_dir");
  out.pid_mode = r.text("pid_mode", preset("default_pid_mode"));
  out.ipc_mode = r.text("ipc_mode", preset("default_ipc_mode"));
  out.cap_add = r.texts("cap_add");
  out.cap_drop = r.texts("cap_drop");
  TRY(r.finish());
  TRY(check_mode("pid_mode", out.pid_mode));
  TRY(check_mode("ipc_mode", out.ipc_mode));
  if (!out.work_dir.empty() && out.work_dir[0] != '/')
    return fail(errc::invalid, "work_dir of the exec driver must be an absolute path inside the task, not \"{}\"", out.work_dir);
  return out;
}

// The allocation's own names and resolvers, over the host's that came with chroot_env. A link in /etc points to where the host's file is.
void add_network_files(const task_network& network, std::vector<exec::mount_spec>& mounts) {
  for (auto& [source, target] : {std::pair{network.hosts_file, "/etc/hosts"}, {network.resolv_file, "/etc/resolv.conf"}}) {
    if (source.empty()) continue;
    std::error_code failed;
    auto seen = std::filesystem::canonical(target, failed);
    exec::mount_spec mount;
    mount.source = source;
    mount.target = failed ? std::string(target) : seen.string();
    mounts.push_back(std::move(mount));
  }
}
// What a task mounts goes over everything else; a longer path over a shorter one, whatever the job's order.
result<> add_volumes(const task_spec& task, std::vector<exec::mount_spec>& mounts) {
  auto volumes = task.mounts;
  std::ranges::sort(volumes, {}, [](const task_mount& m) { return std::pair(m.task_path.size(), m.task_path); });
  for (const auto& volume : volumes) {
    if (volume.propagation == "bidirectional")
      return fail(errc::unsupported, "the exec driver cannot mount {} with propagation_mode \"bidirectional\": \"private\" and \"host-to-task\" work", volume.task_path);
    mounts.push_back({.source = volume.host_path, .target = volume.task_path, .read_only = volume.read_only, .is_private = volume.propagation == "private"});
  }
  return {};
}
}  // namespace

schema::driver_info exec_driver::fingerprint() const {
  schema::driver_info info;
  if (::geteuid() != 0) {
    info.health_description = "Driver must run as root";
    return info;
  }
  info.detected = info.healthy = true;
  info.health_description = "Healthy";
  info.attributes["driver.exec"] = "true";
  return info;
}

result<> exec_driver::validate(const value& config) const {
  TRY(decode(config, plugin_));
  return {};
}

awaitable<result<std::unique_ptr<task_handle>>> exec_driver::start(task_spec task) {
  CO_TRY_ASSIGN(auto config, decode(task.config, plugin_));
  if (::geteuid() != 0) co_return fail(errc::unsupported, "the exec driver needs an agent that runs as root");
  std::vector<std::string> allowed;
  if (auto* caps = plugin_.find("allow_caps"); caps && caps->as_list())
    for (auto& c : *caps->as_list())
      if (c.as_string()) allowed.push_back(*c.as_string());
  auto spec = base_launch_spec(services_, task);
  CO_TRY_ASSIGN(spec.capabilities, exec::resolve_capabilities(allowed, config.cap_add, config.cap_drop));
  spec.command = config.command;
  spec.args = config.args;
  spec.work_dir = config.work_dir;
  spec.search_dirs = {"/local", "/"};
  if (spec.user.empty()) spec.user = "nobody";
  exec::isolation_spec isolation;
  isolation.root = task.dir.root;
  isolation.chroot_env = chroot_env_.empty() ? exec::default_chroot_env() : chroot_env_;
  exec::mount_spec shared;
  shared.source = task.shared_alloc_dir;
  shared.target = "/alloc";
  isolation.mounts.push_back(std::move(shared));
  add_network_files(task.network, isolation.mounts);
  CO_TRY(add_volumes(task, isolation.mounts));
  isolation.pid_namespace = config.pid_mode == "private";
  isolation.ipc_namespace = config.ipc_mode == "private";
  spec.isolation = std::move(isolation);
  exec::cgroup_limits limits{.cpu_shares = task.resources.cpu.cpu_shares,
                             .memory_mb = task.resources.memory.memory_mb,
                             .memory_max_mb = task.resources.memory.memory_max_mb,
                             .cores = {}};
  co_return co_await start_shim_task(services_, std::move(spec), std::move(limits), cgroup_name(task));
}

awaitable<result<std::unique_ptr<task_handle>>> exec_driver::recover(task_spec, std::string stored) {
  co_return co_await recover_shim_task(services_, std::move(stored), true);
}

}  // namespace drover::client
