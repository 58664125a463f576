#include "sched/rank/spread.h"

#include <algorithm>

#include "sched/computed_class.h"
#include "sched/feasible/operators.h"

namespace drover::sched {

spread_set::spread_set(const schema::job& job, const schema::task_group& group) {
  double weights = 0;
  for (const auto* list : {&job.spreads, &group.spreads})
    for (const auto& each : *list) weights += each.weight;
  for (const auto* list : {&job.spreads, &group.spreads})
    for (const auto& each : *list) rules_.push_back(make_rule(each, group.count, weights));
  unique_ = std::ranges::any_of(rules_, &rule::unique);
}

spread_set::rule spread_set::make_rule(const schema::spread& spread, int64_t count, double weights) {
  rule made;
  made.attribute = spread.attribute;
  made.unique = escapes_class(spread.attribute);
  made.share = weights > 0 ? spread.weight / weights : 0;
  double all = static_cast<double>(count);
  double given = 0;
  for (const auto& target : spread.spread_target) {
    double desired = target.percent / 100.0 * all;
    made.targets[target.value] = desired;
    made.has_zero = made.has_zero || desired == 0;
    given += desired;
  }
  if (given > 0 && given < all) made.remainder = all - given;
  made.desired.push_back(-1);
  made.used.push_back(0);
  made.buckets.emplace_back();
  return made;
}

uint32_t spread_set::value_of(rule& r, const schema::node& node) {
  auto text = resolve_target(r.attribute, node);
  if (!text) return missing;
  uint32_t value = r.values.id(*text) + 1;
  if (value == r.used.size()) {
    auto target = r.targets.find(*text);
    r.desired.push_back(target == r.targets.end() ? r.remainder : target->second);
    r.used.push_back(0);
    r.buckets.emplace_back();
  }
  return value;
}

void spread_set::place_row(const node_view& view, row r, std::map<std::vector<uint32_t>, uint32_t>& known) {
  uint32_t class_id = view.class_of(r);
  if (!unique_ && bucket_of_class_[class_id] != interned::none) {
    bucket_of_[r] = bucket_of_class_[class_id];
    return;
  }
  std::vector<uint32_t> key;
  for (auto& rule : rules_) key.push_back(value_of(rule, view.node(r)));
  auto [it, fresh] = known.emplace(key, static_cast<uint32_t>(keys_.size()));
  if (fresh) {
    for (size_t i = 0; i < rules_.size(); ++i) rules_[i].buckets[key[i]].push_back(it->second);
    keys_.push_back(std::move(key));
  }
  bucket_of_[r] = bucket_of_class_[class_id] = it->second;
}

void spread_set::build(const proposed& cluster, size_t group) {
  if (empty()) return;
  const auto& view = cluster.view();
  bucket_of_.assign(view.rows(), 0);
  bucket_of_class_.assign(view.classes().size(), interned::none);
  std::map<std::vector<uint32_t>, uint32_t> known;
  for (row r = 0; r < view.rows(); ++r)
    if (view.alive(r)) place_row(view, r, known);
  for (const auto& [r, n] : cluster.rows_of_group(group)) {
    if (!view.alive(r)) continue;
    counted_[r] = n;
    for (size_t i = 0; i < rules_.size(); ++i) count(rules_[i], keys_[bucket_of_[r]][i], n);
  }
  for (auto& rule : rules_) boost_all(rule);
  boosts_.assign(keys_.size(), 0);
  for (uint32_t b = 0; b < keys_.size(); ++b) sum_up(b);
}

void spread_set::count(rule& r, uint32_t value, int64_t change) {
  r.total += change;
  int64_t before = r.used[value];
  int64_t after = r.used[value] = before + change;
  if (value == missing) return;
  if (before > 0)
    if (auto it = r.histogram.find(before); --it->second == 0) r.histogram.erase(it);
  if (after > 0) ++r.histogram[after];
}

double spread_set::boost_of(const rule& r, uint32_t value, double lowest) {
  bool even = r.targets.empty();
  if (value == missing) return even && r.total == 0 ? 0 : -1;
  auto used = static_cast<double>(r.used[value]);
  if (!even) {
    double desired = r.desired[value];
    if (desired < 0) return -1;
    return desired == 0 ? lowest : (desired - (used + 1)) / desired * r.share;
  }
  if (r.histogram.empty()) return r.total == 0 ? 0 : 1;
  auto least = static_cast<double>(r.histogram.begin()->first);
  auto most = static_cast<double>(r.histogram.rbegin()->first);
  if (used != least) return (least - used) / least;
  return least == most ? -1 : (most - least) / least;
}

void spread_set::boost_all(rule& r) {
  r.boost.assign(r.used.size(), 0);
  double lowest = -1;
  for (uint32_t v = 0; v < r.used.size(); ++v)
    if (r.has_zero && v != missing && r.desired[v] > 0) lowest = std::min(lowest, boost_of(r, v, 0));
  for (uint32_t v = 0; v < r.used.size(); ++v) r.boost[v] = boost_of(r, v, lowest);
}

void spread_set::sum_up(uint32_t bucket) {
  double sum = 0;
  for (size_t i = 0; i < rules_.size(); ++i) sum += rules_[i].boost[keys_[bucket][i]];
  boosts_[bucket] = sum;
}

const std::vector<uint32_t>& spread_set::recount(const proposed& cluster, size_t group, row r) {
  changed_.clear();
  if (empty()) return changed_;
  int64_t now = cluster.of_group(group, r);
  int64_t change = now - std::exchange(counted_[r], now);
  if (change == 0) return changed_;
  bool all = false;
  for (size_t i = 0; i < rules_.size(); ++i) {
    auto& rule = rules_[i];
    uint32_t value = keys_[bucket_of_[r]][i];
    auto ends = [&] {
      return rule.histogram.empty() ? std::pair<int64_t, int64_t>{} : std::pair{rule.histogram.begin()->first, rule.histogram.rbegin()->first};
    };
    auto before = std::pair{ends(), rule.total == 0};
    count(rule, value, change);
    bool moved = rule.targets.empty() ? before != std::pair{ends(), rule.total == 0} : rule.has_zero;
    if (moved) {
      boost_all(rule);
      all = true;
      continue;
    }
    rule.boost[value] = boost_of(rule, value, -1);
    changed_.insert(changed_.end(), rule.buckets[value].begin(), rule.buckets[value].end());
  }
  if (all) {
    changed_.resize(keys_.size());
    for (uint32_t b = 0; b < keys_.size(); ++b) changed_[b] = b;
  }
  for (uint32_t b : changed_) sum_up(b);
  return changed_;
}

}  // namespace drover::sched
