// Blocks that say where and how allocations run: placement, restarts, updates, scaling.
#include "base/text.h"
#include "hcl/decode.h"
#include "hcl/values.h"
#include "jobspec/rules.h"
#include "schema/job.h"

namespace drover::jobspec {
namespace {

// Constraints and affinities have the same three members. `version = "> 1"` is operator and value in one.
template <class Placement, const char* operand>
std::string set_operator_and_value(void* record, const value& v) {
  auto text = hcl::to_text(v);
  if (!text.has_value()) return "a string is needed";
  auto& placement = *static_cast<Placement*>(record);
  placement.operand = operand;
  placement.r_target = std::move(*text);
  return {};
}

// `distinct_property = "${meta.rack}"`: the operator and the left side.
template <class Placement, const char* operand>
std::string set_operator_and_attribute(void* record, const value& v) {
  auto& placement = *static_cast<Placement*>(record);
  // Also `is_set = true` beside an attribute of its own.
  if (auto on = hcl::to_boolean(v); on.has_value()) {
    if (!*on) return "leave it out instead of setting it to false";
    placement.operand = operand;
    return {};
  }
  auto text = hcl::to_text(v);
  if (!text.has_value()) return "a string is needed";
  placement.operand = operand;
  placement.l_target = std::move(*text);
  return {};
}

std::string set_distinct_hosts(void* record, const value& v) {
  auto on = hcl::to_boolean(v);
  if (!on.has_value()) return "true or false is needed";
  auto& constraint = *static_cast<schema::constraint*>(record);
  constraint.operand = "distinct_hosts";
  constraint.r_target = *on ? "" : "false";
  return {};
}

constexpr char op_regexp[] = "regexp";
constexpr char op_version[] = "version";
constexpr char op_semver[] = "semver";
constexpr char op_set_contains[] = "set_contains";
constexpr char op_set_contains_all[] = "set_contains_all";
constexpr char op_set_contains_any[] = "set_contains_any";
constexpr char op_is_set[] = "is_set";
constexpr char op_is_not_set[] = "is_not_set";
constexpr char op_distinct_property[] = "distinct_property";

constexpr attribute_rule constraint_attributes[] = {
    {"attribute", "l_target"},
    {"value", "r_target"},
    {"operator", "operand"},
    {op_regexp, {}, &set_operator_and_value<schema::constraint, op_regexp>},
    {op_version, {}, &set_operator_and_value<schema::constraint, op_version>},
    {op_semver, {}, &set_operator_and_value<schema::constraint, op_semver>},
    {op_set_contains, {}, &set_operator_and_value<schema::constraint, op_set_contains>},
    {op_set_contains_all, {}, &set_operator_and_value<schema::constraint, op_set_contains_all>},
    {op_set_contains_any, {}, &set_operator_and_value<schema::constraint, op_set_contains_any>},
    {op_is_set, {}, &set_operator_and_attribute<schema::constraint, op_is_set>},
    {op_is_not_set, {}, &set_operator_and_attribute<schema::constraint, op_is_not_set>},
    {op_distinct_property, {}, &set_operator_and_attribute<schema::constraint, op_distinct_property>},
    {"distinct_hosts", {}, &set_distinct_hosts},
};
constexpr attribute_rule affinity_attributes[] = {
    {"attribute", "l_target"},
    {"value", "r_target"},
    {"operator", "operand"},
    {"weight"},
    {op_regexp, {}, &set_operator_and_value<schema::affinity, op_regexp>},
    {op_version, {}, &set_operator_and_value<schema::affinity, op_version>},
    {op_semver, {}, &set_operator_and_value<schema::affinity, op_semver>},
    {op_set_contains, {}, &set_operator_and_value<schema::affinity, op_set_contains>},
    {op_set_contains_all, {}, &set_operator_and_value<schema::affinity, op_set_contains_all>},
    {op_set_contains_any, {}, &set_operator_and_value<schema::affinity, op_set_contains_any>},
    {op_is_set, {}, &set_operator_and_attribute<schema::affinity, op_is_set>},
    {op_is_not_set, {}, &set_operator_and_attribute<schema::affinity, op_is_not_set>},
};

constexpr attribute_rule target_attributes[] = {{"percent"}};
const body_rules& target_rules() {
  static const body_rules rules{&schema::type_of<schema::spread_target>, target_attributes, {}};
  return rules;
}
constexpr attribute_rule spread_attributes[] = {{"attribute"}, {"weight"}};
constexpr block_rule spread_blocks[] = {{"target", "spread_target", &target_rules, label_use::needed, "value"}};

constexpr attribute_rule update_attributes[] = {
    {"stagger"},           {"max_parallel"}, {"health_check"}, {"min_healthy_time"}, {"healthy_deadline"},
    {"progress_deadline"}, {"canary"},       {"auto_revert"},  {"auto_promote"},
};
constexpr attribute_rule migrate_attributes[] = {{"max_parallel"}, {"health_check"}, {"min_healthy_time"}, {"healthy_deadline"}};
constexpr attribute_rule reschedule_attributes[] = {{"attempts"}, {"interval"}, {"delay"}, {"delay_function"}, {"max_delay"}, {"unlimited"}};
constexpr attribute_rule restart_attributes[] = {{"attempts"}, {"interval"}, {"delay"}, {"mode"}, {"render_templates"}};

constexpr attribute_rule scaling_attributes[] = {{"min"}, {"max"}, {"enabled"}, {"type"}};
constexpr block_rule scaling_blocks[] = {{"policy"}};  // any shape: the autoscaler's

// Marks "min was not written" until the group's count is known (rules_job.cc).
void finish_scaling(void* record, const hcl::decoder& body) {
  if (!body.has("min")) static_cast<schema::scaling_policy*>(record)->min = -1;
}

}  // namespace

const body_rules& constraint_rules() {
  static const body_rules rules{&schema::type_of<schema::constraint>, constraint_attributes, {}};
  return rules;
}
const body_rules& affinity_rules() {
  static const body_rules rules{&schema::type_of<schema::affinity>, affinity_attributes, {}};
  return rules;
}
const body_rules& spread_rules() {
  static const body_rules rules{&schema::type_of<schema::spread>, spread_attributes, spread_blocks};
  return rules;
}
const body_rules& update_rules() {
  static const body_rules rules{&schema::type_of<schema::update_strategy>, update_attributes, {}};
  return rules;
}
const body_rules& migrate_rules() {
  static const body_rules rules{&schema::type_of<schema::migrate_strategy>, migrate_attributes, {}};
  return rules;
}
const body_rules& reschedule_rules() {
  static const body_rules rules{&schema::type_of<schema::reschedule_policy>, reschedule_attributes, {}};
  return rules;
}
const body_rules& restart_rules() {
  static const body_rules rules{&schema::type_of<schema::restart_policy>, restart_attributes, {}};
  return rules;
}
const body_rules& scaling_rules() {
  static const body_rules rules{&schema::type_of<schema::scaling_policy>, scaling_attributes, scaling_blocks, &finish_scaling};
  return rules;
}

}  // namespace drover::jobspec
