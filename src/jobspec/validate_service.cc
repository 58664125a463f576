#include <re2/re2.h>

#include "base/text.h"
#include "jobspec/limits.h"
#include "jobspec/validate_parts.h"

namespace drover::jobspec {
namespace {

bool has_port(const schema::network_resource& network, std::string_view label) {
  for (const auto* ports : {&network.dynamic_ports, &network.reserved_ports})
    for (const auto& port : *ports)
      if (port.label == label) return true;
  return false;
}

// A label of the group's networks, or of a task's own (deprecated) ones; a number; or something only a node can fill
// in.
bool is_known_port(const std::string& port, const schema::task_group& group) {
  if (port.empty() || port.contains("${") || parse_uint(port).has_value()) return true;
  for (const auto& network : group.networks)
    if (has_port(network, port)) return true;
  for (const auto& task : group.tasks) {
    if (!task.resources.has_value()) continue;
    for (const auto& network : task.resources->networks)
      if (has_port(network, port)) return true;
  }
  return false;
}

void check_check_kind(problem_list& out, const schema::service_check& check, const schema::service& service) {
  out.one_of("Check type", check.type, {"http", "tcp", "script", "grpc"});
  if (check.type == "http") {
    if (check.path.empty()) out.add("http type must have http path");
    else if (check.path.contains("://")) out.add("Check path must be relative to the service; got \"{}\"", check.path);
    out.one_of("Check protocol", to_lower(check.protocol), {"", "http", "https"});
  }
  if (check.type == "script" && check.command.empty()) out.add("script type must have a valid script path (command)");
  bool needs_port = check.type == "http" || check.type == "tcp" || check.type == "grpc";
  if (needs_port && check.port_label.empty() && service.port_label.empty()) out.add("{} check needs a port: give the check or its service one", check.type);
}

// What only Consul's agents can do. Warnings exist for scripts alone, as the exit code 1.
void check_native_check(problem_list& out, const schema::service_check& check) {
  if (check.expose) out.add("expose may only be set for Consul service checks");
  if (check.address_mode == "driver") out.add("address_mode = driver may only be set for Consul service checks");
  if (check.type == "script") return;
  if (check.on_update == "ignore_warnings") out.add("on_update may only be set to ignore_warnings for script checks and Consul service checks");
  if (check.check_restart.has_value() && check.check_restart->ignore_warnings)
    out.add("ignore_warnings on check_restart is only supported for script checks and Consul service checks");
}

problem_list check_check(const schema::service_check& check, const schema::service& service, const schema::task_group& group) {
  constexpr duration interval_min = seconds(1);
  problem_list out;
  check_check_kind(out, check, service);
  if (service.provider == "nomad") check_native_check(out, check);
  if (check.interval.ns == 0) out.add("Missing required value interval. Interval cannot be less than {}", to_string(interval_min));
  else if (check.interval < interval_min) out.add("interval ({}) cannot be lower than {}", to_string(check.interval), to_string(interval_min));
  if (check.timeout.ns == 0) out.add("Missing required value timeout. Timeout cannot be less than {}", to_string(interval_min));
  else if (check.timeout < interval_min) out.add("timeout ({}) is lower than required minimum timeout {}", to_string(check.timeout), to_string(interval_min));
  out.one_of("Check initial_status", check.initial_status, {"", "pending", "passing", "warning", "critical"});
  out.one_of("Check address_mode", check.address_mode, {"", "host", "driver", "alloc", "alloc_ipv6"});
  out.one_of("Check on_update", check.on_update, {"", "require_healthy", "ignore_warnings", "ignore"});
  if (check.notes.size() > check_notes_bytes_max) out.add("notes has {} characters; at most {} are allowed", check.notes.size(), check_notes_bytes_max);
  if (!is_known_port(check.port_label, group)) out.add("Port label \"{}\" of check \"{}\" does not exist in the group's network", check.port_label, check.name);
  out.not_negative("success_before_passing", check.success_before_passing);
  out.not_negative("failures_before_critical", check.failures_before_critical);
  out.not_negative("failures_before_warning", check.failures_before_warning);
  if (check.check_restart.has_value()) {
    out.not_negative("check_restart limit", check.check_restart->limit);
    if (check.on_update == "ignore") out.add("on_update value \"ignore\" is not compatible with check_restart");
    if (check.check_restart->grace.ns < 0) out.add("check_restart grace must not be negative");
    if (check.check_restart->ignore_warnings && check.on_update == "require_healthy" && check.check_restart->limit > 0)
      out.add("on_update value \"require_healthy\" is not supported with check_restart ignore_warnings value true");
  }
  return out;
}

problem_list check_connect(const schema::consul_connect& connect, const schema::task_group& group) {
  problem_list out;
  int forms = (connect.native ? 1 : 0) + (connect.sidecar_service.has_value() ? 1 : 0) + (connect.gateway.has_value() ? 1 : 0);
  if (forms != 1) out.add("Connect must be exactly one of native, sidecar_service or gateway; it is {} of them", forms);
  if (connect.sidecar_service.has_value() && (group.networks.empty() || group.networks[0].mode != "bridge"))
    out.add("A Connect sidecar needs a group network of mode \"bridge\"");
  if (connect.gateway.has_value()) {
    const auto& gateway = *connect.gateway;
    int kinds = (gateway.ingress ? 1 : 0) + (gateway.terminating ? 1 : 0) + (gateway.mesh ? 1 : 0);
    if (kinds != 1) out.add("A gateway must be exactly one of ingress, terminating or mesh");
    if (gateway.terminating.has_value() && gateway.terminating->services.empty()) out.add("A terminating gateway needs at least one service");
    if (gateway.ingress.has_value() && gateway.ingress->listeners.empty()) out.add("An ingress gateway needs at least one listener");
  }
  return out;
}

void check_name(problem_list& out, const std::string& name) {
  static const re2::RE2 label(R"((?i)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)");
  if (!re2::RE2::FullMatch(without_interpolation(name), label))
    out.add(
        "Service name must be valid per RFC 1123 and can contain only alphanumeric characters or dashes and must be no "
        "longer than {} "
        "characters; \"{}\" is not",
        service_name_bytes_max, name);
}

void check_consul_only(problem_list& out, const schema::service& service) {
  if (service.provider == "consul") return;
  if (service.enable_tag_override) out.add("enable_tag_override needs provider consul");
  if (service.connect.has_value()) out.add("Service with provider nomad cannot include Connect blocks");
  if (service.identity.has_value()) out.add("Service with provider nomad cannot have an identity block");
}

}  // namespace

problem_list check_service(const schema::service& service, const schema::task_group& group, bool of_group) {
  problem_list out;
  check_name(out, service.name);
  out.one_of("Service address_mode", service.address_mode, {"auto", "host", "alloc", "driver", "alloc_ipv6"});
  if (!service.address.empty() && service.address_mode != "auto")
    out.add("Service address_mode must be \"auto\" if address is set; it is \"{}\"", service.address_mode);
  if (of_group && service.address_mode == "driver") out.add("A service of a group cannot use address_mode driver");
  out.one_of("Service on_update", service.on_update, {"require_healthy", "ignore_warnings", "ignore"});
  out.one_of("Service provider", service.provider, {"consul", "nomad"});
  check_consul_only(out, service);
  if (!is_known_port(service.port_label, group))
    out.add("Port label \"{}\" referenced by service \"{}\" does not exist in the group's network", service.port_label, service.name);
  if (auto number = parse_int(service.port_label); number.has_value() && (*number < 1 || *number > port_max))
    out.add("Service port {} must be between 1 and {}", *number, port_max);
  if (service.weights.has_value() && (service.weights->passing < 1 || service.weights->warning < 1)) out.add("Service weights must be at least 1");
  for (const auto& check : service.checks) {
    if (of_group && check.type == "script" && check.task_name.empty() && service.task_name.empty())
      out.add("Check \"{}\" invalid: a script check of a group's service must name a task", check.name);
    out.nest(fmt::format("Check \"{}\" invalid", check.name), check_check(check, service, group));
  }
  if (service.identity.has_value() && service.identity->audience.empty()) out.add("Service identity must provide at least one target aud value");
  if (service.connect.has_value()) out.nest("Connect validation failed", check_connect(*service.connect, group));
  return out;
}

}  // namespace drover::jobspec
