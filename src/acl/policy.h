// The rules text of a policy (HCL, or the same as JSON) as a value. Pure: text in, rules or a sentence out.
#pragma once

#include <string>
#include <vector>

#include "acl/capability.h"
#include "base/result.h"

namespace drover::acl {

// Patterns may hold "*". `denied` wins over everything that the same pattern allows.
struct variable_rule {
  std::string path;
  uint8_t allowed = 0;  // variable_capability bits
  bool denied = false;
};
struct namespace_rule {
  std::string pattern;
  capabilities allowed{};
  bool denied = false;
  std::vector<variable_rule> variables{};
};
struct pattern_rule {
  std::string pattern;
  uint8_t allowed = 0;  // pool_capability or volume_capability bits
  bool denied = false;
};

struct policy {
  std::vector<namespace_rule> namespaces;
  std::vector<pattern_rule> node_pools, host_volumes;
  level agent = level::none, node = level::none, operator_ = level::none, quota = level::none, plugin = level::none;
  uint8_t operator_allowed = 0;  // operator_capability bits
  bool operator_denied = false;
};

// errc::invalid with the place of each problem: an unknown block or word (with the nearest known one), a pattern that cannot be a name, a
// policy without any rule, more than the limits.
result<policy> parse_policy(std::string name, std::string rules);

// A policy and token name: letters, digits and "-", at most 128.
bool is_policy_name(std::string_view name);

// What a task may do by its identity alone: read and list the variables below nomad/jobs that are its own.
policy workload_policy(const std::string& namespace_, const std::string& job_id, const std::string& group, const std::string& task);

}  // namespace drover::acl
