#include "client/driver/exec.h"

#include <unistd.h>

#include "client/driver/isolated.h"

namespace drover::client {

namespace {
struct exec_config {
  std::string command;
  std::vector<std::string> args;
  isolated_config isolation;
};

result<exec_config> decode(const value& config, const value& plugin) {
  config_reader r("exec", config);
  exec_config out;
  out.command = r.required_text("command", "the program to run");
  out.args = r.texts("args");
  out.isolation = read_isolated(r, plugin);
  TRY(r.finish());
  TRY(check_isolated("exec", out.isolation));
  return out;
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
  co_return co_await start_isolated(services_, std::move(task), std::move(config.isolation), {"exec", std::move(config.command), std::move(config.args)},
                                    chroot_env_, plugin_);
}

awaitable<result<std::unique_ptr<task_handle>>> exec_driver::recover(task_spec, std::string stored) {
  co_return co_await recover_shim_task(services_, std::move(stored), true);
}

awaitable<result<std::unique_ptr<task_handle>>> exec_driver::find(task_spec task) {
  auto limits = limits_of(task.resources);
  co_return co_await find_shim_task(services_, std::move(task), limits);
}

}  // namespace drover::client
