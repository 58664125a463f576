// The scheduler's side of sched/explain.h: every node is looked at once more, and counted where it drops out.
#include <algorithm>

#include "sched/limits.h"
#include "sched/rank/ranker.h"

namespace drover::sched {
namespace {

std::string_view state_word(const schema::node& node) {
  if (node.status != "ready") return node.status.empty() ? std::string_view("not ready") : std::string_view(node.status);
  if (node.drain_strategy || node.drain) return "draining";
  return "not eligible";
}

failed_check& check_named(std::vector<failed_check>& all, const std::string& name) {
  auto it = std::ranges::find(all, name, &failed_check::check);
  if (it != all.end()) return *it;
  all.push_back({name, 0, {}});
  return all.back();
}

// How much of what is wanted is missing, over all dimensions.
double shortage(const near_miss& miss, const amounts& wanted, int64_t cores) {
  auto part = [](int64_t missing, int64_t all) { return missing > 0 ? static_cast<double>(missing) / static_cast<double>(std::max<int64_t>(all, 1)) : 0; };
  return part(miss.missing.cpu, wanted.cpu) + part(miss.missing.memory, wanted.memory) + part(miss.missing.disk, wanted.disk) + part(miss.cores_missing, cores);
}

void sort_by_nodes(std::vector<failed_check>& all) {
  std::ranges::sort(all, [](const auto& a, const auto& b) { return a.nodes != b.nodes ? a.nodes > b.nodes : a.check < b.check; });
}

}  // namespace

near_miss ranker::miss_of(row node) {
  const auto& record = cluster_.view().node(node);
  const auto& usage = cluster_.usage(node);
  near_miss miss{record.id, record.name, *status_[node].reason, demand_.on(usage) - usage.free(), 0};
  miss.cores_missing = std::max<int64_t>(0, demand_.cores - static_cast<int64_t>(usage.free_core_count()));
  return miss;
}

group_explanation ranker::explain() {
  catch_up();
  const auto& view = cluster_.view();
  group_explanation why;
  why.group = group_.name;
  why.node_pool = scope_.pool_name;
  why.datacenters = job_.datacenters;
  why.wanted = demand_.fixed;
  why.cores_wanted = demand_.cores;
  why.host_volumes = volumes_.asked_host_volumes();
  why.held_volumes = volumes_.held_csi_volumes();
  bool any_large_enough = false;
  for (row r = 0; r < view.rows(); ++r) {
    if (!view.alive(r)) continue;
    ++why.nodes;
    if (!scope_.in_pool(view, r)) {
      ++why.in_other_pools[view.pools().text(view.pool_of(r))];
    } else if (scope_.datacenters[view.datacenter_of(r)] == 0) {
      ++why.in_other_datacenters[view.datacenters().text(view.datacenter_of(r))];
    } else if (!view.ready(r)) {
      ++why.not_ready[std::string(state_word(view.node(r)))];
    } else if (status_[r].state == state::filtered) {
      auto& check = check_named(why.unsuited, *status_[r].reason);
      ++check.nodes;
      if (auto found = checks_.found_instead(view.node(r), status_[r].reason)) ++check.found[*found];
    } else {
      const auto& capacity = view.capacity(r);
      why.largest = {std::max(why.largest.cpu, capacity.cpu), std::max(why.largest.memory, capacity.memory), std::max(why.largest.disk, capacity.disk)};
      any_large_enough = any_large_enough || refuse_by_capacity(r, node_usage(view.node(r))) == nullptr;
      if (status_[r].state != state::exhausted) continue;
      ++check_named(why.full, *status_[r].reason).nodes;
      why.nearest.push_back(miss_of(r));
    }
  }
  sort_by_nodes(why.unsuited);
  sort_by_nodes(why.full);
  std::ranges::sort(why.nearest, [&](const auto& a, const auto& b) {
    double x = shortage(a, why.wanted, why.cores_wanted);
    double y = shortage(b, why.wanted, why.cores_wanted);
    return x != y ? x < y : a.node_id < b.node_id;
  });
  why.too_large = !why.nearest.empty() && !any_large_enough;
  if (why.nearest.size() > limits::near_misses_max) why.nearest.resize(limits::near_misses_max);
  return why;
}

}  // namespace drover::sched
