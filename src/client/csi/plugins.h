// The CSI plugins that run on this node as tasks: how to reach each, whether it is well, what it can do; and that in the node's record.
//
// Loop thread. Lifecycle: owned by the client. A task's hook adds its plugin when the task starts, says how it is, and removes it when the
// task ends; whoever mounts a volume asks for the plugin by its id.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "client/csi/protocol.h"
#include "net/event.h"

namespace drover::client::csi {

struct plugin {
  std::string id, alloc_id, task;
  bool is_node = false, is_controller = false;
  // Where the plugin's root of staged and published volumes is on this host, and where it sees that itself.
  std::string host_root, own_root;
  std::shared_ptr<grpc::channel> way;
  schema::csi_info node_info, controller_info;
};

class plugins {
 public:
  // Called when the node's record must say something else.
  std::function<void()> changed;

  // Adds or replaces what the task of that allocation offers.
  void set(std::shared_ptr<const plugin> p);
  void remove(const plugin& p);
  bool runs(const std::string& id) const;
  void show_in(schema::node& node) const;
  // The healthy one that mounts volumes. unavailable: none came until the deadline.
  net::awaitable<result<std::shared_ptr<const plugin>>> node_plugin(std::string id, net::time_point deadline);
  result<std::shared_ptr<const plugin>> controller_plugin(const std::string& id) const;

 private:
  // By id, allocation and task: while a job is updated there may be two for a moment.
  using key = std::tuple<std::string, std::string, std::string>;
  static key key_of(const plugin& p) { return {p.id, p.alloc_id, p.task}; }
  std::map<key, std::shared_ptr<const plugin>> all_;
  net::event came_;
};

}  // namespace drover::client::csi
