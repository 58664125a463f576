// Allocations by id, each in a numbered slot: 16 bytes for the record and about 8 for finding it, whatever its id. A value with one owner; not
// thread-safe, const members may be called from several threads at once. Slots stay the same until erase(), then they are given out again.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "schema/alloc.h"

namespace drover::sched {

using schema::ref;

class alloc_slots {
 public:
  using slot = uint32_t;
  static constexpr slot none = UINT32_MAX;

  slot find(std::string_view id) const {
    if (table_.empty()) return none;
    for (size_t at = start(id);; at = next(at)) {
      if (table_[at] == 0) return none;
      if (held_[table_[at] - 1]->id == id) return table_[at] - 1;
    }
  }
  const ref<schema::allocation>& operator[](slot s) const { return held_[s]; }
  size_t size() const { return held_.size() - free_.size(); }

  // Requires: none has its id yet.
  slot add(ref<schema::allocation> alloc) {
    if ((size() + 1) * 2 > table_.size()) grow();
    slot made;
    if (free_.empty()) {
      made = static_cast<slot>(held_.size());
      held_.push_back(std::move(alloc));
    } else {
      made = free_.back();
      free_.pop_back();
      held_[made] = std::move(alloc);
    }
    link(made);
    return made;
  }
  // Requires: the same id.
  void replace(slot s, ref<schema::allocation> alloc) { held_[s] = std::move(alloc); }
  void erase(slot s) {
    size_t hole = start(held_[s]->id);
    while (table_[hole] != s + 1) hole = next(hole);
    // What stands behind the hole and was pushed there by others moves up.
    for (size_t at = next(hole); table_[at] != 0; at = next(at)) {
      const size_t wanted = start(held_[table_[at] - 1]->id);
      if (((at - wanted) & mask()) < ((at - hole) & mask())) continue;
      table_[hole] = table_[at];
      hole = at;
    }
    table_[hole] = 0;
    held_[s] = nullptr;
    free_.push_back(s);
  }

 private:
  size_t mask() const { return table_.size() - 1; }
  size_t next(size_t at) const { return (at + 1) & mask(); }
  size_t start(std::string_view id) const { return std::hash<std::string_view>{}(id) & mask(); }
  void link(slot s) {
    size_t at = start(held_[s]->id);
    while (table_[at] != 0) at = next(at);
    table_[at] = s + 1;
  }
  void grow() {
    table_.assign(table_.empty() ? 16 : table_.size() * 2, 0);
    for (slot s = 0; s < held_.size(); ++s)
      if (held_[s]) link(s);
  }

  std::vector<ref<schema::allocation>> held_;
  std::vector<slot> free_;
  std::vector<uint32_t> table_;  // 0: free; else slot + 1. Its size is a power of two.
};

}  // namespace drover::sched
