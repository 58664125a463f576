// Affinities of a group: which nodes a job would rather have, or rather not. Decided once per computed class, except for what names
// something unique. One belongs to one scheduling (not thread-safe).
//
// The score is the sum of the weights that match divided by the sum of all weights' sizes: -1 .. 1. Job's, group's and tasks' affinities
// count together. A comparison that cannot be made does not match.
#pragma once

#include <vector>

#include "sched/feasible/operators.h"
#include "sched/node_view.h"
#include "schema/job.h"

namespace drover::sched {

class affinity_set {
 public:
  affinity_set(const schema::job& job, const schema::task_group& group, operator_set& operators);

  bool empty() const { return total_ == 0; }
  double score(const node_view& view, node_view::row row);
  // Something is asked for that differs within a class.
  bool unique() const { return !by_node_.empty(); }

 private:
  void add(const std::vector<schema::affinity>& affinities);
  double matched(const std::vector<const schema::affinity*>& affinities, const schema::node& node);

  operator_set& operators_;
  std::vector<const schema::affinity*> by_class_;
  std::vector<const schema::affinity*> by_node_;
  double total_ = 0;
  struct answer {
    bool known = false;
    double weight = 0;
  };
  std::vector<answer> answers_;  // by class id
};

}  // namespace drover::sched
