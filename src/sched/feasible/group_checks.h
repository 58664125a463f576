// What a group asks of a node itself, whoever else runs there: constraints, drivers, volumes, network modes. Decided once per computed
// class, except for what names something unique. One belongs to one scheduling (not thread-safe).
#pragma once

#include <string>
#include <vector>

#include "sched/feasible/devices.h"
#include "sched/feasible/operators.h"
#include "sched/node_view.h"
#include "schema/job.h"

namespace drover::sched {

// A distinct_property constraint: at most `limit` allocations per value of `target`.
struct distinct_property {
  std::string target;
  int64_t limit = 1;
  bool whole_job = false;  // else among the group's allocations
};

class group_checks {
 public:
  group_checks(const schema::job& job, const schema::task_group& group, operator_set& operators);

  // Null if the node will do; otherwise why not, as AllocMetric.ConstraintFiltered has it. The text lives as long as this object.
  const std::string* refuse(const node_view& view, node_view::row row);
  // The part of it that is the same for all nodes of a class.
  const std::string* refuse_class_of(const node_view& view, node_view::row row);

  device_asks& devices() { return devices_; }
  // Volumes whose source depends on the number of the allocation ("data[3]"): null, or why a node will not do for that number.
  bool numbered_volumes() const { return numbered_volumes_; }
  const std::string* refuse_numbered(const schema::node& node, uint64_t number) const;

  // For explanations: what a node that was refused for `reason` has instead. Nothing where that says no more than the reason.
  std::optional<std::string> found_instead(const schema::node& node, const std::string* reason) const;

  // distinct_hosts of job or group.
  bool distinct_hosts_of_job() const { return distinct_hosts_of_job_; }
  bool distinct_hosts_of_group() const { return distinct_hosts_of_group_; }
  const std::vector<distinct_property>& distinct_properties() const { return distinct_properties_; }

  // For blocked evaluations: the answer per class that was asked for, and whether something cannot be decided by class.
  struct class_answer {
    uint32_t class_id;
    bool eligible;
  };
  std::vector<class_answer> class_answers() const;
  bool escaped() const { return !unique_constraints_.empty() || !distinct_properties_.empty(); }

 private:
  struct rule {
    const schema::constraint* constraint;
    std::string text;
  };
  struct port_network {
    std::string name;
    std::string text;
  };
  void add_constraints(const std::vector<schema::constraint>& constraints, bool whole_job);
  void add_networks(const schema::network_resource& network);
  const std::string* refuse_class(const schema::node& node);
  const std::string* refuse_volumes(const schema::node& node);
  const std::string* refuse_networks(const schema::node& node);

  const schema::task_group& group_;
  operator_set& operators_;
  std::vector<rule> class_constraints_;
  std::vector<rule> unique_constraints_;
  std::vector<std::string> drivers_;
  std::vector<std::string> modes_;
  std::vector<port_network> host_networks_;
  device_asks devices_;
  bool numbered_volumes_ = false;
  bool distinct_hosts_of_job_ = false;
  bool distinct_hosts_of_group_ = false;
  std::vector<distinct_property> distinct_properties_;
  // By class id: not asked yet, fine, or the reason.
  struct answer {
    bool known = false;
    const std::string* reason = nullptr;
  };
  std::vector<answer> answers_;
};

}  // namespace drover::sched
