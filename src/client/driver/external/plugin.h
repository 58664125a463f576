// One external driver, or one plugin of devices: its program, kept running, and the connection to it.
//
// Loop thread. Lifecycle: made with what is stored of it (its name and where it listens), run() keeps it up until end(); the process stays
// when end() returns, unless it is told otherwise, and tasks go on with it. A plugin that ends is started again, with pauses that grow; one
// that is no driver, or refuses its configuration, is given up with an error that fingerprint and ready() repeat.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "client/devices.h"
#include "client/driver/external/config_schema.h"
#include "client/driver/external/messages.h"
#include "client/driver/external/plugin_process.h"
#include "client/state_db.h"
#include "grpc/channel.h"

namespace drover::client::external {

inline constexpr std::string_view driver_service = "/hashicorp.nomad.plugins.drivers.proto.Driver/";
inline constexpr std::string_view device_service = "/hashicorp.nomad.plugins.device.DevicePlugin/";
inline constexpr std::string_view base_service = "/hashicorp.nomad.plugins.base.proto.BasePlugin/";

struct plugin_options {
  // The name of its file in plugin_dir.
  std::string file;
  start_request program;
  // The plugin blocks of the agent by name; those of its file and of its driver are its own.
  const std::map<std::string, value>* blocks = nullptr;
};

class plugin {
 public:
  plugin(shim_services& services, state_db& db, plugin_options options);
  ~plugin();
  plugin(const plugin&) = delete;
  plugin& operator=(const plugin&) = delete;

  // Set before run(). Called when the driver's name becomes known: false refuses it.
  std::function<result<>(const std::string& name)> named;
  // Called when info() says something else.
  std::function<void()> changed;
  void run();
  // Instead of run(), for one whose program is not in plugin_dir any more: ends what an earlier agent left running of it.
  void retire();
  awaitable<void> end(bool with_process);

  // Empty: not known yet.
  const std::string& name() const { return stored_.name; }
  const capabilities& can() const { return capabilities_; }
  const schema::driver_info& info() const { return info_; }
  // What a core can do; told to the plugin with its configuration.
  int64_t core_mhz = 0;
  // Counts connections: what was set up over an earlier one may have to be recovered.
  uint64_t generation() const { return generation_; }
  // Null: not known yet.
  const config_schema* task_schema() const { return task_schema_ ? &*task_schema_ : nullptr; }
  // Not a driver: it tells of devices of this node. As it was when it was last seen, until it has been asked.
  bool is_device() const { return stored_.device; }
  const std::vector<schema::node_device_resource>& devices() const { return devices_; }
  const std::vector<schema::device_group_stats>& device_stats() const { return device_stats_; }
  // Waits until it can be called.
  awaitable<result<std::shared_ptr<grpc::channel>>> ready(net::time_point deadline);
  // Ready, and asked: a method of the Driver service.
  awaitable<result<std::string>> call(std::string method, std::string request, net::time_point deadline);
  // For what a handle begins and need not wait for.
  net::task_scope& scope() { return scope_; }
  shim_services& services() { return services_; }
  const log::logger& logger() const { return logger_; }
  // Where messages about a task that starts go, by its id.
  std::map<std::string, std::function<void(std::string, std::map<std::string, std::string>)>> listeners;

 private:
  struct stored {
    std::string name;
    bool device = false;
    // The bytes of DriverCapabilities: known before the plugin is.
    std::string capabilities;
    process_identity process;
  };
  awaitable<void> keep_up();
  awaitable<void> end_left();
  awaitable<result<>> bring_up();
  awaitable<result<>> begin_process();
  awaitable<void> end_process();
  awaitable<result<>> introduce();
  awaitable<result<>> configure(plugin_info info);
  awaitable<void> serve();
  awaitable<void> follow_fingerprint(std::shared_ptr<grpc::channel> way);
  awaitable<void> follow_events(std::shared_ptr<grpc::channel> way);
  // plugin_devices.cc
  awaitable<void> follow_devices(std::shared_ptr<grpc::channel> way);
  awaitable<void> follow_device_stats(std::shared_ptr<grpc::channel> way);
  void set_devices(std::vector<schema::node_device_resource> next);
  void devices_lost(const std::string& why);
  awaitable<result<>> introduce_driver(plugin_info info);
  awaitable<void> forward_errors();
  void log_line(std::string_view line) const;
  void set_info(schema::driver_info next);
  void set_unhealthy(std::string why);
  void load();
  void save();

  shim_services& services_;
  state_db& db_;
  plugin_options options_;
  log::logger logger_;
  stored stored_;
  capabilities capabilities_;
  std::optional<config_schema> task_schema_;
  schema::driver_info info_;
  std::vector<schema::node_device_resource> devices_;
  std::vector<schema::device_group_stats> device_stats_;
  std::unique_ptr<plugin_process> process_;
  std::shared_ptr<grpc::channel> way_;
  uint64_t generation_ = 0;
  // It is of no use to try again.
  std::optional<error> given_up_;
  net::event up_;
  net::task_scope scope_;
};

// What its tasks need to use these devices.
awaitable<result<device_reservation>> reserve(std::shared_ptr<plugin> p, std::vector<std::string> ids);

}  // namespace drover::client::external
