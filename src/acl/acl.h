// What one caller may do: several policies merged, asked by the object of a call. Immutable after it was made; any thread.
//
// Merging: the same pattern in several policies allows what any of them allows, unless one denies. Asking: an exact pattern counts before
// globs, of globs the one that leaves the fewest characters to its wildcards; only that rule counts.
#pragma once

#include <initializer_list>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "acl/policy.h"

namespace drover::acl {

class acl {
 public:
  explicit acl(std::span<const policy> policies);
  // May do everything.
  static std::shared_ptr<const acl> management();
  // May do nothing.
  static std::shared_ptr<const acl> nobody();

  bool is_management() const { return management_; }
  bool allows(std::string_view namespace_, capability c) const;
  bool allows_any(std::string_view namespace_, std::initializer_list<capability> each) const;
  // Something is allowed there: the namespace may be seen.
  bool sees_namespace(std::string_view namespace_) const;
  bool allows_variable(std::string_view namespace_, std::string_view path, variable_capability c) const;
  // Some variable of the namespace may be seen: its list is filtered, not refused.
  bool sees_variables(std::string_view namespace_) const;
  bool allows_pool(std::string_view pool, pool_capability c) const;
  bool sees_pool(std::string_view pool) const;
  bool allows_volume(std::string_view volume, volume_capability c) const;
  bool allows_agent(level at_least) const { return reaches(agent_, at_least); }
  bool allows_node(level at_least) const { return reaches(node_, at_least); }
  bool allows_operator(level at_least) const { return reaches(operator_, at_least); }
  bool allows_operator(operator_capability c) const;
  bool allows_quota(level at_least) const { return reaches(quota_, at_least); }
  bool allows_plugin(level at_least) const { return reaches(plugin_, at_least); }

 private:
  struct merged {
    uint64_t allowed = 0;
    bool denied = false;
    bool grants(uint64_t bit) const { return !denied && (allowed & bit) != 0; }
  };
  using rules = std::map<std::string, merged, std::less<>>;
  struct namespace_rules {
    merged own;
    rules variables;
  };
  acl() = default;
  void add(const policy& each);
  bool reaches(level have, level wanted) const { return management_ || (have != level::deny && have != level::none && have >= wanted); }
  template <class Rules>
  static const typename Rules::mapped_type* best(const Rules& in, std::string_view text);

  bool management_ = false;
  std::map<std::string, namespace_rules, std::less<>> namespaces_;
  rules pools_, volumes_;
  level agent_ = level::none, node_ = level::none, operator_ = level::none, quota_ = level::none, plugin_ = level::none;
  merged operator_capabilities_;
};

}  // namespace drover::acl
