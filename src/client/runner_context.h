// What every runner of this node shares. Owned by the client, outlives all runners. Loop thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "client/driver/registry.h"
#include "client/options.h"
#include "client/state_db.h"
#include "net/blocking.h"
#include "net/http_server.h"
#include "net/loop.h"
#include "rpc/channel.h"

namespace drover::client {

class alloc_runner;
struct log_sink_counters;
class device_source;
class disk_mover;
class network_manager;
class registrar;
namespace csi {
class volumes;
}

struct runner_context {
  net::loop& loop;
  net::blocking_pool& pool;
  const client_options& options;
  state_db& db;
  driver_registry& drivers;
  rpc::channel& servers;
  // Where allocation directories and the shims' control directories are.
  std::string alloc_root, control_root;
  std::string cgroup_parent;
  log::logger logger;
  // The agent's environment without what tasks must not see.
  std::map<std::string, std::string> host_env;
  // The node record as registered.
  std::function<schema::ref<schema::node>()> node;
  // An allocation's client status or states changed. `urgent`: its status or health did, not only its events.
  std::function<void(alloc_runner&, bool urgent)> changed;
  // Null when there is no such allocation on this node.
  std::function<std::shared_ptr<alloc_runner>(const std::string&)> find;
  // The servers have said, since this agent began, what shall run here.
  std::function<bool()> servers_known;
  // The catalogue of services, as this node wants it.
  registrar* services = nullptr;
  // The networks of allocations that have one of their own.
  network_manager* networks = nullptr;
  // What the log sinks of all tasks have done.
  log_sink_counters* log_sinks = nullptr;
  // Answers what comes through the tasks' own API sockets; null: they have none.
  net::http_handler task_api{};
  // Fetches the disks of allocations that moved here.
  disk_mover* disks = nullptr;
  // The devices of this node.
  device_source* devices = nullptr;
  // CSI plugins that run here, and the volumes that allocations hold.
  csi::volumes* csi = nullptr;
};

}  // namespace drover::client
