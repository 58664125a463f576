#include "sched/rank/ranking.h"

#include <bit>

namespace drover::sched {

void ranking::reset(size_t rows, size_t buckets) {
  sealed_ = false;
  stamp_.assign(rows, 0);
  lane_of_.assign(rows, no_lane);
  boosts_.assign(buckets, 0);
  lanes_.assign(buckets * kinds, {});
  live_.assign(lanes_.size(), 0);
  leaves_ = std::bit_ceil(lanes_.size());
  winners_.assign(leaves_ * 2, no_lane);
}

// Superseded entries must not lead a lane, and must not outnumber the others.
void ranking::clean(uint32_t lane) {
  auto& heap = lanes_[lane];
  while (!heap.empty() && !live(heap.front())) {
    std::pop_heap(heap.begin(), heap.end(), lower{});
    heap.pop_back();
  }
  if (heap.size() <= 2 * live_[lane] + 64) return;
  std::erase_if(heap, [&](const entry& e) { return !live(e); });
  std::make_heap(heap.begin(), heap.end(), lower{});
}

uint32_t ranking::better(uint32_t a, uint32_t b) const {
  if (a == no_lane) return b;
  if (b == no_lane) return a;
  return key_of(a, lanes_[a].front()) < key_of(b, lanes_[b].front()) ? b : a;
}

void ranking::settle(uint32_t lane) {
  clean(lane);
  size_t at = leaves_ + lane;
  winners_[at] = lanes_[lane].empty() ? no_lane : lane;
  for (at /= 2; at > 0; at /= 2) winners_[at] = better(winners_[2 * at], winners_[2 * at + 1]);
}

void ranking::put(row node, uint32_t bucket, size_t extra, double sum, uint32_t tie) {
  drop(node);
  auto lane = static_cast<uint32_t>(bucket * kinds + extra);
  stamp_[node] = ++stamps_;
  lane_of_[node] = lane;
  ++live_[lane];
  lanes_[lane].push_back({sum, tie, node, stamps_});
  if (!sealed_) return;
  std::push_heap(lanes_[lane].begin(), lanes_[lane].end(), lower{});
  settle(lane);
}

void ranking::drop(row node) {
  if (stamp_[node] == 0) return;
  uint32_t lane = lane_of_[node];
  stamp_[node] = 0;
  --live_[lane];
  if (sealed_ && lanes_[lane].front().node == node) settle(lane);
}

void ranking::set_boost(uint32_t bucket, double boost) {
  if (boosts_[bucket] == boost) return;
  boosts_[bucket] = boost;
  if (!sealed_) return;
  for (size_t kind = 0; kind < kinds; ++kind)
    if (auto lane = static_cast<uint32_t>(bucket * kinds + kind); !lanes_[lane].empty()) settle(lane);
}

void ranking::seal() {
  sealed_ = true;
  for (uint32_t lane = 0; lane < lanes_.size(); ++lane) {
    std::make_heap(lanes_[lane].begin(), lanes_[lane].end(), lower{});
    clean(lane);
    winners_[leaves_ + lane] = lanes_[lane].empty() ? no_lane : lane;
  }
  for (size_t at = leaves_ - 1; at > 0; --at) winners_[at] = better(winners_[2 * at], winners_[2 * at + 1]);
}

}  // namespace drover::sched
