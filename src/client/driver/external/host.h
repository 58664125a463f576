// All external drivers of this node: finds the programs in plugin_dir, keeps them running, and registers their drivers as their names become
// known (those that earlier agents learned are known at once, so that their tasks are found again).
//
// Loop thread. Lifecycle: load() before tasks are restored, begin(), end() after the last task runner has stopped.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "client/driver/external/plugin.h"
#include "client/driver/registry.h"
#include "client/options.h"

namespace drover::client::external {

class plugin_host {
 public:
  plugin_host(const client_options& options, std::string state_dir, shim_services& services, state_db& db, driver_registry& drivers);
  // A directory that cannot be read is an error if the configuration names it.
  result<> load();
  // `changed` is called when a driver came, or says something else about itself.
  void begin(std::function<void()> changed, int64_t core_mhz);
  // Of the plugins of devices.
  std::vector<schema::node_device_resource> devices() const;
  std::vector<schema::device_group_stats> device_stats() const;
  // Whose these are; null: of no plugin.
  std::shared_ptr<plugin> device_plugin(const schema::allocated_device_resource& wanted) const;
  // The plugins run on, unless `with_processes`.
  awaitable<void> end(bool with_processes);

 private:
  result<> add_driver(const std::shared_ptr<plugin>& p, const std::string& name);
  result<std::vector<std::string>> files() const;
  std::shared_ptr<plugin> make_plugin(const std::string& path);
  // Those that an earlier agent had and that are gone are retired.
  void remember_files(const std::vector<std::string>& paths);

  const client_options& options_;
  std::string state_dir_;
  shim_services& services_;
  state_db& db_;
  driver_registry& drivers_;
  log::logger logger_;
  std::vector<std::shared_ptr<plugin>> plugins_;
  // Of files that earlier agents had, and that are gone.
  std::vector<std::shared_ptr<plugin>> retired_;
};

}  // namespace drover::client::external
