#include "client/driver/isolated.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "client/driver/user_rules.h"

namespace drover::client {

namespace {
constexpr const char* default_user = "nobody";

result<> check_mode(const std::string& driver, std::string_view key, const std::string& mode) {
  if (mode == "private" || mode == "host") return {};
  return fail(errc::invalid, "{} of the {} driver must be \"private\" or \"host\", not \"{}\"", key, driver, mode);
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
result<> add_volumes(const std::string& driver, const task_spec& task, std::vector<exec::mount_spec>& mounts) {
  auto volumes = task.mounts;
  std::ranges::sort(volumes, {}, [](const task_mount& m) { return std::pair(m.task_path.size(), m.task_path); });
  for (const auto& volume : volumes) {
    if (volume.propagation == "bidirectional")
      return fail(errc::unsupported, "the {} driver cannot mount {} with propagation_mode \"bidirectional\": \"private\" and \"host-to-task\" work", driver,
                  volume.task_path);
    mounts.push_back({.source = volume.host_path, .target = volume.task_path, .read_only = volume.read_only, .is_private = volume.propagation == "private"});
  }
  return {};
}

std::vector<std::string> texts_of(const value& plugin, std::string_view key) {
  std::vector<std::string> out;
  auto* v = plugin.find(key);
  if (auto* list = v ? v->as_list() : nullptr)
    for (auto& element : *list)
      if (element.as_string()) out.push_back(*element.as_string());
  return out;
}
}  // namespace

isolated_config read_isolated(config_reader& r, const value& plugin) {
  auto preset = [&](std::string_view key) {
    auto* v = plugin.find(key);
    auto* text = v ? v->as_string() : nullptr;
    return text ? *text : std::string("private");
  };
  isolated_config out;
  out.work_dir = r.text("work_dir");
  out.pid_mode = r.text("pid_mode", preset("default_pid_mode"));
  out.ipc_mode = r.text("ipc_mode", preset("default_ipc_mode"));
  out.cap_add = r.texts("cap_add");
  out.cap_drop = r.texts("cap_drop");
  auto* by_default = plugin.find("no_new_privileges");
  out.no_new_privileges = r.boolean("no_new_privileges", by_default && by_default->as_bool() && *by_default->as_bool());
  return out;
}

result<> check_isolated(const std::string& driver, const isolated_config& config) {
  TRY(check_mode(driver, "pid_mode", config.pid_mode));
  TRY(check_mode(driver, "ipc_mode", config.ipc_mode));
  if (!config.work_dir.empty() && config.work_dir[0] != '/')
    return fail(errc::invalid, "work_dir of the {} driver must be an absolute path inside the task, not \"{}\"", driver, config.work_dir);
  return {};
}

exec::cgroup_limits limits_of(const schema::allocated_task_resources& resources) {
  std::vector<std::string> cores;
  for (auto core : resources.cpu.reserved_cores) cores.push_back(std::to_string(core));
  return {.cpu_shares = resources.cpu.cpu_shares,
          .memory_mb = resources.memory.memory_mb,
          .memory_max_mb = resources.memory.memory_max_mb,
          .cores = join(cores, ",")};
}

awaitable<result<std::unique_ptr<task_handle>>> start_isolated(shim_services& services, task_spec task, isolated_config config, isolated_command command,
                                                               std::map<std::string, std::string> chroot_env, value plugin) {
  if (::geteuid() != 0) co_return fail(errc::unsupported, "the {} driver needs an agent that runs as root", command.driver);
  auto spec = base_launch_spec(services, task);
  CO_TRY_ASSIGN(spec.capabilities, exec::resolve_capabilities(texts_of(plugin, "allow_caps"), config.cap_add, config.cap_drop));
  spec.command = std::move(command.command);
  spec.args = std::move(command.args);
  spec.work_dir = config.work_dir;
  spec.no_new_privs = config.no_new_privileges;
  spec.search_dirs = {"/local", "/"};
  if (spec.user.empty()) spec.user = default_user;
  CO_TRY(check_user_allowed(command.driver, spec.user, plugin));
  exec::isolation_spec isolation;
  isolation.root = task.dir.root;
  isolation.chroot_env = chroot_env.empty() ? exec::default_chroot_env() : std::move(chroot_env);
  exec::mount_spec shared;
  shared.source = task.shared_alloc_dir;
  shared.target = "/alloc";
  isolation.mounts.push_back(std::move(shared));
  add_network_files(task.network, isolation.mounts);
  CO_TRY(add_volumes(command.driver, task, isolation.mounts));
  for (const auto& device : task.devices) isolation.devices.push_back({.host_path = device.host_path, .task_path = device.task_path});
  isolation.pid_namespace = config.pid_mode == "private";
  isolation.ipc_namespace = config.ipc_mode == "private";
  spec.isolation = std::move(isolation);
  co_return co_await start_shim_task(services, std::move(spec), limits_of(task.resources), cgroup_name(task));
}

}  // namespace drover::client
