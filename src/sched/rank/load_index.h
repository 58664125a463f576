// Ready nodes by class and load, so that the best node for a job of few allocations is found without looking at all of them.
//
// Nodes of one class, datacenter and pool are a kind. Within a kind, nodes with exactly the same capacity and load are one group: they
// rank equal. Groups lie in cells of a grid over the used fractions of CPU and memory, and the edge of a cell bounds the rank of all its
// groups: cells are visited from the best bound on until nothing better can come. A value that belongs to a node_view, which keeps it
// current; const members may be called from several threads at once.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "sched/fit.h"
#include "sched/rank/scorer.h"

namespace drover::sched {

class load_index {
 public:
  using row = uint32_t;
  struct kind_key {
    uint32_t class_id = 0;
    uint32_t datacenter = 0;
    uint32_t pool = 0;
    friend bool operator==(const kind_key&, const kind_key&) = default;
  };
  struct group {
    uint32_t kind = 0;
    uint32_t cell = 0;
    uint32_t place = 0;  // in its cell
    amounts capacity;
    amounts used;
    std::vector<row> rows;
  };
  struct cell {
    uint8_t cpu = 0;  // steps of the used fraction
    uint8_t memory = 0;
    std::vector<uint32_t> groups;
  };
  struct kind {
    kind_key key;
    size_t nodes = 0;
    amounts least;  // capacities
    amounts most;
    std::vector<cell> cells;  // those that were ever used
  };

  // A node appears, changes its load, or becomes another kind. remove() where it is no longer ready.
  void put(row r, const kind_key& key, const amounts& capacity, const amounts& used);
  void remove(row r);

  const std::vector<kind>& kinds() const { return kinds_; }
  const group& at(uint32_t id) const { return groups_[id]; }
  static constexpr int steps = 16;  // of the grid, in each direction

 private:
  static constexpr uint32_t none = UINT32_MAX;
  struct group_key {
    uint32_t kind;
    amounts capacity;
    amounts used;
    friend bool operator==(const group_key&, const group_key&) = default;
  };
  struct key_hash {
    size_t operator()(const kind_key& k) const;
    size_t operator()(const group_key& k) const;
  };
  static uint8_t step(int64_t capacity, int64_t used);
  uint32_t kind_of(const kind_key& key);
  uint32_t group_of(const group_key& key);

  std::vector<kind> kinds_;
  std::unordered_map<kind_key, uint32_t, key_hash> kind_ids_;
  std::vector<group> groups_;
  std::vector<uint32_t> free_groups_;
  std::unordered_map<group_key, uint32_t, key_hash> group_ids_;
  struct location {
    uint32_t group = none;
    uint32_t place = 0;
  };
  std::vector<location> where_;  // by row
};

// The highest packing score that a node of a cell can have with one more allocation.
class cell_bound {
 public:
  cell_bound(packing algorithm, const load_index::kind& k, const amounts& demand);
  double of(const load_index::cell& c) const;

 private:
  packing algorithm_;
  double cpu_;  // what the demand does to 10^free
  double memory_;
};

}  // namespace drover::sched
