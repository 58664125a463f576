#include "sched/feasible/devices.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "schema/node.h"

namespace drover::sched {
namespace {

struct unit {
  std::string_view name;
  double factor;
};
constexpr double kilo = 1e3;
constexpr double kibi = 1024;
// Longest names first: the first that fits is it.
constexpr unit units[] = {
    {"KiB/s", kibi},
    {"MiB/s", kibi* kibi},
    {"GiB/s", kibi* kibi* kibi},
    {"TiB/s", kibi* kibi* kibi* kibi},
    {"kB/s", kilo},
    {"KB/s", kilo},
    {"MB/s", 1e6},
    {"GB/s", 1e9},
    {"TB/s", 1e12},
    {"KiB", kibi},
    {"MiB", kibi* kibi},
    {"GiB", kibi* kibi* kibi},
    {"TiB", kibi* kibi* kibi* kibi},
    {"PiB", kibi* kibi* kibi* kibi* kibi},
    {"kB", kilo},
    {"KB", kilo},
    {"MB", 1e6},
    {"GB", 1e9},
    {"TB", 1e12},
    {"PB", 1e15},
    {"MHz", 1e6},
    {"GHz", 1e9},
    {"mW", 1e-3},
    {"kW", 1e3},
    {"KW", 1e3},
    {"MW", 1e6},
    {"GW", 1e9},
    {"Hz", 1},
    {"W", 1},
};

std::optional<std::string> text_of(const schema::device_attribute& attribute) {
  std::string text;
  if (attribute.string) text = *attribute.string;
  else if (attribute.bool_) text = *attribute.bool_ ? "true" : "false";
  else if (attribute.int_) text = fmt::format("{}", *attribute.int_);
  else if (attribute.float_) text = fmt::format("{}", *attribute.float_);
  else return std::nullopt;
  return attribute.unit.empty() ? text : text + " " + attribute.unit;
}

std::optional<std::string> resolve(std::string_view target, const schema::node_device_resource& group) {
  if (!target.starts_with("${")) return std::string(target);
  if (!target.ends_with("}")) return std::nullopt;
  std::string_view name = target.substr(2, target.size() - 3);
  if (name == "device.vendor") return group.vendor;
  if (name == "device.type") return group.type;
  if (name == "device.model") return group.name;
  if (name == "device.ids") {
    std::vector<std::string> ids;
    for (const auto& instance : group.instances) ids.push_back(instance.id);
    return join(ids, ",");
  }
  if (!name.starts_with("device.attr.")) return std::nullopt;
  auto it = group.attributes.find(std::string(name.substr(12)));
  return it == group.attributes.end() ? std::nullopt : text_of(it->second);
}

bool is_order(std::string_view operand) {
  return operand == "=" || operand == "==" || operand == "is" || operand == "!=" || operand == "not" || operand == "<" || operand == "<=" || operand == ">" ||
         operand == ">=";
}

// vendor/type/name of a group, by as many parts as the request has.
bool named(std::string_view wanted, const schema::node_device_resource& group) {
  auto parts = split(wanted, '/');
  if (parts.size() == 1) return parts[0] == group.type;
  if (parts.size() == 2) return parts[0] == group.vendor && parts[1] == group.type;
  std::string_view name = wanted.substr(parts[0].size() + parts[1].size() + 2);  // names may contain slashes
  return parts[0] == group.vendor && parts[1] == group.type && name == group.name;
}

int64_t healthy_instances(const schema::node_device_resource& group) { return std::ranges::count_if(group.instances, &schema::node_device::healthy); }

}  // namespace

std::optional<double> parse_quantity(std::string_view text) {
  text = trim(text);
  if (auto plain = parse_double(text)) return plain;
  for (const auto& each : units) {
    if (!text.ends_with(each.name)) continue;
    auto number = parse_double(trim(text.substr(0, text.size() - each.name.size())));
    if (number) return *number * each.factor;
  }
  return std::nullopt;
}

device_asks::device_asks(const schema::task_group& group, operator_set& operators) : operators_(operators) {
  for (const auto& task : group.tasks) {
    if (!task.resources) continue;
    for (const auto& wanted : task.resources->devices) {
      asks_.push_back({&task.name, &wanted});
      for (const auto& affinity : wanted.affinities) total_weight_ += std::abs(static_cast<double>(affinity.weight));
    }
  }
}

template <class Rule>
bool device_asks::holds(const Rule& rule, const schema::node_device_resource& group) {
  auto left = resolve(rule.l_target, group);
  auto right = resolve(rule.r_target, group);
  // An id among several is asked for by the name of one.
  if (rule.l_target == "${device.ids}" && left && right && is_order(rule.operand))
    return operators_.holds("set_contains", *left, *right) == (rule.operand != "!=" && rule.operand != "not");
  if (left && right && is_order(rule.operand)) {
    auto x = parse_quantity(*left);
    auto y = parse_quantity(*right);
    if (x && y) return operators_.holds(rule.operand, fmt::format("{:.6f}", *x), fmt::format("{:.6f}", *y));
  }
  return operators_.holds(rule.operand, left, right);
}

bool device_asks::matches(const schema::requested_device& wanted, const schema::node_device_resource& group) {
  return named(wanted.name, group) && std::ranges::all_of(wanted.constraints, [&](const auto& each) { return holds(each, group); });
}

double device_asks::weight(const schema::requested_device& wanted, const schema::node_device_resource& group) {
  double sum = 0;
  for (const auto& affinity : wanted.affinities)
    if (holds(affinity, group)) sum += affinity.weight;
  return sum;
}

bool device_asks::possible(const schema::node& node) {
  if (empty()) return true;
  if (!node.node_resources) return false;
  const auto& groups = node.node_resources->devices;
  std::vector<int64_t> left;
  for (const auto& group : groups) left.push_back(healthy_instances(group));
  return std::ranges::all_of(asks_, [&](const ask& each) {
    auto count = static_cast<int64_t>(each.wanted->count);
    for (size_t i = 0; i < groups.size(); ++i) {
      if (left[i] < count || !matches(*each.wanted, groups[i])) continue;
      left[i] -= count;
      return true;
    }
    return false;
  });
}

std::optional<device_asks::offer> device_asks::assign(const schema::node& node, const node_usage& usage) {
  offer made;
  if (empty()) return made;
  if (!node.node_resources) return std::nullopt;
  std::vector<std::string> taken;
  double matched = 0;
  for (const auto& each : asks_) {
    std::optional<schema::allocated_device_resource> best;
    double best_weight = 0;
    for (const auto& group : node.node_resources->devices) {
      if (!matches(*each.wanted, group)) continue;
      double sum = weight(*each.wanted, group);
      if (best && sum <= best_weight) continue;
      schema::allocated_device_resource given{group.vendor, group.type, group.name, {}};
      for (const auto& instance : group.instances) {
        if (given.device_ids.size() == each.wanted->count) break;
        auto key = device_key(group.vendor, group.type, group.name, instance.id);
        if (instance.healthy && !usage.device_taken(key) && std::ranges::find(taken, key) == taken.end()) given.device_ids.push_back(instance.id);
      }
      if (given.device_ids.size() < each.wanted->count) continue;
      best = std::move(given);
      best_weight = sum;
    }
    if (!best) return std::nullopt;
    for (const auto& id : best->device_ids) taken.push_back(device_key(best->vendor, best->type, best->name, id));
    matched += best_weight;
    made.tasks.emplace_back(*each.task, std::move(*best));
  }
  if (ranked()) made.affinity = matched / total_weight_;
  return made;
}

}  // namespace drover::sched
