#include "acl/acl.h"

#include <algorithm>

#include "base/text.h"

namespace drover::acl {
namespace {

// How many characters of `text` fall to the wildcards of `pattern`; the fewer, the more exactly it means it.
size_t wild_characters(std::string_view pattern, std::string_view text) {
  auto fixed = pattern.size() - static_cast<size_t>(std::ranges::count(pattern, '*'));
  return text.size() - std::min(fixed, text.size());
}

template <class Merged>
void merge(Merged& into, uint64_t allowed, bool denied) {
  into.allowed |= allowed;
  into.denied |= denied;
}

level stronger(level a, level b) { return std::max(a, b); }

}  // namespace

acl::acl(std::span<const policy> policies) {
  for (const auto& each : policies) add(each);
}

std::shared_ptr<const acl> acl::management() {
  static const auto all = [] {
    auto made = std::shared_ptr<acl>(new acl());
    made->management_ = true;
    return made;
  }();
  return all;
}

std::shared_ptr<const acl> acl::nobody() {
  static const std::shared_ptr<const acl> none(new acl());
  return none;
}

void acl::add(const policy& each) {
  for (const auto& rule : each.namespaces) {
    auto& into = namespaces_[rule.pattern];
    merge(into.own, rule.allowed.to_ullong(), rule.denied);
    for (const auto& variable : rule.variables) merge(into.variables[variable.path], variable.allowed, variable.denied);
  }
  for (const auto& rule : each.node_pools) merge(pools_[rule.pattern], rule.allowed, rule.denied);
  for (const auto& rule : each.host_volumes) merge(volumes_[rule.pattern], rule.allowed, rule.denied);
  agent_ = stronger(agent_, each.agent);
  node_ = stronger(node_, each.node);
  operator_ = stronger(operator_, each.operator_);
  quota_ = stronger(quota_, each.quota);
  plugin_ = stronger(plugin_, each.plugin);
  merge(operator_capabilities_, each.operator_allowed, each.operator_denied);
}

template <class Rules>
const typename Rules::mapped_type* acl::best(const Rules& in, std::string_view text) {
  if (auto exact = in.find(text); exact != in.end()) return &exact->second;
  const typename Rules::mapped_type* found = nullptr;
  size_t fewest = 0;
  for (const auto& [pattern, rule] : in) {
    if (pattern.find('*') == std::string::npos || !matches_glob(pattern, text)) continue;
    auto wild = wild_characters(pattern, text);
    if (found != nullptr && wild >= fewest) continue;
    found = &rule;
    fewest = wild;
  }
  return found;
}

bool acl::allows(std::string_view namespace_, capability c) const {
  if (management_) return true;
  const auto* rule = best(namespaces_, namespace_);
  return rule != nullptr && rule->own.grants(uint64_t{1} << static_cast<unsigned>(c));
}

bool acl::allows_any(std::string_view namespace_, std::initializer_list<capability> each) const {
  return std::ranges::any_of(each, [&](capability c) { return allows(namespace_, c); });
}

bool acl::sees_namespace(std::string_view namespace_) const {
  if (management_) return true;
  const auto* rule = best(namespaces_, namespace_);
  return rule != nullptr && !rule->own.denied && (rule->own.allowed != 0 || !rule->variables.empty());
}

bool acl::allows_variable(std::string_view namespace_, std::string_view path, variable_capability c) const {
  if (management_) return true;
  const auto* rule = best(namespaces_, namespace_);
  if (rule == nullptr) return false;
  const auto* variable = best(rule->variables, path);
  return variable != nullptr && variable->grants(static_cast<uint64_t>(c));
}

bool acl::sees_variables(std::string_view namespace_) const {
  if (management_) return true;
  const auto* rule = best(namespaces_, namespace_);
  if (rule == nullptr) return false;
  return std::ranges::any_of(rule->variables, [](const auto& each) { return !each.second.denied && each.second.allowed != 0; });
}

bool acl::allows_pool(std::string_view pool, pool_capability c) const {
  if (management_) return true;
  const auto* rule = best(pools_, pool);
  return rule != nullptr && rule->grants(static_cast<uint64_t>(c));
}

bool acl::sees_pool(std::string_view pool) const {
  if (management_) return true;
  const auto* rule = best(pools_, pool);
  return rule != nullptr && !rule->denied && rule->allowed != 0;
}

bool acl::allows_volume(std::string_view volume, volume_capability c) const {
  if (management_) return true;
  const auto* rule = best(volumes_, volume);
  return rule != nullptr && rule->grants(static_cast<uint64_t>(c));
}

bool acl::allows_operator(operator_capability c) const {
  if (management_) return true;
  return operator_ != level::deny && operator_capabilities_.grants(static_cast<uint64_t>(c));
}

}  // namespace drover::acl
