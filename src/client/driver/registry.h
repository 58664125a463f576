// The drivers of this node by name, chosen by the agent's configuration. Loop thread; grows when a plugin's name becomes known.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "client/driver/shim_task.h"
#include "client/options.h"

namespace drover::client {

class driver_registry {
 public:
  // The options outlive it.
  driver_registry(const client_options& options, shim_services& services);
  // Null: no such driver here.
  task_driver* find(const std::string& name) const;
  // One entry a driver, also for those that this release knows and does not find here.
  std::map<std::string, schema::driver_info> fingerprint(timestamp now) const;
  // Their work in the background; `changed` is called when fingerprint() says something else.
  void begin(const std::function<void()>& changed);
  net::awaitable<void> end();
  // For tests and plugins.
  void add(std::unique_ptr<task_driver> driver);
  // By the lists of the configuration.
  bool allowed(const std::string& name) const;

 private:
  const client_options& options_;
  std::map<std::string, std::unique_ptr<task_driver>> drivers_;
};

}  // namespace drover::client
