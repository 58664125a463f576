// Finds numbered things by their ids, in 11 to 22 bytes for each whatever the id's length: the ids stay where the things are. Beside each number
// stands a part of its id's hash, so that only what is almost certainly meant is looked at. A value with one owner; not thread-safe, const members
// may be called from several threads at once.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

namespace drover::sched {

class id_index {
 public:
  static constexpr uint32_t none = UINT32_MAX;

  size_t size() const { return size_; }
  // id_of(number) is the id of something that was added.
  uint32_t find(std::string_view id, const auto& id_of) const {
    if (places_.empty()) return none;
    const auto hash = hash_of(id);
    for (size_t at = hash & mask();; at = next(at)) {
      const auto& each = places_[at];
      if (each.number == none) return none;
      if (each.hash == hash && std::string_view(id_of(each.number)) == id) return each.number;
    }
  }
  // Requires: neither was added before. 4,294,967,295 is no number.
  void add(uint32_t number, std::string_view id) {
    if ((size_ + 1) * 3 > places_.size() * 2) resize(places_.size() * 2);
    link({number, hash_of(id)});
    ++size_;
  }
  // Requires: it was added with this id.
  void erase(uint32_t number, std::string_view id) {
    size_t hole = hash_of(id) & mask();
    while (places_[hole].number != number) hole = next(hole);
    // What stands behind the hole and was pushed there by others moves up.
    for (size_t at = next(hole); places_[at].number != none; at = next(at)) {
      const size_t wanted = places_[at].hash & mask();
      if (((at - wanted) & mask()) < ((at - hole) & mask())) continue;
      places_[hole] = places_[at];
      hole = at;
    }
    places_[hole] = {};
    --size_;
  }
  void reserve(size_t count) {
    if (count * 3 > places_.size() * 2) resize(std::bit_ceil(count * 3 / 2 + 1));
  }

 private:
  struct place {
    uint32_t number = none;
    uint32_t hash = 0;
  };
  static uint32_t hash_of(std::string_view id) { return static_cast<uint32_t>(std::hash<std::string_view>{}(id)); }
  size_t mask() const { return places_.size() - 1; }
  size_t next(size_t at) const { return (at + 1) & mask(); }
  void link(place each) {
    size_t at = each.hash & mask();
    while (places_[at].number != none) at = next(at);
    places_[at] = each;
  }
  void resize(size_t count) {
    const auto before = std::exchange(places_, std::vector<place>(std::max<size_t>(16, count)));
    for (const auto& each : before)
      if (each.number != none) link(each);
  }

  std::vector<place> places_;  // how many is a power of two
  size_t size_ = 0;
};

}  // namespace drover::sched
