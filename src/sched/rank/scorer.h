// A node's own terms for one more allocation of a group; its rank is the mean of those that count. Pure.
#pragma once

#include "sched/fit.h"

namespace drover::sched {

enum class packing { binpack, spread };

// Best fit by the fraction of CPU and memory that would be left free: 1 for a full node, 0 for an empty one (spread: the other way round).
// (20 - (10^free_cpu + 10^free_memory)) / 18 within 0 .. 1, from what is used with the new allocation.
double packing_score(packing algorithm, const amounts& capacity, const amounts& used);

// -(n + 1) / desired where n > 0 allocations of the same group are there already.
double collision_score(int64_t there, int64_t desired);

// What is asked of a node that an allocation failed on before.
inline constexpr double penalty_score = -1;

}  // namespace drover::sched
