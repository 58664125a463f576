// exec: runs a command in a root, namespaces and a control group of its own. Needs root.
#pragma once

#include "client/driver/shim_task.h"

namespace drover::client {

class exec_driver : public task_driver {
 public:
  // `plugin` is the agent's plugin block for this driver.
  exec_driver(shim_services& services, std::map<std::string, std::string> chroot_env, value plugin)
      : services_(services), chroot_env_(std::move(chroot_env)), plugin_(std::move(plugin)) {}
  std::string name() const override { return "exec"; }
  schema::driver_info fingerprint() const override;
  bool has_own_root() const override { return true; }
  result<> validate(const value& config) const override;
  awaitable<result<std::unique_ptr<task_handle>>> start(task_spec spec) override;
  awaitable<result<std::unique_ptr<task_handle>>> recover(task_spec spec, std::string stored) override;
  awaitable<result<std::unique_ptr<task_handle>>> find(task_spec spec) override;

 private:
  shim_services& services_;
  std::map<std::string, std::string> chroot_env_;
  value plugin_;
};

}  // namespace drover::client
