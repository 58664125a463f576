#include "sched/rank/affinity.h"

#include <cmath>

#include "sched/computed_class.h"

namespace drover::sched {

affinity_set::affinity_set(const schema::job& job, const schema::task_group& group, operator_set& operators) : operators_(operators) {
  add(job.affinities);
  add(group.affinities);
  for (const auto& task : group.tasks) add(task.affinities);
}

void affinity_set::add(const std::vector<schema::affinity>& affinities) {
  for (const auto& each : affinities) {
    if (each.weight == 0) continue;
    bool unique = escapes_class(each.l_target) || escapes_class(each.r_target);
    (unique ? by_node_ : by_class_).push_back(&each);
    total_ += std::abs(static_cast<double>(each.weight));
  }
}

double affinity_set::matched(const std::vector<const schema::affinity*>& affinities, const schema::node& node) {
  double weight = 0;
  for (const auto* each : affinities)
    if (operators_.holds(*each, node)) weight += each->weight;
  return weight;
}

double affinity_set::score(const node_view& view, node_view::row row) {
  if (empty()) return 0;
  uint32_t id = view.class_of(row);
  if (id >= answers_.size()) answers_.resize(view.classes().size());
  auto& memo = answers_[id];
  if (!memo.known) memo = {true, matched(by_class_, view.node(row))};
  double weight = memo.weight;
  if (!by_node_.empty()) weight += matched(by_node_, view.node(row));
  return weight / total_;
}

}  // namespace drover::sched
