// Finding the best node by the view's load index: the part of the ranker for groups of few allocations.
#include <algorithm>

#include "sched/limits.h"
#include "sched/rank/ranker.h"

namespace drover::sched {

// The cells that may hold the best, and what can be said of nodes without visiting them.
struct ranker::survey {
  struct place {
    double bound;
    double affinity;
    const load_index::cell* cell;
    bool operator<(const place& o) const { return bound < o.bound; }
  };
  std::vector<place> places;
  schema::alloc_metric metrics;
};

bool ranker::may_search() {
  if (built_ || searches_ >= limits::searches_max || cluster_.view().loads() == nullptr) return false;
  return spreads_.empty() && !affinities_.unique() && demand_.cores == 0 && checks_.devices().empty() && checks_.distinct_properties().empty() &&
         volumes_.empty();
}

// Rows that changed since the view was made, and rows where the job's own allocations count.
void ranker::note_special_rows() {
  if (special_read_ == 0)
    for (const auto* own : {&cluster_.rows_of_group(group_number_), &cluster_.rows_of_job()})
      for (const auto& [r, n] : *own) special_[r] = true;
  const auto& changes = cluster_.changes();
  for (; special_read_ < changes.size(); ++special_read_) special_[changes[special_read_]] = true;
}

ranker::survey ranker::look_around() {
  const auto& view = cluster_.view();
  const auto& index = *view.loads();
  survey found;
  found.metrics.node_pool = scope_.pool_name;
  for (const auto& kind : index.kinds()) {
    if (kind.nodes == 0) continue;
    auto count = static_cast<int64_t>(kind.nodes);
    bool in_pool = scope_.pool == interned::none || scope_.pool == kind.key.pool;
    if (!in_pool) continue;
    found.metrics.nodes_in_pool += count;
    if (scope_.datacenters[kind.key.datacenter] == 0) continue;
    found.metrics.nodes_available[view.datacenters().text(kind.key.datacenter)] += count;
    found.metrics.nodes_evaluated += count;
    auto some = std::ranges::find_if(kind.cells, [](const auto& cell) { return !cell.groups.empty(); });
    row example = index.at(some->groups.front()).rows.front();
    if (const auto* reason = checks_.refuse_class_of(view, example)) {
      found.metrics.nodes_filtered += count;
      found.metrics.constraint_filtered[*reason] += count;
      if (const auto& name = view.node_class(kind.key.class_id); !name.empty()) found.metrics.class_filtered[name] += count;
      continue;
    }
    double affinity = affinities_.score(view, example);
    cell_bound bound(how_.algorithm, kind, demand_.fixed);
    for (const auto& cell : kind.cells)
      if (!cell.groups.empty()) found.places.push_back({(bound.of(cell) + affinity) / static_cast<double>(least_terms()), affinity, &cell});
  }
  std::make_heap(found.places.begin(), found.places.end());
  return found;
}

void ranker::consider(row node, double value, seen_nodes& seen) const {
  auto before = [&](const std::pair<row, double>& a, const std::pair<row, double>& b) {
    return a.second != b.second ? a.second > b.second : tie_of(a.first) < tie_of(b.first);
  };
  std::pair<row, double> entry{node, value};
  seen.insert(std::ranges::upper_bound(seen, entry, before), entry);
  if (seen.size() > limits::score_meta_max) seen.pop_back();
}

void ranker::consider_special(const ask& wanted, seen_nodes& seen) {
  const auto& view = cluster_.view();
  auto look = [&](row r) {
    if (unsearched_.contains(r) || !scope_.contains(view, r) || checks_.refuse(view, r) != nullptr || refuse_by_others(r) != nullptr) return;
    if (refuse_by_capacity(r, cluster_.usage(r)) == nullptr && numbered_ok(r, wanted)) consider(r, rank(r, score(r), is_penalized(wanted.penalized, r)), seen);
  };
  for (const auto& [r, yes] : special_) look(r);
  for (row r : wanted.penalized)
    if (special_.find(r) == nullptr) look(r);
}

// All nodes of a group rank equal; a place to start from that follows from the seed divides jobs among them.
void ranker::consider_group(const load_index::group& g, double affinity, const ask& wanted, seen_nodes& seen, schema::alloc_metric& metrics) {
  const auto& view = cluster_.view();
  const amounts used = g.used + demand_.fixed;
  const std::string* short_of = exhausted_dimension(g.capacity, used);
  if (short_of != nullptr) {
    metrics.nodes_exhausted += static_cast<int64_t>(g.rows.size());
    metrics.dimension_exhausted[*short_of] += static_cast<int64_t>(g.rows.size());
    return;
  }
  double value = (packing_score(how_.algorithm, g.capacity, used) + affinity) / static_cast<double>(least_terms());
  if (seen.size() >= limits::score_meta_max && value <= seen.back().second) return;
  size_t start = random_stream::mix(how_.seed) % g.rows.size();
  size_t taken = 0;
  for (size_t i = 0; i < g.rows.size() && taken < limits::score_meta_max; ++i) {
    row r = g.rows[(start + i) % g.rows.size()];
    if (special_.find(r) != nullptr || unsearched_.contains(r) || is_penalized(wanted.penalized, r)) continue;
    if (checks_.refuse(view, r) != nullptr || !numbered_ok(r, wanted)) continue;
    if (const std::string* reason = refuse_by_capacity(r, view.usage(r))) {
      ++metrics.nodes_exhausted;
      ++metrics.dimension_exhausted[*reason];
      continue;
    }
    consider(r, value, seen);
    ++taken;
  }
}

std::optional<ranker::choice> ranker::search(const ask& wanted, random_stream& random) {
  ++searches_;
  note_special_rows();
  for (;;) {
    auto around = look_around();
    seen_nodes seen;
    consider_special(wanted, seen);
    while (!around.places.empty()) {
      const auto next = around.places.front();
      if (seen.size() >= limits::score_meta_max && next.bound < seen.back().second) break;
      std::pop_heap(around.places.begin(), around.places.end());
      around.places.pop_back();
      for (uint32_t id : next.cell->groups) consider_group(cluster_.view().loads()->at(id), next.affinity, wanted, seen, around.metrics);
    }
    if (seen.empty()) return std::nullopt;
    row node = seen.front().first;
    auto parts = parts_on(node, cluster_.usage(node), random);
    if (!parts) {
      unsearched_.insert(node);
      continue;
    }
    return choice{.node = node, .parts = std::move(*parts), .metrics = metrics_of(seen, wanted, std::move(around.metrics)), .evicted = {}};
  }
}

}  // namespace drover::sched
