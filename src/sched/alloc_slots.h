// Allocations by id, each in a numbered slot. A value with one owner; not thread-safe, const members may be called from several threads at once.
// Slots stay the same until erase(), then they are given out again.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "sched/id_index.h"
#include "schema/alloc.h"

namespace drover::sched {

using schema::ref;

class alloc_slots {
 public:
  using slot = uint32_t;
  static constexpr slot none = id_index::none;

  slot find(std::string_view id) const {
    return by_id_.find(id, [this](slot s) -> const std::string& { return held_[s]->id; });
  }
  const ref<schema::allocation>& operator[](slot s) const { return held_[s]; }
  size_t size() const { return by_id_.size(); }

  // Requires: none has its id yet.
  slot add(ref<schema::allocation> alloc) {
    slot made;
    if (free_.empty()) {
      made = static_cast<slot>(held_.size());
      held_.push_back(std::move(alloc));
    } else {
      made = free_.back();
      free_.pop_back();
      held_[made] = std::move(alloc);
    }
    by_id_.add(made, held_[made]->id);
    return made;
  }
  // Requires: the same id.
  void replace(slot s, ref<schema::allocation> alloc) { held_[s] = std::move(alloc); }
  void erase(slot s) {
    by_id_.erase(s, held_[s]->id);
    held_[s] = nullptr;
    free_.push_back(s);
  }

 private:
  std::vector<ref<schema::allocation>> held_;
  std::vector<slot> free_;
  id_index by_id_;
};

}  // namespace drover::sched
