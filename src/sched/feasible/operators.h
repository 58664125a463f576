// Constraint targets and operators: does `${attr.kernel.name} = linux` hold for a node? An operator_set caches compiled patterns and
// versions; one belongs to one scheduling (not thread-safe).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sched/feasible/version.h"
#include "sched/node_view.h"
#include "schema/resources.h"

namespace re2 {
class RE2;
}

namespace drover::sched {

// What a target stands for on a node: "${attr.x}", "${meta.x}", "${node.datacenter}" ...; other text is itself. Nothing where the node has
// no such attribute. The view lives as long as node and target.
std::optional<std::string_view> resolve_target(std::string_view target, const schema::node& node);

// As metrics and messages name it: "${attr.kernel.name} = linux".
std::string text_of(const schema::constraint& c);

class operator_set {
 public:
  operator_set();
  ~operator_set();
  operator_set(const operator_set&) = delete;
  operator_set& operator=(const operator_set&) = delete;

  // An absent side is nullopt. Unknown operators never hold.
  bool holds(std::string_view operand, std::optional<std::string_view> left, std::optional<std::string_view> right);
  // Constraint and affinity have the same sides.
  template <class Rule>
  bool holds(const Rule& rule, const schema::node& node) {
    return holds(rule.operand, resolve_target(rule.l_target, node), resolve_target(rule.r_target, node));
  }

 private:
  bool matches_pattern(std::string_view text, std::string_view pattern);
  bool matches_version(std::string_view text, std::string_view list, version_rule rule);

  text_map<std::unique_ptr<re2::RE2>> patterns_;
  text_map<std::optional<version_constraints>> versions_[2];
};

}  // namespace drover::sched
