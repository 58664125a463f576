// Ports: what a group asks for, and which ones of a node it gets. Values; not thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sched/fit.h"
#include "sched/random_stream.h"
#include "schema/job.h"

namespace drover::sched {

// The networks of an allocation: those of its group, then those that tasks ask for themselves (the older form).
class port_plan {
 public:
  explicit port_plan(const schema::task_group& group);

  bool empty() const { return networks_.empty(); }
  // A quick look without choosing: null, or why this node has not enough ("network: reserved port collision http=8080").
  // The text lives as long as this object.
  const std::string* refuse(const node_usage& usage) const;

  struct offer {
    std::vector<schema::network_resource> shared;
    std::vector<schema::allocated_port_mapping> ports;
    std::vector<std::pair<std::string, schema::network_resource>> tasks;  // task name, network
  };
  // Chooses ports. On failure the reason.
  std::expected<offer, std::string> assign(const schema::node& node, const node_usage& usage, random_stream& random) const;

 private:
  struct ask {
    const schema::port* port;
    bool is_static;
    std::string host_network;
    std::string collision;  // the reason when a static port is taken
  };
  struct network {
    const schema::network_resource* wanted;
    const std::string* task;  // null: the group's
    std::vector<ask> asks;
  };
  struct pool {  // dynamic ports wanted of one host network
    std::string host_network;
    size_t count = 0;
    std::string no_address;
  };
  void add(const schema::network_resource& wanted, const std::string* task);

  std::vector<network> networks_;
  std::vector<pool> pools_;
};

}  // namespace drover::sched
