// A value for some rows of a node_view: a flat hash that costs nothing for rows that have none. Iterates in the order of insertion, so that
// what is computed from it does not depend on addresses. A value; not thread-safe.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace drover::sched {

template <class T>
class row_map {
 public:
  const T* find(uint32_t row) const {
    if (slots_.empty()) return nullptr;
    for (size_t at = start(row);; at = (at + 1) & (slots_.size() - 1)) {
      if (slots_[at] == 0) return nullptr;
      if (items_[slots_[at] - 1].first == row) return &items_[slots_[at] - 1].second;
    }
  }
  T* find(uint32_t row) { return const_cast<T*>(std::as_const(*this).find(row)); }
  T& operator[](uint32_t row) {
    if (T* known = find(row)) return *known;
    if ((items_.size() + 1) * 2 > slots_.size()) grow();
    items_.emplace_back(row, T{});
    link(items_.size() - 1);
    return items_.back().second;
  }
  size_t size() const { return items_.size(); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }

 private:
  size_t start(uint32_t row) const { return (row * 0x9e3779b1u >> 7) & (slots_.size() - 1); }
  void link(size_t item) {
    size_t at = start(items_[item].first);
    while (slots_[at] != 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = static_cast<uint32_t>(item + 1);
  }
  void grow() {
    slots_.assign(slots_.empty() ? 16 : slots_.size() * 2, 0);
    for (size_t i = 0; i < items_.size(); ++i) link(i);
  }

  std::vector<std::pair<uint32_t, T>> items_;
  std::vector<uint32_t> slots_;  // 0: free; else item + 1
};

}  // namespace drover::sched
