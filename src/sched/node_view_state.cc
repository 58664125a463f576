// Where node_view meets the replicated state.
#include "sched/node_view.h"
#include "state/snapshot.h"
#include "state/tables.h"

namespace drover::sched {

// Growing by doubling would leave a third of each column unused, in every worker.
void node_view::reserve(size_t nodes) {
  nodes_.reserve(nodes);
  ready_.reserve(nodes);
  class_.reserve(nodes);
  datacenter_.reserve(nodes);
  pool_.reserve(nodes);
  capacity_.reserve(nodes);
  used_.reserve(nodes);
  usage_.reserve(nodes);
  allocs_of_.reserve(nodes);
  by_id_.reserve(nodes);
}

node_view node_view::build(const state::snapshot& snapshot) {
  node_view view;
  view.reserve(state::count(snapshot, state::table::nodes));
  snapshot.visit_nodes("", [&](const ref<schema::node>& node) {
    view.put_node(node);
    return true;
  });
  snapshot.visit_allocs("", [&](const ref<schema::allocation>& alloc) {
    view.put_alloc(alloc);
    return true;
  });
  view.set_index(snapshot.index());
  return view;
}

void node_view::refresh(const state::snapshot& snapshot, std::span<const std::string> changed_nodes) {
  for (const auto& id : changed_nodes) {
    std::vector<ref<schema::allocation>> before;
    if (row r = find(id); r != no_row) before = allocs_of(r);
    else if (auto known = strays_.find(id); known != strays_.end())
      for (auto each : known->second) before.push_back(allocs_[each]);
    for (const auto& was : before)
      if (auto now = snapshot.alloc(was->id); now == nullptr) erase_alloc(was->id);
      else if (now != was) put_alloc(now);
    snapshot.visit_allocs_by_node(id, [&](const ref<schema::allocation>& each) {
      if (each != alloc(each->id)) put_alloc(each);
      return true;
    });
  }
  refresh_records(snapshot, changed_nodes);
}

void node_view::refresh_records(const state::snapshot& snapshot, std::span<const std::string> changed_nodes) {
  for (const auto& id : changed_nodes) {
    if (auto now = snapshot.node(id); now == nullptr) erase_node(id);
    else if (row r = find(id); r == no_row || nodes_[r] != now) put_node(now);
  }
  set_index(snapshot.index());
}

}  // namespace drover::sched
