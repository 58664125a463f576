#include "server/implied_constraints.h"

#include <algorithm>

#include <fmt/format.h>

namespace drover::server {
namespace {

void require(schema::task_group& group, schema::constraint wanted, bool any_value) {
  auto same = [&](const schema::constraint& c) {
    return c.l_target == wanted.l_target && (any_value || (c.r_target == wanted.r_target && c.operand == wanted.operand));
  };
  if (std::ranges::none_of(group.constraints, same)) group.constraints.push_back(std::move(wanted));
}

struct service_needs {
  bool native = false;
  bool native_checks = false;
  // Names of services for Consul.
  std::vector<std::string> consul;

  void add(const std::vector<schema::service>& services) {
    for (auto& service : services) {
      if (service.provider != "nomad") {
        consul.push_back(service.name);
        continue;
      }
      native = true;
      native_checks |= !service.checks.empty();
    }
  }
};

}  // namespace

void add_implied_constraints(schema::job& job, std::vector<std::string>& warnings) {
  for (auto& group : job.task_groups) {
    service_needs needs;
    needs.add(group.services);
    for (auto& task : group.tasks) needs.add(task.services);
    if (needs.native) require(group, {"${attr.nomad.service_discovery}", "true", "="}, false);
    if (needs.native_checks) require(group, {"${attr.nomad.version}", ">= 1.4.0", "semver"}, false);
    if (needs.consul.empty()) continue;
    require(group, {"${attr.consul.version}", ">= 1.8.0", "semver"}, true);
    warnings.push_back(
        fmt::format("Group \"{}\": service \"{}\" uses provider \"consul\", so it runs only on nodes with a Consul agent; provider = \"nomad\" registers it in "
                    "the cluster itself",
                    group.name, needs.consul.front()));
  }
}

}  // namespace drover::server
