#include "sched/rank/scorer.h"

#include <algorithm>
#include <cmath>

namespace drover::sched {
namespace {

constexpr double best = 18;

double free_fraction(int64_t capacity, int64_t used) {
  return capacity <= 0 ? 0 : 1 - static_cast<double>(used) / static_cast<double>(capacity);
}

class binpack_scorer : public scorer {
 public:
  explicit binpack_scorer(packing algorithm) : algorithm_(algorithm) {}
  std::string_view name() const override { return "binpack"; }
  score_term score(const proposed& cluster, node_view::row row, const amounts& demand) const override {
    return {packing_score(algorithm_, cluster.view().capacity(row), cluster.used(row) + demand), true};
  }

 private:
  packing algorithm_;
};

class anti_affinity_scorer : public scorer {
 public:
  anti_affinity_scorer(std::string group, int64_t desired) : group_(std::move(group)), desired_(std::max<int64_t>(desired, 1)) {}
  std::string_view name() const override { return "job-anti-affinity"; }
  score_term score(const proposed& cluster, node_view::row row, const amounts&) const override {
    const auto* load = cluster.load(row);
    int64_t there = load == nullptr ? 0 : load->group(group_);
    if (there <= 0) return {};
    return {-static_cast<double>(there + 1) / static_cast<double>(desired_), true};
  }

 private:
  std::string group_;
  int64_t desired_;
};

}  // namespace

double packing_score(packing algorithm, const amounts& capacity, const amounts& used) {
  double total = std::pow(10.0, free_fraction(capacity.cpu, used.cpu)) + std::pow(10.0, free_fraction(capacity.memory, used.memory));
  double raw = algorithm == packing::binpack ? 20 - total : total - 2;
  return std::clamp(raw, 0.0, best) / best;
}

std::unique_ptr<scorer> make_binpack_scorer(packing algorithm) { return std::make_unique<binpack_scorer>(algorithm); }
std::unique_ptr<scorer> make_anti_affinity_scorer(std::string group, int64_t desired) {
  return std::make_unique<anti_affinity_scorer>(std::move(group), desired);
}

}  // namespace drover::sched
