// The cluster's nodes in columns: what the scheduler reads for every node it visits, in flat arrays, kept current from state changes.
//
// A value with one owner. Each worker and the planner has its own and brings it up to its snapshot before it is used; schedule() and
// check_plan() only read it. Not thread-safe; const members may be called from several threads at once.
//
// Life: build() from a snapshot once, then after every applied command either refresh() the nodes that it touched (their records or
// their allocations), or put_node / erase_node / put_alloc / erase_alloc for each change.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sched/alloc_slots.h"
#include "sched/fit.h"
#include "sched/id_index.h"
#include "sched/rank/load_index.h"

namespace drover::state {
class snapshot;
}

namespace drover::sched {

// Heterogeneous lookup of strings.
struct text_hash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
template <class T>
using text_map = std::unordered_map<std::string, T, text_hash, std::equal_to<>>;

// Texts as small numbers. Never forgets: meant for classes, datacenters, pools and drivers, of which a cluster has few.
class interned {
 public:
  uint32_t id(std::string_view text);
  const std::string& text(uint32_t id) const { return texts_[id]; }
  static constexpr uint32_t none = UINT32_MAX;
  uint32_t find(std::string_view text) const;
  uint32_t size() const { return static_cast<uint32_t>(texts_.size()); }

 private:
  text_map<uint32_t> ids_;
  std::vector<std::string> texts_;
};

class node_view {
 public:
  using row = uint32_t;
  static constexpr row no_row = UINT32_MAX;

  node_view() = default;
  static node_view build(const state::snapshot& snapshot);
  // Reads these nodes and their allocations again; nodes that are gone lose their row. The view is then at the snapshot's index.
  void refresh(const state::snapshot& snapshot, std::span<const std::string> changed_nodes);

  // The records of these nodes alone: for whoever puts every change of an allocation.
  void refresh_records(const state::snapshot& snapshot, std::span<const std::string> changed_nodes);

  // One change each. An allocation that is new, changed, or moved to another state is put; one whose node is unknown is remembered
  // until the node comes.
  void put_node(ref<schema::node> node);
  void erase_node(std::string_view id);
  void put_alloc(ref<schema::allocation> alloc);
  void erase_alloc(std::string_view id);
  // From now on nodes are also indexed by their load: for whoever schedules many small jobs. build() makes a view without.
  void keep_load_index();
  // Null: not kept.
  const load_index* loads() const { return loads_ ? &*loads_ : nullptr; }
  void set_index(uint64_t index) { index_ = index; }
  uint64_t index() const { return index_; }

  // Rows stay the same while a node is known. A free row has no node (alive() is false).
  row rows() const { return static_cast<row>(nodes_.size()); }
  row find(std::string_view node_id) const;
  bool alive(row r) const { return nodes_[r] != nullptr; }
  size_t node_count() const { return by_id_.size(); }
  const schema::node& node(row r) const { return *nodes_[r]; }
  const ref<schema::node>& node_ref(row r) const { return nodes_[r]; }

  // Columns.
  bool ready(row r) const { return ready_[r] != 0; }  // status ready, eligible, not draining
  uint32_t class_of(row r) const { return class_[r]; }
  uint32_t datacenter_of(row r) const { return datacenter_[r]; }
  uint32_t pool_of(row r) const { return pool_[r]; }
  const amounts& capacity(row r) const { return capacity_[r]; }
  const amounts& used(row r) const { return used_[r]; }
  const node_usage& usage(row r) const { return usage_[r]; }

  const interned& classes() const { return class_names_; }
  // The node class that all nodes of a computed class have.
  const std::string& node_class(uint32_t class_id) const { return node_class_[class_id]; }
  const interned& datacenters() const { return datacenter_names_; }
  const interned& pools() const { return pool_names_; }

  // The allocation as it was last put, or null. Only those that occupy are kept.
  const ref<schema::allocation>& alloc(std::string_view id) const;
  size_t alloc_count() const { return allocs_.size(); }
  // Those on a node.
  std::vector<ref<schema::allocation>> allocs_of(row r) const;

 private:
  void reserve(size_t nodes);
  row make_row(const schema::node& node);
  void fill_row(row r, ref<schema::node> node);
  void count(row r, const schema::allocation& alloc, int sign);
  void erase_slot(alloc_slots::slot slot);
  // Of a node that is known or not.
  std::vector<alloc_slots::slot>& slots_on(std::string_view node_id);
  void index_load(row r);

  std::vector<ref<schema::node>> nodes_;
  std::vector<uint8_t> ready_;
  std::vector<uint32_t> class_;
  std::vector<uint32_t> datacenter_;
  std::vector<uint32_t> pool_;
  std::vector<amounts> capacity_;
  std::vector<amounts> used_;
  std::vector<node_usage> usage_;
  std::optional<load_index> loads_;
  std::vector<row> free_rows_;
  id_index by_id_;  // rows
  alloc_slots allocs_;
  std::vector<std::vector<alloc_slots::slot>> allocs_of_;
  text_map<std::vector<alloc_slots::slot>> strays_;  // by the node that is not known
  interned class_names_;
  std::vector<std::string> node_class_;  // by class id
  interned datacenter_names_;
  interned pool_names_;
  uint64_t index_ = 0;
};

}  // namespace drover::sched
