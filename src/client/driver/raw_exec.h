// raw_exec: runs a command on the host without isolation.
#pragma once

#include "client/driver/shim_task.h"

namespace drover::client {

class raw_exec_driver : public task_driver {
 public:
  // `plugin` is the agent's plugin block for this driver.
  raw_exec_driver(shim_services& services, bool enabled, value plugin) : services_(services), enabled_(enabled), plugin_(std::move(plugin)) {}
  std::string name() const override { return "raw_exec"; }
  schema::driver_info fingerprint() const override;
  bool has_own_root() const override { return false; }
  result<> validate(const value& config) const override;
  awaitable<result<std::unique_ptr<task_handle>>> start(task_spec spec) override;
  awaitable<result<std::unique_ptr<task_handle>>> recover(task_spec spec, std::string stored) override;
  awaitable<result<std::unique_ptr<task_handle>>> find(task_spec spec) override;

 private:
  shim_services& services_;
  bool enabled_;
  value plugin_;
};

}  // namespace drover::client
