#include "sched/rank/load_index.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "sched/random_stream.h"

namespace drover::sched {
namespace {

uint64_t mixed(uint64_t seed, int64_t value) { return random_stream::mix(seed ^ static_cast<uint64_t>(value)) + 1; }

uint64_t mixed(uint64_t seed, const amounts& a) { return mixed(mixed(mixed(seed, a.cpu), a.memory), a.disk); }

amounts least_of(const amounts& a, const amounts& b) { return {std::min(a.cpu, b.cpu), std::min(a.memory, b.memory), std::min(a.disk, b.disk)}; }
amounts most_of(const amounts& a, const amounts& b) { return {std::max(a.cpu, b.cpu), std::max(a.memory, b.memory), std::max(a.disk, b.disk)}; }

}  // namespace

size_t load_index::key_hash::operator()(const kind_key& k) const { return mixed(mixed(mixed(0, k.class_id), k.datacenter), k.pool); }
size_t load_index::key_hash::operator()(const group_key& k) const { return mixed(mixed(mixed(1, k.kind), k.capacity), k.used); }

uint8_t load_index::step(int64_t capacity, int64_t used) {
  if (capacity <= 0) return 0;
  return static_cast<uint8_t>(std::clamp<int64_t>(used * steps / capacity, 0, steps - 1));
}

uint32_t load_index::kind_of(const kind_key& key) {
  auto [it, fresh] = kind_ids_.try_emplace(key, static_cast<uint32_t>(kinds_.size()));
  if (fresh) kinds_.push_back({key, 0, {}, {}, {}});
  return it->second;
}

uint32_t load_index::group_of(const group_key& key) {
  auto [it, fresh] = group_ids_.try_emplace(key, none);
  if (!fresh) return it->second;
  uint32_t id = static_cast<uint32_t>(groups_.size());
  if (free_groups_.empty()) {
    groups_.emplace_back();
  } else {
    id = free_groups_.back();
    free_groups_.pop_back();
  }
  it->second = id;
  auto& k = kinds_[key.kind];
  uint8_t cpu = step(key.capacity.cpu, key.used.cpu);
  uint8_t memory = step(key.capacity.memory, key.used.memory);
  auto at = std::ranges::find_if(k.cells, [&](const cell& c) { return c.cpu == cpu && c.memory == memory; });
  if (at == k.cells.end()) at = k.cells.insert(k.cells.end(), {cpu, memory, {}});
  auto& made = groups_[id];
  made.kind = key.kind;
  made.cell = static_cast<uint32_t>(at - k.cells.begin());
  made.place = static_cast<uint32_t>(at->groups.size());
  made.capacity = key.capacity;
  made.used = key.used;
  at->groups.push_back(id);
  return id;
}

void load_index::put(row r, const kind_key& key, const amounts& capacity, const amounts& used) {
  if (r >= where_.size()) where_.resize(r + 1);
  remove(r);
  uint32_t number = kind_of(key);
  auto& k = kinds_[number];
  k.least = k.nodes == 0 ? capacity : least_of(k.least, capacity);
  k.most = k.nodes == 0 ? capacity : most_of(k.most, capacity);
  ++k.nodes;
  uint32_t id = group_of({number, capacity, used});
  where_[r] = {id, static_cast<uint32_t>(groups_[id].rows.size())};
  groups_[id].rows.push_back(r);
}

void load_index::remove(row r) {
  if (r >= where_.size() || where_[r].group == none) return;
  auto [id, place] = where_[r];
  where_[r].group = none;
  auto& g = groups_[id];
  --kinds_[g.kind].nodes;
  g.rows[place] = g.rows.back();
  where_[g.rows[place]].place = place;
  g.rows.pop_back();
  if (!g.rows.empty()) return;
  auto& list = kinds_[g.kind].cells[g.cell].groups;
  list[g.place] = list.back();
  groups_[list[g.place]].place = g.place;
  list.pop_back();
  group_ids_.erase({g.kind, g.capacity, g.used});
  free_groups_.push_back(id);
}

cell_bound::cell_bound(packing algorithm, const load_index::kind& k, const amounts& demand) : algorithm_(algorithm) {
  // The smallest node is the fullest with the demand, the largest the emptiest.
  auto factor = [&](int64_t wanted, int64_t least, int64_t most) {
    int64_t capacity = algorithm == packing::binpack ? least : most;
    if (capacity <= 0) return algorithm == packing::binpack ? 0.0 : 1.0;
    return std::pow(10.0, -static_cast<double>(wanted) / static_cast<double>(capacity));
  };
  cpu_ = factor(demand.cpu, k.least.cpu, k.most.cpu);
  memory_ = factor(demand.memory, k.least.memory, k.most.memory);
}

double cell_bound::of(const load_index::cell& c) const {
  // 10^free at the edges of the steps. The last step also holds what is more than full.
  static const auto edges = [] {
    std::array<double, load_index::steps + 1> made;
    for (int i = 0; i <= load_index::steps; ++i) made[static_cast<size_t>(i)] = std::pow(10.0, 1 - static_cast<double>(i) / load_index::steps);
    return made;
  }();
  constexpr double rounding = 1e-9;
  auto part = [&](uint8_t at, double factor) {
    double edge = algorithm_ == packing::spread ? edges[at] : at + 1 == load_index::steps ? 0 : edges[at + size_t{1}];
    return std::max(1.0, edge * factor);  // nothing that fits is fuller than full
  };
  double total = part(c.cpu, cpu_) + part(c.memory, memory_);
  double raw = algorithm_ == packing::binpack ? 20 - total : total - 2;
  return std::clamp(raw, 0.0, 18.0) / 18.0 + rounding;
}

}  // namespace drover::sched
