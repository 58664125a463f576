#include "sched/node_view.h"

#include <algorithm>
#include <utility>

#include "base/ensure.h"
#include "sched/computed_class.h"

namespace drover::sched {

uint32_t interned::id(std::string_view text) {
  if (auto it = ids_.find(text); it != ids_.end()) return it->second;
  uint32_t made = size();
  texts_.emplace_back(text);
  ids_.emplace(texts_.back(), made);
  return made;
}

uint32_t interned::find(std::string_view text) const {
  auto it = ids_.find(text);
  return it == ids_.end() ? none : it->second;
}

node_view::row node_view::find(std::string_view node_id) const {
  static_assert(no_row == id_index::none);
  return by_id_.find(node_id, [this](row r) -> const std::string& { return nodes_[r]->id; });
}

const ref<schema::allocation>& node_view::alloc(std::string_view id) const {
  static const ref<schema::allocation> none;
  auto found = allocs_.find(id);
  return found == alloc_slots::none ? none : allocs_[found];
}

std::vector<ref<schema::allocation>> node_view::allocs_of(row r) const {
  std::vector<ref<schema::allocation>> out;
  out.reserve(allocs_of_[r].size());
  for (auto each : allocs_of_[r]) out.push_back(allocs_[each]);
  return out;
}

node_view::row node_view::make_row(const schema::node& node) {
  row r;
  if (!free_rows_.empty()) {
    r = free_rows_.back();
    free_rows_.pop_back();
  } else {
    r = rows();
    nodes_.emplace_back();
    ready_.push_back(0);
    class_.push_back(0);
    datacenter_.push_back(0);
    pool_.push_back(0);
    capacity_.emplace_back();
    used_.emplace_back();
    usage_.emplace_back();
    allocs_of_.emplace_back();
  }
  by_id_.add(r, node.id);
  if (auto known = strays_.find(node.id); known != strays_.end()) {
    allocs_of_[r] = std::move(known->second);
    strays_.erase(known);
  }
  return r;
}

void node_view::fill_row(row r, ref<schema::node> node) {
  ready_[r] = node->status == "ready" && node->scheduling_eligibility != "ineligible" && !node->drain_strategy && !node->drain;
  class_[r] = class_names_.id(node->computed_class.empty() ? computed_class(*node) : node->computed_class);
  if (class_[r] >= node_class_.size()) node_class_.push_back(node->node_class);
  datacenter_[r] = datacenter_names_.id(node->datacenter);
  pool_[r] = pool_names_.id(node->node_pool.empty() ? "default" : node->node_pool);
  usage_[r] = node_usage(*node);
  for (auto each : allocs_of_[r]) usage_[r].add(*allocs_[each]);
  capacity_[r] = usage_[r].capacity();
  used_[r] = usage_[r].used();
  nodes_[r] = std::move(node);
  index_load(r);
}

void node_view::keep_load_index() {
  if (loads_) return;
  loads_.emplace();
  for (row r = 0; r < rows(); ++r)
    if (alive(r)) index_load(r);
}

void node_view::index_load(row r) {
  if (!loads_) return;
  if (ready(r)) loads_->put(r, {class_[r], datacenter_[r], pool_[r]}, capacity_[r], used_[r]);
  else loads_->remove(r);
}

void node_view::put_node(ref<schema::node> node) {
  row r = find(node->id);
  if (r == no_row) r = make_row(*node);
  fill_row(r, std::move(node));
}

void node_view::erase_node(std::string_view id) {
  row r = find(id);
  if (r == no_row) return;
  by_id_.erase(r, id);
  if (auto left = std::exchange(allocs_of_[r], {}); !left.empty()) strays_.emplace(id, std::move(left));
  nodes_[r].reset();
  ready_[r] = 0;
  capacity_[r] = used_[r] = {};
  usage_[r] = {};
  if (loads_) loads_->remove(r);
  free_rows_.push_back(r);
}

void node_view::count(row r, const schema::allocation& alloc, int sign) {
  if (r == no_row) return;
  if (sign > 0) usage_[r].add(alloc);
  else usage_[r].remove(alloc);
  if (used_[r] == usage_[r].used()) return;
  used_[r] = usage_[r].used();
  index_load(r);
}

void node_view::put_alloc(ref<schema::allocation> alloc) {
  const auto found = allocs_.find(alloc->id);
  if (found != alloc_slots::none && occupies(*alloc) && allocs_[found]->node_id == alloc->node_id) {
    // Most updates change a status and nothing that is counted.
    if (alloc->allocated_resources != allocs_[found]->allocated_resources) {
      row r = find(alloc->node_id);
      count(r, *allocs_[found], -1);
      count(r, *alloc, +1);
    }
    return allocs_.replace(found, std::move(alloc));
  }
  if (found != alloc_slots::none) erase_slot(found);
  if (!occupies(*alloc)) return;
  const row r = find(alloc->node_id);
  count(r, *alloc, +1);
  auto& siblings = r == no_row ? slots_on(alloc->node_id) : allocs_of_[r];
  siblings.push_back(allocs_.add(std::move(alloc)));
}

void node_view::erase_alloc(std::string_view id) {
  if (auto found = allocs_.find(id); found != alloc_slots::none) erase_slot(found);
}

void node_view::erase_slot(alloc_slots::slot slot) {
  const auto alloc = allocs_[slot];
  count(find(alloc->node_id), *alloc, -1);
  auto& siblings = slots_on(alloc->node_id);
  const auto listed = std::ranges::find(siblings, slot);
  ENSURE(listed != siblings.end(), "every counted allocation is listed at its node");
  siblings.erase(listed);
  if (siblings.empty()) strays_.erase(alloc->node_id);
  allocs_.erase(slot);
}

std::vector<alloc_slots::slot>& node_view::slots_on(std::string_view node_id) {
  if (row r = find(node_id); r != no_row) return allocs_of_[r];
  auto known = strays_.find(node_id);
  return known != strays_.end() ? known->second : strays_[std::string(node_id)];
}

}  // namespace drover::sched
