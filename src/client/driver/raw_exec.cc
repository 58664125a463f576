#include "client/driver/raw_exec.h"

#include <unistd.h>

#include "base/text.h"
#include "client/driver/config_reader.h"
#include "client/driver/isolated.h"
#include "client/driver/user_rules.h"

namespace drover::client {

namespace {
struct raw_exec_config {
  std::string command;
  std::vector<std::string> args;
  std::string work_dir;
  int64_t oom_score_adj = 0;
  std::vector<std::string> denied_env;
  std::string cgroup_v2;
  std::map<std::string, std::string> cgroup_v1;  // by controller
};

// Blocks and maps of a driver's configuration are lists of objects.
result<std::map<std::string, std::string>> read_v1_override(const value& config) {
  std::map<std::string, std::string> out;
  const auto* given = config.find("cgroup_v1_override");
  if (given == nullptr) return out;
  auto add = [&](const value& each) -> result<> {
    if (each.as_object() == nullptr)
      return fail(errc::invalid, "cgroup_v1_override of the raw_exec driver must map controllers to paths, not be a {}", each.kind());
    for (const auto& [controller, path] : *each.as_object()) {
      if (path.as_string() == nullptr || path.as_string()->empty())
        return fail(errc::invalid, "cgroup_v1_override of the raw_exec driver: the path for \"{}\" must be a text", controller);
      out[controller] = *path.as_string();
    }
    return {};
  };
  if (given->as_list() == nullptr) {
    TRY(add(*given));
    return out;
  }
  for (const auto& each : *given->as_list()) TRY(add(each));
  return out;
}

constexpr std::string_view cgroup_root = "/sys/fs/cgroup/";

// Below the mount point, or there in full.
result<std::string> cgroup_directory(std::string_view mount, const std::string& path, std::string_view key) {
  std::string full(path.starts_with(cgroup_root) ? path : fmt::format("{}/{}", mount, path));
  if (path.find("..") != std::string::npos) return fail(errc::invalid, "{} of the raw_exec driver: \"{}\" must not hold \"..\"", key, path);
  if (::access((full + "/cgroup.procs").c_str(), W_OK) != 0)
    return fail(errc::invalid, "{} of the raw_exec driver: {} is no control group that tasks can be put into; it must be there before the task starts", key,
                full);
  return full;
}

result<raw_exec_config> decode(const value& config) {
  config_reader r("raw_exec", config);
  raw_exec_config out;
  out.command = r.required_text("command", "the program to run");
  out.args = r.texts("args");
  out.work_dir = r.text("work_dir");
  out.oom_score_adj = r.integer("oom_score_adj", 0);
  out.denied_env = r.texts("denied_envvars");
  r.ignore("cgroup_v1_override");
  out.cgroup_v2 = r.text("cgroup_v2_override");
  TRY(r.finish());
  TRY_ASSIGN(out.cgroup_v1, read_v1_override(config));
  if (!out.cgroup_v1.empty() && !out.cgroup_v2.empty()) return fail(errc::invalid, "only one of cgroup_v1_override and cgroup_v2_override may be set");
  if (!out.work_dir.empty() && out.work_dir[0] != '/')
    return fail(errc::invalid, "work_dir of the raw_exec driver must be an absolute path, not \"{}\"", out.work_dir);
  return out;
}
}  // namespace

schema::driver_info raw_exec_driver::fingerprint() const {
  schema::driver_info info;
  if (!enabled_) {
    info.health_description = "disabled";
    return info;
  }
  info.detected = info.healthy = true;
  info.health_description = "Healthy";
  info.attributes["driver.raw_exec"] = "true";
  return info;
}

result<> raw_exec_driver::validate(const value& config) const {
  TRY(decode(config));
  return {};
}

awaitable<result<std::unique_ptr<task_handle>>> raw_exec_driver::start(task_spec task) {
  CO_TRY_ASSIGN(auto config, decode(task.config));
  if (!enabled_) co_return fail(errc::unsupported, "the raw_exec driver is disabled on this node");
  auto spec = base_launch_spec(services_, task);
  spec.command = config.command;
  spec.args = config.args;
  spec.work_dir = config.work_dir.empty() ? task.dir.root : config.work_dir;
  spec.search_dirs = {task.dir.local, task.dir.root};
  config_reader agent("raw_exec", plugin_);
  for (auto& pattern : agent.texts("denied_envvars")) config.denied_env.push_back(pattern);
  for (auto& pattern : config.denied_env) std::erase_if(spec.env, [&](auto& entry) { return matches_glob(pattern, entry.first); });
  if (config.oom_score_adj != 0) spec.oom_score_adj = static_cast<int>(config.oom_score_adj);
  CO_TRY(check_user_allowed("raw_exec", spec.user, plugin_));
  if (services_.cgroups.mode() == exec::cgroup_mode::v2 && !config.cgroup_v2.empty()) {
    // A process is in one group only: there is none of its own, and what it starts is found and ended by its supervisor.
    CO_TRY_ASSIGN(auto joined, cgroup_directory("/sys/fs/cgroup", config.cgroup_v2, "cgroup_v2_override"));
    spec.joined_cgroups.push_back(std::move(joined));
    co_return co_await start_without_group(services_, std::move(spec));
  }
  if (services_.cgroups.mode() != exec::cgroup_mode::v2)
    for (const auto& [controller, path] : config.cgroup_v1) {
      CO_TRY_ASSIGN(auto joined, cgroup_directory(fmt::format("{}{}", cgroup_root, controller), path, "cgroup_v1_override"));
      spec.joined_cgroups.push_back(std::move(joined));
    }
  // In a control group for accounting and for ending all of it, but without limits: that is what raw means.
  co_return co_await start_shim_task(services_, std::move(spec), {}, cgroup_name(task));
}

awaitable<result<std::unique_ptr<task_handle>>> raw_exec_driver::recover(task_spec, std::string stored) {
  co_return co_await recover_shim_task(services_, std::move(stored), false);
}

awaitable<result<std::unique_ptr<task_handle>>> raw_exec_driver::find(task_spec task) { co_return co_await find_shim_task(services_, std::move(task), {}); }

}  // namespace drover::client
