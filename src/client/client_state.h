// The inside of client: shared by client.cc and the endpoint/ files only.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "client/alloc_runner.h"
#include "client/alloc_watcher.h"
#include "client/client.h"
#include "client/contact.h"
#include "client/csi/volumes.h"
#include "client/devices.h"
#include "client/driver/external/host.h"
#include "client/driver/registry.h"
#include "client/endpoint/endpoint.h"
#include "client/host_stats.h"
#include "client/logs/log_sink.h"
#include "client/migration/disk_mover.h"
#include "client/network/manager.h"
#include "client/node_link.h"
#include "client/runner_context.h"
#include "client/service/registrar.h"
#include "client/state_db.h"
#include "client/status_pusher.h"
#include "client/volume/host_volumes.h"
#include "net/blocking.h"
#include "net/task_scope.h"

namespace drover::client {

struct client::state {
  // `own`: the way to servers elsewhere, which is then `servers`; null when the servers are in this process.
  state(client_options o, std::unique_ptr<server_channel> own, rpc::channel& servers, net::loop& l);

  result<> open();
  result<> make_shim_services();
  result<> make_volumes(const std::string& node_id);
  // Into the node's record, which is sent to the servers again.
  void show_volumes();
  result<> make_csi();
  net::awaitable<void> release_forgotten_volumes();
  result<> make_node();
  void make_runner_context();
  result<> restore();

  void apply(alloc_changes changes);
  void add_runner(schema::ref<schema::allocation> alloc, std::optional<stored_alloc> stored);
  net::awaitable<void> remove_runner(std::string id);
  std::map<std::string, uint64_t> known() const;
  void push_all();
  void drivers_changed();
  // Lets restored allocations run whose tasks were lost: the servers have said what shall run here.
  net::awaitable<void> wake_restored();
  net::awaitable<void> begin_networks();
  net::awaitable<result<>> last_report();

  // client_servers.cc: where the servers are, and what happens without them.
  result<> load_servers();
  void heard(const schema::node_update_response& reply);
  void save_contact();
  net::awaitable<void> join();
  net::awaitable<void> stop_when_disconnected();
  std::optional<duration> stop_disconnected();
  net::awaitable<result<>> set_servers(std::vector<std::string> addresses);
  net::awaitable<result<>> drain();
  net::awaitable<result<>> wait_drained(duration deadline);

  net::awaitable<void> collect_garbage_regularly();
  // Removes the oldest ended allocations while there are too many or the disk is too full; all of them when `all`.
  net::awaitable<void> collect_garbage(bool all);

  client_options options;
  std::unique_ptr<server_channel> remote;
  rpc::channel& servers;
  net::loop& loop;
  log::logger logger;
  net::blocking_pool pool;
  std::string state_dir, alloc_root, control_root;
  std::unique_ptr<state_db> db;
  std::optional<shim_services> shims;
  std::unique_ptr<driver_registry> drivers;
  std::unique_ptr<external::plugin_host> plugins;
  std::unique_ptr<device_source> devices;
  std::map<std::string, std::optional<std::string>> dynamic_meta;
  std::unique_ptr<host_volumes> volumes;
  std::unique_ptr<node_link> link;
  std::unique_ptr<status_pusher> pusher;
  std::unique_ptr<alloc_watcher> watcher;
  std::unique_ptr<registrar> services;
  std::unique_ptr<network_manager> networks;
  std::unique_ptr<disk_mover> disks;
  csi::plugins csi_plugins;
  std::unique_ptr<csi::volumes> csi;
  std::optional<runner_context> context;
  // Shared, because a request may still use one that is being removed.
  std::map<std::string, std::shared_ptr<alloc_runner>> runners;
  // Being destroyed: not to be started again meanwhile.
  std::map<std::string, std::shared_ptr<alloc_runner>> leaving;
  // Known to the servers, but of no concern here any more (ended before we saw them, or collected), by their modify index.
  std::map<std::string, uint64_t> ignored;
  std::unique_ptr<endpoints> methods;
  host_stats_reader host_stats;
  log_sink_counters sink_counters;
  net::event garbage;
  std::function<void(error)> fatal;
  std::optional<machine_instant> last_contact;
  machine_instant began;
  int64_t stored_nodes = 0;
  // Contact, or an allocation that depends on it, is new.
  net::event contact_changed;
  net::task_scope scope;
};

}  // namespace drover::client
