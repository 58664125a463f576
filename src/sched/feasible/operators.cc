#include "sched/feasible/operators.h"

#include <re2/re2.h>

#include <algorithm>

#include "base/text.h"
#include "sched/limits.h"
#include "schema/node.h"

namespace drover::sched {
namespace {

std::optional<std::string_view> look_up(const std::map<std::string, std::string>& all, std::string_view key) {
  auto it = all.find(std::string(key));
  if (it == all.end()) return std::nullopt;
  return it->second;
}
std::optional<std::string_view> look_up(const schema::shared_text_map& all, std::string_view key) {
  auto it = all.find(key);
  if (it == all.end()) return std::nullopt;
  return it->second.str();
}

// Numbers where both sides are numbers, text otherwise.
int compare_values(std::string_view a, std::string_view b) {
  if (auto x = parse_int(a), y = parse_int(b); x && y) return *x < *y ? -1 : *x > *y;
  if (auto x = parse_double(a), y = parse_double(b); x && y) return *x < *y ? -1 : *x > *y;
  int order = a.compare(b);
  return order < 0 ? -1 : order > 0;
}

bool contains(std::string_view list, std::string_view wanted) {
  for (std::string_view each : split(list, ','))
    if (trim(each) == wanted) return true;
  return false;
}

bool set_contains(std::string_view list, std::string_view wanted, bool all) {
  for (std::string_view each : split(wanted, ','))
    if (contains(list, trim(each)) != all) return !all;
  return all;
}

// What needs no cache.
std::optional<bool> compare_plain(std::string_view operand, std::string_view left, std::string_view right) {
  if (operand == "=" || operand == "==" || operand == "is") return left == right;
  if (operand == "<") return compare_values(left, right) < 0;
  if (operand == "<=") return compare_values(left, right) <= 0;
  if (operand == ">") return compare_values(left, right) > 0;
  if (operand == ">=") return compare_values(left, right) >= 0;
  if (operand == "set_contains" || operand == "set_contains_all") return set_contains(left, right, true);
  if (operand == "set_contains_any") return set_contains(left, right, false);
  return std::nullopt;
}

template <class Map>
void make_room(Map& cache) {
  if (cache.size() >= limits::pattern_cache_max) cache.clear();
}

}  // namespace

std::optional<std::string_view> resolve_target(std::string_view target, const schema::node& node) {
  if (!target.starts_with("${")) return target;
  if (!target.ends_with("}")) return std::nullopt;
  std::string_view name = target.substr(2, target.size() - 3);
  if (name.starts_with("attr.")) return look_up(node.attributes, name.substr(5));
  if (name.starts_with("meta.")) return look_up(node.meta, name.substr(5));
  if (name == "node.unique.id") return node.id;
  if (name == "node.unique.name") return node.name;
  if (name == "node.datacenter") return node.datacenter;
  if (name == "node.class") return node.node_class;
  if (name == "node.pool") return node.node_pool.empty() ? std::string_view("default") : std::string_view(node.node_pool);
  return std::nullopt;
}

std::string text_of(const schema::constraint& c) {
  if (c.operand == "distinct_hosts") return c.operand;
  return fmt::format("{} {} {}", c.l_target, c.operand, c.r_target);
}

operator_set::operator_set() = default;
operator_set::~operator_set() = default;

bool operator_set::holds(std::string_view operand, std::optional<std::string_view> left, std::optional<std::string_view> right) {
  // Both are decided by the other allocations, not by the node alone.
  if (operand == "distinct_hosts" || operand == "distinct_property") return true;
  if (operand == "is_set") return left.has_value();
  if (operand == "is_not_set") return !left.has_value();
  if (operand == "!=" || operand == "not") return left != right;
  if (!left || !right) return false;
  if (auto answer = compare_plain(operand, *left, *right)) return *answer;
  if (operand == "regexp") return matches_pattern(*left, *right);
  if (operand == "version") return matches_version(*left, *right, version_rule::lenient);
  if (operand == "semver") return matches_version(*left, *right, version_rule::strict);
  return false;
}

bool operator_set::matches_pattern(std::string_view text, std::string_view pattern) {
  auto it = patterns_.find(pattern);
  if (it == patterns_.end()) {
    make_room(patterns_);
    RE2::Options options(RE2::Quiet);
    options.set_max_mem(limits::regexp_memory_max);
    it = patterns_.emplace(pattern, std::make_unique<RE2>(re2::StringPiece(pattern.data(), pattern.size()), options)).first;
  }
  return it->second->ok() && RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *it->second);
}

bool operator_set::matches_version(std::string_view text, std::string_view list, version_rule rule) {
  auto& cache = versions_[static_cast<size_t>(rule)];
  auto it = cache.find(list);
  if (it == cache.end()) {
    make_room(cache);
    it = cache.emplace(list, version_constraints::parse(list, rule)).first;
  }
  if (!it->second) return false;
  auto candidate = parse_version(text);
  return candidate && it->second->match(*candidate);
}

}  // namespace drover::sched
