// The dynamic host volumes of this node: directories that a plugin made (or that were there and were registered) on a server's word, kept
// over restarts, shown to the servers in the node's record beside those of the configuration.
//
// Plugins: "mkdir" is built in; others are executables in host_volume_plugin_dir, run with one word ("fingerprint", "create", "delete") and
// DHV_* variables, answering with JSON (documentation: "host volume plugins"). One operation on a volume at a time; slow work in the pool.
// Loop thread. Lifecycle: load() before anything else; outlives the calls on it.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>

#include "base/log.h"
#include "client/state_db.h"
#include "net/blocking.h"
#include "net/task_scope.h"
#include "schema/node.h"
#include "schema/volume.h"

namespace drover::client {

struct host_volume_options {
  std::string volumes_dir, plugin_dir;
  std::string node_id, node_pool;
  // Names of the configuration's volumes: nothing else may have them.
  std::set<std::string> taken;
};

// As it is kept: how it was asked for and where it is. No plugin: it was registered.
struct known_host_volume : schema::client_host_volume_create_request {
  std::string host_path;
  int64_t capacity_bytes = 0;
  DROVER_RECORD(known_host_volume);
};

class host_volumes {
 public:
  host_volumes(host_volume_options options, state_db& db, net::blocking_pool& pool, log::logger logger);
  // Those of earlier runs, and which plugins there are (runs each once; blocks).
  result<> load();
  // Makes those again whose directory is gone. `changed` is called for each.
  net::awaitable<void> restore();
  // Puts the volumes and plugins into a node's record.
  void show_in(schema::node& node) const;
  // A volume came or went: the node's record is to be made anew.
  std::function<void()> changed;

  net::awaitable<result<schema::client_host_volume_create_response>> create(schema::client_host_volume_create_request request);
  net::awaitable<result<schema::client_host_volume_register_response>> add(schema::client_host_volume_register_request request);
  // Of the server: the volume, its directory and what is in it are to go. Unknown: that is done already.
  net::awaitable<result<schema::client_host_volume_delete_response>> remove(schema::client_host_volume_delete_request request);

 private:
  class turn;
  result<> check_name(const std::string& name, const std::string& id) const;
  result<> keep(known_host_volume volume);
  result<> forget(const std::string& id);
  result<> save(const std::map<std::string, known_host_volume>& all);

  host_volume_options options_;
  state_db& db_;
  net::blocking_pool& pool_;
  log::logger logger_;
  std::map<std::string, known_host_volume> known_;  // by id
  std::map<std::string, std::string> plugins_;      // name -> version
  std::set<std::string> busy_;                      // ids
};

}  // namespace drover::client
