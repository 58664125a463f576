#include "sched/node_view.h"

#include <algorithm>

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
  auto it = by_id_.find(node_id);
  return it == by_id_.end() ? no_row : it->second;
}

const ref<schema::allocation>& node_view::alloc(std::string_view id) const {
  static const ref<schema::allocation> none;
  auto found = allocs_.find(id);
  return found == alloc_slots::none ? none : allocs_[found];
}

std::vector<ref<schema::allocation>> node_view::allocs_of(row r) const {
  std::vector<ref<schema::allocation>> out;
  auto it = allocs_of_node_.find(nodes_[r]->id);
  if (it == allocs_of_node_.end()) return out;
  out.reserve(it->second.size());
  for (auto each : it->second) out.push_back(allocs_[each]);
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
  }
  by_id_.emplace(node.id, r);
  return r;
}

void node_view::fill_row(row r, ref<schema::node> node) {
  ready_[r] = node->status == "ready" && node->scheduling_eligibility != "ineligible" && !node->drain_strategy && !node->drain;
  class_[r] = class_names_.id(node->computed_class.empty() ? computed_class(*node) : node->computed_class);
  if (class_[r] >= node_class_.size()) node_class_.push_back(node->node_class);
  datacenter_[r] = datacenter_names_.id(node->datacenter);
  pool_[r] = pool_names_.id(node->node_pool.empty() ? "default" : node->node_pool);
  usage_[r] = node_usage(*node);
  if (auto it = allocs_of_node_.find(node->id); it != allocs_of_node_.end())
    for (auto each : it->second) usage_[r].add(*allocs_[each]);
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
  auto it = by_id_.find(id);
  if (it == by_id_.end()) return;
  row r = it->second;
  by_id_.erase(it);
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
  auto found = allocs_.find(alloc->id);
  bool known = found != alloc_slots::none && allocs_[found]->node_id == alloc->node_id;
  if (!known || !occupies(*alloc)) {
    erase_alloc(alloc->id);
    if (!occupies(*alloc)) return;
    count(find(alloc->node_id), *alloc, +1);
    auto& siblings = allocs_of_node_[alloc->node_id];
    siblings.push_back(allocs_.add(std::move(alloc)));
    return;
  }
  // Most updates change a status and nothing that is counted.
  if (alloc->allocated_resources != allocs_[found]->allocated_resources) {
    row r = find(alloc->node_id);
    count(r, *allocs_[found], -1);
    count(r, *alloc, +1);
  }
  allocs_.replace(found, std::move(alloc));
}

void node_view::erase_alloc(std::string_view id) {
  auto found = allocs_.find(id);
  if (found == alloc_slots::none) return;
  const auto alloc = allocs_[found];
  count(find(alloc->node_id), *alloc, -1);
  auto siblings = allocs_of_node_.find(alloc->node_id);
  ENSURE(siblings != allocs_of_node_.end(), "every counted allocation is listed at its node");
  std::erase(siblings->second, found);
  if (siblings->second.empty()) allocs_of_node_.erase(siblings);
  allocs_.erase(found);
}

}  // namespace drover::sched
