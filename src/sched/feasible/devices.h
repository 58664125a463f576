// Devices (GPUs and the like): which instances of a node a group's tasks get. One belongs to one scheduling (not thread-safe).
//
// A request names "type", "vendor/type" or "vendor/type/name" and takes all its instances from one device group of the node whose
// attributes satisfy its constraints; among several the one with the most matching affinity weight. Numbers with units compare by size
// ("4 GiB" against 4096 MiB).
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sched/feasible/operators.h"
#include "sched/fit.h"
#include "schema/job.h"

namespace drover::sched {

class device_asks {
 public:
  device_asks(const schema::task_group& group, operator_set& operators);

  bool empty() const { return asks_.empty(); }
  // Some affinity is stated: then offer::affinity is a term of the node's rank.
  bool ranked() const { return total_weight_ > 0; }
  // Does the node have such devices at all, whoever holds them?
  bool possible(const schema::node& node);

  struct offer {
    std::vector<std::pair<std::string, schema::allocated_device_resource>> tasks;  // task name, what it gets
    double affinity = 0;                                                           // -1 .. 1
  };
  std::optional<offer> assign(const schema::node& node, const node_usage& usage);

 private:
  struct ask {
    const std::string* task;
    const schema::requested_device* wanted;
  };
  bool matches(const schema::requested_device& wanted, const schema::node_device_resource& group);
  double weight(const schema::requested_device& wanted, const schema::node_device_resource& group);
  template <class Rule>
  bool holds(const Rule& rule, const schema::node_device_resource& group);

  operator_set& operators_;
  std::vector<ask> asks_;
  double total_weight_ = 0;
};

// "11264 MiB" as 11811160064; plain numbers as they are. Nothing if it is no number with a known unit.
std::optional<double> parse_quantity(std::string_view text);

}  // namespace drover::sched
