// CSI volumes of the allocations on this node: claimed of the servers, staged and published by the plugin, and given back.
//
// Every step may be repeated: what is claimed, staged or published already stays so, and what is undone already is no error. What an allocation
// holds is in the state database before anything is mounted, so that the next agent can give it back. A volume is mounted or unmounted by one
// at a time; staging is undone by the last allocation that goes.
// Loop thread. Lifecycle: owned by the client; load() before the first runner, outlives the runners.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "client/csi/plugins.h"
#include "client/state_db.h"
#include "net/blocking.h"
#include "net/turns.h"
#include "rpc/channel.h"
#include "schema/job.h"

namespace drover::client::csi {

// One volume of an allocation, as it is stored.
struct held_volume {
  // The group's name for it, and its id for the servers.
  std::string name, source, namespace_;
  std::string plugin_id, external_id;
  std::string access_mode, attachment_mode;
  bool read_only = false;
};

struct volume_options {
  std::string region;
  // STATE/csi: plugins/ has the sockets of plugins, node/PLUGIN what one stages and publishes.
  std::string root;
  std::function<schema::ref<schema::node>()> node;
};

class volumes {
 public:
  volumes(plugins& p, rpc::channel& servers, state_db& db, net::blocking_pool& pool, volume_options options, log::logger logger);
  // What an earlier agent left.
  result<> load();

  // The CSI volumes of the group, mounted. Waits for plugins and for volumes that are still in use, as long as `wanted` says so. What was
  // mounted before a failure stays held until release(). Requires: the group outlives the call.
  awaitable<result<>> hold(schema::ref<schema::allocation> alloc, const schema::task_group* group, std::function<bool()> wanted);
  // Gives back what the allocation holds. An error: some of it could not be unmounted, try again later.
  awaitable<result<>> release(std::string alloc_id, duration patience);
  bool holds(const std::string& alloc_id) const { return held_.contains(alloc_id); }
  // Allocations of earlier agents that hold volumes and are not among `known`.
  std::vector<std::string> forgotten(const std::function<bool(const std::string&)>& known) const;

  // What servers ask for.
  awaitable<result<schema::client_csi_node_detach_volume_response>> detach(schema::client_csi_node_detach_volume_request request);
  awaitable<result<schema::client_csi_node_expand_volume_response>> expand(schema::client_csi_node_expand_volume_request request);

  // On the host; null: not held.
  const held_volume* find(const std::string& alloc_id, const std::string& name) const;
  std::string path_of(const std::string& alloc_id, const held_volume& v) const { return plugin_root(v.plugin_id) + target_of(alloc_id, v); }
  plugins& plugins_of_node() { return plugins_; }
  // Short, as the address of a socket must be: the number is the task's place in its group.
  std::string socket_folder(const std::string& alloc_id, size_t number) const;
  std::string plugin_root(const std::string& plugin_id) const;
  // An allocation goes whose tasks were plugins: by the task's place in its group, the plugin's id.
  awaitable<void> forget_plugins(std::string alloc_id, std::map<size_t, std::string> tasks);

 private:
  using held = std::vector<held_volume>;
  result<> store();
  void forget(const std::string& alloc_id, const std::string& name);
  awaitable<result<>> hold_one(schema::ref<schema::allocation> alloc, std::string name, schema::volume_request request, std::function<bool()> wanted);
  awaitable<result<schema::csi_volume_claim_response>> claim(schema::ref<schema::allocation> alloc, std::string source, schema::volume_request request,
                                                             std::function<bool()> wanted);
  awaitable<result<std::shared_ptr<const plugin>>> wait_plugin(std::string id, std::function<bool()> wanted);
  awaitable<result<>> mount(std::string alloc_id, held_volume v, schema::volume_request request, schema::csi_volume_claim_response claimed,
                            std::shared_ptr<const plugin> p);
  awaitable<result<>> unmount(std::string alloc_id, held_volume v, duration patience);
  awaitable<void> tell_released(std::string alloc_id, held_volume v);
  node_request request_for(const std::string& alloc_id, const held_volume& v, const plugin& p) const;
  bool is_staged_by_others(const std::string& alloc_id, const held_volume& v) const;
  // Below the plugin's root.
  static std::string staging_of(const held_volume& v);
  static std::string target_of(const std::string& alloc_id, const held_volume& v);

  plugins& plugins_;
  rpc::channel& servers_;
  state_db& db_;
  net::blocking_pool& pool_;
  volume_options options_;
  log::logger logger_;
  std::map<std::string, held> held_;  // by allocation
  net::turns turns_;
};

}  // namespace drover::client::csi
