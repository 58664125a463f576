// Scores of a node for one more allocation of a group. Each scorer gives one term; a node's rank is the mean of the terms that count.
// Another preference (affinity, spread) is another scorer in the list. Pure; one list belongs to one scheduling.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sched/proposed.h"

namespace drover::sched {

struct score_term {
  double value = 0;
  bool counts = false;  // joins the mean; metrics show it either way
};

class scorer {
 public:
  virtual ~scorer() = default;
  // As metrics have it: "binpack".
  virtual std::string_view name() const = 0;
  // Must not allocate: it is asked for every feasible node.
  virtual score_term score(const proposed& cluster, node_view::row row, const amounts& demand) const = 0;
};

enum class packing { binpack, spread };

// Best fit by the fraction of CPU and memory that would be left free: 1 for a full node, 0 for an empty one (spread: the other way round).
std::unique_ptr<scorer> make_binpack_scorer(packing algorithm);
// -(n + 1) / desired where n allocations of the same group are there already.
std::unique_ptr<scorer> make_anti_affinity_scorer(std::string group, int64_t desired);

// (20 - (10^free_cpu + 10^free_memory)) / 18 within 0 .. 1, from what is used with the new allocation.
double packing_score(packing algorithm, const amounts& capacity, const amounts& used);

}  // namespace drover::sched
