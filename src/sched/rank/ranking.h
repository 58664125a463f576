// Candidates in order of their rank, where a rank is a mean: the node's own terms, plus a boost that all nodes of its bucket share (spread).
// Changing one node or one bucket costs the logarithm of their number; nobody else is looked at. One belongs to one scheduling.
//
// Nodes of one bucket with the same number of own terms form a lane: whatever the boost, they stay in the order of their sums. Each lane is
// a heap; a tournament over the lanes' best knows the best of all. Entries that were superseded stay in their heap until they come up.
#pragma once

#include <algorithm>
#include <vector>

#include "sched/node_view.h"

namespace drover::sched {

class ranking {
 public:
  using row = node_view::row;
  struct entry {
    double sum = 0;    // of the node's own terms
    uint32_t tie = 0;  // decides between equal ranks: the lower
    row node = node_view::no_row;
    uint32_t stamp = 0;
  };

  void reset(size_t rows, size_t buckets);
  // `terms`: how many own terms the sum has, `extra` more than the least that any node has (0 or 1). Nodes put before seal() cost nothing
  // more; after it the order is always current.
  void put(row node, uint32_t bucket, size_t extra, double sum, uint32_t tie);
  void drop(row node);
  void set_least_terms(size_t terms) { least_terms_ = terms; }
  void set_boost(uint32_t bucket, double boost);
  void seal();

  // The rank of a node with this sum and these terms.
  double rank(uint32_t bucket, size_t extra, double sum) const {
    double boost = boosts_[bucket];
    return (sum + boost) / static_cast<double>(least_terms_ + extra + (boost != 0));
  }

  // Calls each(node, rank) from the best on until it returns false. Requires: sealed.
  template <class F>
  void best_first(F&& each);

 private:
  struct key {
    double rank;
    uint32_t tie;
    row node;
    bool operator<(const key& o) const {
      if (rank != o.rank) return rank < o.rank;
      if (tie != o.tie) return tie > o.tie;
      return node > o.node;
    }
  };
  struct lower {
    bool operator()(const entry& a, const entry& b) const { return key{a.sum, a.tie, a.node} < key{b.sum, b.tie, b.node}; }
  };
  // A subtree of the tournament, or an entry within a lane's heap.
  struct open {
    key best;
    uint32_t lane;
    uint32_t at;
    bool is_tree;
    bool operator<(const open& o) const { return best < o.best; }
  };
  static constexpr uint32_t no_lane = UINT32_MAX;
  static constexpr size_t kinds = 2;

  bool live(const entry& e) const { return stamp_[e.node] == e.stamp; }
  key key_of(uint32_t lane, const entry& e) const { return {rank(static_cast<uint32_t>(lane / kinds), lane % kinds, e.sum), e.tie, e.node}; }
  void clean(uint32_t lane);
  void settle(uint32_t lane);
  uint32_t better(uint32_t a, uint32_t b) const;

  size_t least_terms_ = 1;
  bool sealed_ = false;
  uint32_t stamps_ = 0;
  std::vector<uint32_t> stamp_;    // by row; 0: no candidate
  std::vector<uint32_t> lane_of_;  // by row
  std::vector<double> boosts_;     // by bucket
  std::vector<std::vector<entry>> lanes_;
  std::vector<size_t> live_;       // by lane
  std::vector<uint32_t> winners_;  // a complete binary tree; leaves are lanes
  size_t leaves_ = 0;
  std::vector<open> frontier_;
};

template <class F>
void ranking::best_first(F&& each) {
  frontier_.clear();
  auto add = [&](open next) {
    frontier_.push_back(next);
    std::push_heap(frontier_.begin(), frontier_.end());
  };
  auto add_tree = [&](uint32_t at) {
    if (uint32_t lane = winners_[at]; lane != no_lane) add({key_of(lane, lanes_[lane].front()), lane, at, true});
  };
  auto add_entry = [&](uint32_t lane, size_t at) {
    if (at < lanes_[lane].size()) add({key_of(lane, lanes_[lane][at]), lane, static_cast<uint32_t>(at), false});
  };
  add_tree(1);
  while (!frontier_.empty()) {
    std::pop_heap(frontier_.begin(), frontier_.end());
    open now = frontier_.back();
    frontier_.pop_back();
    size_t at = now.is_tree ? 0 : now.at;
    const entry& e = lanes_[now.lane][at];
    if (live(e) && !each(e.node, now.best.rank)) return;
    if (now.is_tree)  // what lost against the winner's lane on its way up
      for (size_t leaf = leaves_ + now.lane; leaf > now.at; leaf /= 2) add_tree(static_cast<uint32_t>(leaf ^ 1));
    add_entry(now.lane, 2 * at + 1);
    add_entry(now.lane, 2 * at + 2);
  }
}

}  // namespace drover::sched
