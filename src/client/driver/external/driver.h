// A task driver that is a program of its own: every call goes to it over gRPC. Output of its tasks comes through two FIFOs, which a small
// collector beside a shim reads into the allocation's log files, whether or not an agent runs.
//
// Loop thread. Lifecycle: registered as soon as its name is known; the plugin behind it comes and goes (plugin.h).
#pragma once

#include <memory>

#include "client/driver/external/plugin.h"

namespace drover::client::external {

class external_driver : public task_driver {
 public:
  // `name`: the plugin's, which may not have been started yet.
  external_driver(std::shared_ptr<plugin> p, std::string name) : plugin_(std::move(p)), name_(std::move(name)) {}
  std::string name() const override { return name_; }
  // A plugin that was replaced by one of another name is no driver of the old one any more.
  schema::driver_info fingerprint() const override { return plugin_->name() == name_ ? plugin_->info() : schema::driver_info(); }
  bool has_own_root() const override;
  bool has_image() const override;
  bool can_mount() const override { return !plugin_->can().no_mounts; }
  bool makes_network() const override { return plugin_->can().must_create_network; }
  awaitable<result<driver_network>> make_network(std::string alloc_id, std::string hostname) override;
  awaitable<result<>> destroy_network(std::string alloc_id, driver_network made) override;
  result<> validate(const value& config) const override;
  awaitable<result<std::unique_ptr<task_handle>>> start(task_spec spec) override;
  awaitable<result<std::unique_ptr<task_handle>>> recover(task_spec spec, std::string stored) override;
  awaitable<result<std::unique_ptr<task_handle>>> find(task_spec spec) override;

 private:
  std::shared_ptr<plugin> plugin_;
  std::string name_;
};

}  // namespace drover::client::external
