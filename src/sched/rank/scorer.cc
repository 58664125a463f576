#include "sched/rank/scorer.h"

#include <algorithm>
#include <cmath>

namespace drover::sched {
namespace {

constexpr double best = 18;

double free_fraction(int64_t capacity, int64_t used) { return capacity <= 0 ? 0 : 1 - static_cast<double>(used) / static_cast<double>(capacity); }

}  // namespace

double packing_score(packing algorithm, const amounts& capacity, const amounts& used) {
  double total = std::pow(10.0, free_fraction(capacity.cpu, used.cpu)) + std::pow(10.0, free_fraction(capacity.memory, used.memory));
  double raw = algorithm == packing::binpack ? 20 - total : total - 2;
  return std::clamp(raw, 0.0, best) / best;
}

double collision_score(int64_t there, int64_t desired) { return -static_cast<double>(there + 1) / static_cast<double>(std::max<int64_t>(desired, 1)); }

}  // namespace drover::sched
