#include "sched/rank/ranker.h"

#include <algorithm>

#include "base/ensure.h"
#include "base/text.h"
#include "sched/granted.h"
#include "sched/limits.h"
#include "sched/scheduler.h"

namespace drover::sched {
namespace {

const std::string no_cpu = "cpu";
const std::string no_memory = "memory";
const std::string no_disk = "disk";
const std::string no_cores = "cores";
const std::string no_number = "max allocation exceeded";
const std::string no_devices = "devices: no devices match request";

void put(std::map<std::string, int64_t>& to, const std::string* reason, int64_t count) {
  if (count > 0) to[*reason] += count;
}

}  // namespace

job_scope::job_scope(const node_view& view, const schema::job& job) : pool_name(job.node_pool.empty() ? "default" : job.node_pool) {
  const auto& names = view.datacenters();
  datacenters.resize(names.size());
  for (uint32_t id = 0; id < names.size(); ++id)
    datacenters[id] = std::ranges::any_of(job.datacenters, [&](const auto& glob) { return matches_glob(glob, names.text(id)); });
  pool = view.pools().find(pool_name);
  if (pool_name == "all") pool = interned::none;
  else if (pool == interned::none) pool = view.pools().size();
}

group_demand::group_demand(const schema::task_group& group) : fixed(demand_of(granted_to_group(group, false))), cores(cores_wanted(group)) {}

amounts group_demand::on(const node_usage& usage) const {
  amounts all = fixed;
  all.cpu += cores * usage.cpu_per_core();
  return all;
}

ranker::ranker(proposed& cluster, const job_scope& scope, const schema::job& job, const schema::task_group& group, operator_set& operators,
               const job_facts& facts, settings how)
    : cluster_(cluster),
      scope_(scope),
      job_(job),
      group_(group),
      group_number_(cluster.group(group.name)),
      checks_(job, group, operators),
      volumes_(facts.volumes, job, group, cluster),
      ports_(group),
      demand_(group),
      how_(how),
      affinities_(job, group, operators),
      spreads_(job, group) {
  ranking_.set_least_terms(least_terms());
  ranking_.reset(0, 1);
}

void ranker::build() {
  built_ = true;
  changes_read_ = cluster_.changes().size();
  const auto& view = cluster_.view();
  status_.resize(view.rows());
  class_filtered_.resize(view.classes().size());
  class_exhausted_.resize(view.classes().size());
  base_.node_pool = scope_.pool_name;
  properties_.reserve(checks_.distinct_properties().size());
  for (const auto& rule : checks_.distinct_properties()) add_property(rule);
  spreads_.build(cluster_, group_number_);
  ranking_.reset(view.rows(), spreads_.buckets());
  for (uint32_t b = 0; b < spreads_.buckets(); ++b) ranking_.set_boost(b, spreads_.boost(b));
  std::vector<int64_t> available(view.datacenters().size());
  for (row r = 0; r < view.rows(); ++r) {
    if (view.ready(r) && scope_.in_pool(view, r)) ++base_.nodes_in_pool;
    if (!scope_.contains(view, r)) continue;
    ++available[view.datacenter_of(r)];
    judge(r);
  }
  for (uint32_t id = 0; id < available.size(); ++id)
    if (available[id] > 0) base_.nodes_available[view.datacenters().text(id)] = available[id];
  ranking_.seal();
}

void ranker::catch_up() {
  if (!built_) return build();
  const auto& changes = cluster_.changes();
  for (; changes_read_ < changes.size(); ++changes_read_) {
    row r = changes[changes_read_];
    recount_properties(r);
    for (uint32_t bucket : spreads_.recount(cluster_, group_number_, r)) ranking_.set_boost(bucket, spreads_.boost(bucket));
    if (scope_.contains(cluster_.view(), r)) judge(r);
  }
}

// Decides a node's state and, if it is a candidate, its rank.
void ranker::judge(row node) {
  ranking_.drop(node);
  if (!evictions_.empty()) evictions_[node] = {};
  if (const std::string* reason = checks_.refuse(cluster_.view(), node)) return set(node, state::filtered, reason);
  if (const std::string* reason = refuse_by_others(node)) return set(node, state::filtered, reason);
  if (const std::string* reason = refuse_by_capacity(node, cluster_.usage(node))) return set(node, state::exhausted, reason);
  set(node, state::candidate, nullptr);
  auto own = score(node);
  ranking_.put(node, spreads_.bucket_of(node), own.collides, own.sum(), tie_of(node));
}

void ranker::set(row node, ranker::state now, const std::string* reason) {
  status& s = status_[node];
  if (s.judged) count(node, s, -1);
  s = {now, reason, true};
  count(node, s, +1);
}

void ranker::add_to(std::vector<tally>& tallies, const std::string* reason, int sign) {
  auto same = std::ranges::find_if(tallies, [&](const tally& t) { return t.reason == reason || *t.reason == *reason; });
  if (same != tallies.end()) same->count += sign;
  else tallies.push_back({reason, sign});
}

void ranker::count(row node, const status& s, int sign) {
  counts_[static_cast<size_t>(s.state)] += sign;
  if (s.reason == nullptr) return;
  bool filtered = s.state == state::filtered;
  add_to(filtered ? filtered_ : exhausted_, s.reason, sign);
  (filtered ? class_filtered_ : class_exhausted_)[cluster_.view().class_of(node)] += sign;
}

const std::string* ranker::refuse_by_others(row node) {
  if (checks_.distinct_hosts_of_job() || checks_.distinct_hosts_of_group()) {
    int64_t others = checks_.distinct_hosts_of_job() ? cluster_.of_job(node) : cluster_.of_group(group_number_, node);
    if (others > 0) return &distinct_hosts_;
  }
  if (!volumes_.empty())
    if (const std::string* reason = volumes_.refuse(node)) return reason;
  for (const auto& property : properties_) {
    uint32_t value = property.value_of[node];
    if (value == interned::none) return &property.missing;
    if (property.used[value] >= property.rule->limit) return &property.full;
  }
  return nullptr;
}

const std::string* ranker::exhausted_dimension(const amounts& capacity, const amounts& used) {
  if (used.cpu > capacity.cpu) return &no_cpu;
  if (used.memory > capacity.memory) return &no_memory;
  return used.disk > capacity.disk ? &no_disk : nullptr;
}

const std::string* ranker::refuse_by_capacity(row node, const node_usage& usage) {
  if (usage.full()) return &no_number;
  const auto& view = cluster_.view();
  const amounts& capacity = view.capacity(node);
  amounts needed = demand_.fixed;
  if (demand_.cores > 0) {
    if (usage.free_core_count() < static_cast<size_t>(demand_.cores)) return &no_cores;
    needed = demand_.on(usage);
  }
  if (const auto* reason = exhausted_dimension(capacity, usage.used() + needed)) return reason;
  if (!checks_.devices().empty() && !checks_.devices().assign(view.node(node), usage)) return &no_devices;
  return ports_.empty() ? nullptr : ports_.refuse(usage);
}

void ranker::add_property(const distinct_property& rule) {
  const auto& view = cluster_.view();
  auto& property = properties_.emplace_back();
  property.rule = &rule;
  property.missing = fmt::format("distinct_property: missing property {}", rule.target);
  property.full = fmt::format("distinct_property: {} is used {} times", rule.target, rule.limit);
  property.value_of.assign(view.rows(), interned::none);
  property.counted.assign(view.rows(), 0);
  for (row r = 0; r < view.rows(); ++r) {
    if (!view.alive(r)) continue;
    auto text = resolve_target(rule.target, view.node(r));
    if (!text) continue;
    uint32_t value = property.values.id(*text);
    property.value_of[r] = value;
    if (value >= property.used.size()) {
      property.used.resize(value + 1);
      property.rows.resize(value + 1);
    }
    property.rows[value].push_back(r);
    property.counted[r] = rule.whole_job ? cluster_.of_job(r) : cluster_.of_group(group_number_, r);
    property.used[value] += property.counted[r];
  }
}

// A value that becomes full, or free again, changes the state of every node that has it.
void ranker::recount_properties(row node) {
  for (auto& property : properties_) {
    uint32_t value = property.value_of[node];
    if (value == interned::none) continue;
    int64_t now = property.rule->whole_job ? cluster_.of_job(node) : cluster_.of_group(group_number_, node);
    bool was_full = property.used[value] >= property.rule->limit;
    property.used[value] += now - property.counted[node];
    property.counted[node] = now;
    if (was_full == (property.used[value] >= property.rule->limit)) continue;
    for (row other : property.rows[value])
      if (other != node && scope_.contains(cluster_.view(), other)) judge(other);
  }
}

uint32_t ranker::tie_of(row node) const { return static_cast<uint32_t>(random_stream::mix(how_.seed ^ (uint64_t{node} << 20))); }

ranker::terms ranker::score(row node, const node_usage& usage) {
  const auto& view = cluster_.view();
  amounts needed = demand_.cores > 0 ? demand_.on(usage) : demand_.fixed;
  terms own;
  own.packing = packing_score(how_.algorithm, view.capacity(node), usage.used() + needed);
  int64_t there = cluster_.of_group(group_number_, node);
  own.collides = there > 0;
  if (own.collides) own.collision = collision_score(there, group_.count);
  own.affinity = affinities_.score(view, node);
  if (checks_.devices().ranked())
    if (auto offer = checks_.devices().assign(view.node(node), usage)) own.devices = offer->affinity;
  return own;
}

double ranker::rank(row node, const terms& own, bool penalized) const {
  uint32_t bucket = spreads_.bucket_of(node);
  if (!penalized) return ranking_.rank(bucket, own.collides, own.sum());
  return ranking_.rank(bucket, own.collides + size_t{1}, own.sum() + penalty_score);
}

// The best node, where those the allocation failed on count one term of -1 more. `seen` gets what metrics show.
ranker::row ranker::best(const ask& wanted, seen_nodes& seen) {
  bool found_clean = false;
  ranking_.best_first([&](row node, double value) {
    if (!numbered_ok(node, wanted)) return true;
    if (is_penalized(wanted.penalized, node)) value = rank(node, score(node), true);
    else found_clean = true;
    auto after = std::ranges::upper_bound(seen, value, std::greater{}, &std::pair<row, double>::second);
    seen.emplace(after, node, value);
    return !found_clean || seen.size() < scores_kept();
  });
  return seen.empty() ? node_view::no_row : seen.front().first;
}

const std::string* ranker::refuse_late(row node, uint64_t number) {
  if (checks_.numbered_volumes())
    if (const auto* reason = checks_.refuse_numbered(cluster_.view().node(node), number)) return reason;
  return volumes_.late() ? volumes_.refuse_late(node, number) : nullptr;
}

std::optional<ranker::choice> ranker::select(const ask& wanted, random_stream& random) {
  if (may_search() && wanted.preferred == node_view::no_row)
    if (auto made = search(wanted, random)) return made;
  catch_up();
  if (wanted.preferred < status_.size() && status_[wanted.preferred].state == state::candidate && !is_penalized(wanted.penalized, wanted.preferred) &&
      numbered_ok(wanted.preferred, wanted)) {
    if (auto made = take(wanted.preferred, cluster_.usage(wanted.preferred), random)) {
      made->metrics = metrics_of({{wanted.preferred, rank(wanted.preferred, score(wanted.preferred), false)}}, wanted);
      return made;
    }
  }
  seen_nodes seen;
  for (;;) {
    seen.clear();
    row node = best(wanted, seen);
    if (node == node_view::no_row) {
      if (checks_.numbered_volumes() || volumes_.late()) unsuited_number_ = wanted.number;
      return how_.preempts ? select_by_force(wanted, random) : std::nullopt;
    }
    auto made = take(node, cluster_.usage(node), random);
    if (!made) continue;  // it is exhausted now: the next one
    made->metrics = metrics_of(seen, wanted);
    return made;
  }
}

std::optional<ranker::choice> ranker::select_on(row node, random_stream& random) {
  catch_up();
  if (node >= status_.size()) return std::nullopt;
  if (status_[node].state == state::candidate) {
    auto made = take(node, cluster_.usage(node), random);
    if (made) made->metrics = metrics_of({{node, rank(node, score(node), false)}}, {});
    return made;
  }
  bool may_force = how_.preempts && status_[node].state == state::exhausted;
  return may_force ? take_by_force(node, {}, random) : std::nullopt;
}

ranker::state ranker::state_of(row node) {
  catch_up();
  return node < status_.size() ? status_[node].state : state::out_of_scope;
}

std::expected<chosen_parts, std::string> ranker::parts_on(row node, const node_usage& usage, random_stream& random) {
  const auto& record = cluster_.view().node(node);
  chosen_parts parts;
  auto ports = ports_.assign(record, usage, random);
  if (!ports) return std::unexpected(std::move(ports.error()));
  parts.ports = std::move(*ports);
  if (demand_.cores > 0) {
    parts.cores = usage.free_cores();
    parts.cores.resize(static_cast<size_t>(demand_.cores));
  }
  if (checks_.devices().empty()) return parts;
  auto devices = checks_.devices().assign(record, usage);
  if (!devices) return std::unexpected(no_devices);
  parts.devices = std::move(devices->tasks);
  return parts;
}

// A node that cannot give what it seemed to have is exhausted from now on.
std::optional<ranker::choice> ranker::take(row node, const node_usage& usage, random_stream& random) {
  auto parts = parts_on(node, usage, random);
  if (parts) return choice{.node = node, .parts = std::move(*parts), .metrics = nullptr, .evicted = {}};
  ranking_.drop(node);
  set(node, state::exhausted, &*late_reasons_.insert(parts.error()).first);
  return std::nullopt;
}

const ranker::eviction& ranker::eviction_on(row node) {
  if (evictions_.empty()) evictions_.resize(status_.size());
  auto& e = evictions_[node];
  if (e.known) return e;
  e.known = true;
  preemption_ask need{.priority = job_.priority, .demand = demand_.on(cluster_.usage(node)), .refuse = [&](const node_usage& usage) {
                        return refuse_by_capacity(node, usage);
                      }};
  e.way = find_preemption(cluster_, node, need);
  if (e.way) e.own = score(node, e.way->after);
  return e;
}

// Where a group has lost an allocation, the next of that group costs more than it did.
void ranker::forget_evictions_of_kin() {
  const auto& all = cluster_.evicted();
  std::set<std::pair<std::string_view, std::string_view>> groups;
  for (; evicted_read_ < all.size(); ++evicted_read_) groups.emplace(all[evicted_read_]->job_id, all[evicted_read_]->task_group);
  if (groups.empty()) return;
  for (auto& e : evictions_)
    if (e.way && std::ranges::any_of(e.way->evicted, [&](const auto& each) { return groups.contains({each->job_id, each->task_group}); })) e = {};
}

// The lesser evil counts as one more term.
double ranker::rank(row node, const eviction& e, const ask& wanted) const {
  bool penalized = is_penalized(wanted.penalized, node);
  double sum = e.own.sum() + e.way->score + (penalized ? penalty_score : 0);
  return ranking_.rank(spreads_.bucket_of(node), size_t{1} + e.own.collides + penalized, sum);
}

std::optional<ranker::choice> ranker::take_by_force(row node, const ask& wanted, random_stream& random) {
  auto e = eviction_on(node);
  if (!e.way) return std::nullopt;
  auto made = take(node, e.way->after, random);
  if (!made) return std::nullopt;
  auto meta = score_meta(node, rank(node, e, wanted), e.own, wanted);
  meta.scores.emplace("preemption", e.way->score);
  auto all = metrics();
  all.score_meta_data.push_back(std::move(meta));
  made->metrics = schema::share(std::move(all));
  made->evicted = std::move(e.way->evicted);
  return made;
}

std::optional<ranker::choice> ranker::select_by_force(const ask& wanted, random_stream& random) {
  forget_evictions_of_kin();
  std::set<row> refused;  // their ports could not be assigned after all
  for (;;) {
    row best_row = node_view::no_row;
    double best_rank = 0;
    for (row r = 0; r < status_.size(); ++r) {
      if (status_[r].state != state::exhausted || refused.contains(r) || !numbered_ok(r, wanted)) continue;
      const auto& e = eviction_on(r);
      if (!e.way) continue;
      double value = rank(r, e, wanted);
      bool better = best_row == node_view::no_row || value > best_rank || (value == best_rank && tie_of(r) < tie_of(best_row));
      if (!better) continue;
      best_row = r;
      best_rank = value;
    }
    if (best_row == node_view::no_row) return std::nullopt;
    if (auto made = take_by_force(best_row, wanted, random)) return made;
    refused.insert(best_row);
  }
}

schema::alloc_metric ranker::metrics() {
  catch_up();
  schema::alloc_metric all = base_;
  all.nodes_filtered = counts_[static_cast<size_t>(state::filtered)];
  all.nodes_exhausted = counts_[static_cast<size_t>(state::exhausted)];
  all.nodes_evaluated = all.nodes_filtered + all.nodes_exhausted + counts_[static_cast<size_t>(state::candidate)];
  for (const auto& t : filtered_) put(all.constraint_filtered, t.reason, t.count);
  for (const auto& t : exhausted_) put(all.dimension_exhausted, t.reason, t.count);
  const auto& view = cluster_.view();
  if (unsuited_number_) {
    for (row r = 0; r < status_.size(); ++r) {
      if (status_[r].state != state::candidate) continue;
      const auto* reason = refuse_late(r, *unsuited_number_);
      if (reason == nullptr) continue;
      ++all.nodes_filtered;
      ++all.constraint_filtered[*reason];
    }
  }
  for (uint32_t id = 0; id < class_filtered_.size(); ++id) {
    const std::string& name = view.node_class(id);
    if (name.empty()) continue;
    put(all.class_filtered, &name, class_filtered_[id]);
    put(all.class_exhausted, &name, class_exhausted_[id]);
  }
  return all;
}

schema::node_score_meta ranker::score_meta(row node, double value, const terms& own, const ask& wanted) const {
  schema::node_score_meta meta;
  meta.node_id = cluster_.view().node(node).id;
  meta.norm_score = value;
  meta.scores.emplace("binpack", own.packing);
  meta.scores.emplace("job-anti-affinity", own.collision);
  meta.scores.emplace("node-affinity", own.affinity);
  meta.scores.emplace("node-reschedule-penalty", is_penalized(wanted.penalized, node) ? penalty_score : 0);
  if (double boost = spreads_.boost(spreads_.bucket_of(node)); boost != 0) meta.scores.emplace("allocation-spread", boost);
  if (own.devices != 0) meta.scores.emplace("devices", own.devices);
  return meta;
}

// The first few allocations keep the scores of the best nodes and the counts of their moment. The others keep their own node's scores, under no
// name because it is the allocation's, and the counts of the first that scored so: a stored allocation would consist of this for the most part.
ref<schema::alloc_metric> ranker::metrics_of(const seen_nodes& seen, const ask& wanted, std::optional<schema::alloc_metric> looked) {
  const bool in_full = scored_ < limits::score_meta_allocs_max;
  const size_t kept = std::min(seen.size(), scores_kept());
  ++scored_;
  ref<schema::alloc_metric>* known = nullptr;
  if (!in_full && kept == 1) {
    const auto [node, value] = seen.front();
    const auto own = score(node);
    known = &said_[{value, own.packing, own.collision, own.affinity, own.devices, spreads_.boost(spreads_.bucket_of(node)),
                    is_penalized(wanted.penalized, node) ? 1.0 : 0.0}];
    if (*known) return *known;
  }
  auto all = looked ? *std::move(looked) : metrics();
  all.score_meta_data.reserve(kept);
  for (size_t i = 0; i < kept; ++i) all.score_meta_data.push_back(score_meta(seen[i].first, seen[i].second, score(seen[i].first), wanted));
  if (known != nullptr) all.score_meta_data.front().node_id.clear();
  auto shared = schema::share(std::move(all));
  if (known != nullptr) *known = shared;
  return shared;
}

}  // namespace drover::sched
