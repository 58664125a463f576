#include "client/driver/raw_exec.h"

#include "base/text.h"
#include "client/driver/config_reader.h"
#include "client/driver/user_rules.h"

namespace drover::client {

namespace {
struct raw_exec_config {
  std::string command;
  std::vector<std::string> args;
  std::string work_dir;
  int64_t oom_score_adj = 0;
  std::vector<std::string> denied_env;
};

result<raw_exec_config> decode(const value& config) {
  config_reader r("raw_exec", config);
  raw_exec_config out;
  out.command = r.required_text("command", "the program to run");
  out.args = r.texts("args");
  out.work_dir = r.text("work_dir");
  out.oom_score_adj = r.integer("oom_score_adj", 0);
  out.denied_env = r.texts("denied_envvars");
  r.ignore("cgroup_v1_override");
  r.ignore("cgroup_v2_override");
  TRY(r.finish());
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
  for (auto& pattern : config.denied_env)
    std::erase_if(spec.env, [&](auto& entry) { return matches_glob(pattern, entry.first); });
  if (config.oom_score_adj != 0) spec.oom_score_adj = static_cast<int>(config.oom_score_adj);
  CO_TRY(check_user_allowed("raw_exec", spec.user, plugin_));
  // In a control group for accounting and for ending all of it, but without limits: that is what raw means.
  co_return co_await start_shim_task(services_, std::move(spec), {}, cgroup_name(task));
}

awaitable<result<std::unique_ptr<task_handle>>> raw_exec_driver::recover(task_spec, std::string stored) {
  co_return co_await recover_shim_task(services_, std::move(stored), false);
}

}  // namespace drover::client
