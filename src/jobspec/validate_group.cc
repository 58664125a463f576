#include <re2/re2.h>

#include <map>
#include <set>

#include "base/text.h"
#include "jobspec/limits.h"
#include "jobspec/validate_parts.h"

namespace drover::jobspec {
namespace {

void check_tasks(problem_list& out, const schema::task_group& group, const schema::job& job) {
  if (group.tasks.empty()) {
    out.add("Missing tasks for task group");
    return;
  }
  std::map<std::string_view, size_t> seen;
  size_t leaders = 0;
  bool has_main = false;
  for (size_t i = 0; i < group.tasks.size(); ++i) {
    const auto& task = group.tasks[i];
    if (task.name.empty()) {
      out.add("Task {} missing name", i + 1);
    } else if (auto [at, added] = seen.emplace(task.name, i); !added) {
      out.add("Task {} redefines '{}' from task {}", i + 1, task.name, at->second + 1);
    }
    leaders += task.leader ? 1 : 0;
    has_main |= !task.lifecycle.has_value();
    out.nest(fmt::format("Task {} validation failed", task.name), check_task(task, group, job));
  }
  if (leaders > 1) out.add("Only one task may be marked as leader");
  if (!has_main) out.add("Task group must have at least one task without a lifecycle block");
}

void check_placement(problem_list& out, const schema::task_group& group, const schema::job& job) {
  bool system = job.type == "system" || job.type == "sysbatch";
  for (size_t i = 0; i < group.constraints.size(); ++i)
    out.nest(fmt::format("Constraint {} validation failed", i + 1), check_constraint(group.constraints[i], placement_scope::group));
  if (system && !group.affinities.empty()) out.add("System jobs may not have an affinity block");
  for (size_t i = 0; i < group.affinities.size(); ++i) out.nest(fmt::format("Affinity {} validation failed", i + 1), check_affinity(group.affinities[i]));
  if (system && !group.spreads.empty()) out.add("System jobs may not have a spread block");
  for (size_t i = 0; i < group.spreads.size(); ++i) out.nest(fmt::format("Spread {} validation failed", i + 1), check_spread(group.spreads[i]));
}

void check_update_of(problem_list& out, const schema::task_group& group, const schema::job& job) {
  if (!group.update.has_value()) return;
  if (job.type == "batch" || job.type == "sysbatch") {
    out.add("Job type \"{}\" does not allow update block", job.type);
    return;
  }
  out.nest("Update validation failed", check_update(*group.update));
  int64_t parallel = group.update->max_parallel.value_or(1);
  if (job.type == "service" && group.count > 1 && parallel > group.count)
    out.warn(
        "Update max parallel count is greater than task group count ({} > {}). A destructive change would replace all "
        "allocations at the same time",
        parallel, group.count);
}

void check_policies(problem_list& out, const schema::task_group& group, const schema::job& job) {
  check_update_of(out, group, job);
  if (group.restart_policy.has_value()) out.nest("Restart policy validation failed", check_restart(*group.restart_policy));
  if (group.reschedule_policy.has_value()) {
    if (job.type == "system" || job.type == "sysbatch") {
      out.add("{} jobs should not have a reschedule policy", job.type == "system" ? "System" : "Sysbatch");
    } else {
      out.nest("Reschedule policy validation failed", check_reschedule(*group.reschedule_policy));
    }
  }
  if (group.migrate.has_value()) {
    if (job.type != "service") out.add("Job type \"{}\" does not allow migrate block", job.type);
    else out.nest("Migrate validation failed", check_migrate(*group.migrate));
  }
  if (group.disconnect.has_value()) out.nest("Disconnect validation failed", check_disconnect(*group.disconnect));
  if (group.scaling.has_value()) out.nest("Scaling validation failed", check_scaling(*group.scaling, group.count));
  if (group.max_run_duration.has_value()) {
    if (job.type != "batch" && job.type != "sysbatch") out.add("max_run_duration may only be used in batch and sysbatch jobs");
    if (group.max_run_duration->ns <= 0) out.add("max_run_duration must be greater than zero");
  }
  auto dependencies = check_dependencies(group.depends_on, job, &group);
  for (auto& error : dependencies.errors()) out.add("{}", error);
  if (group.shutdown_delay.has_value() && group.shutdown_delay->ns < 0) out.add("ShutdownDelay must be a positive value");
  if (group.stop_after_client_disconnect.has_value())
    out.warn("Group {}: stop_after_client_disconnect is ignored; use disconnect.stop_on_client_after", group.name);
  if (group.max_client_disconnect.has_value()) out.warn("Group {}: max_client_disconnect is ignored; use disconnect.lost_after", group.name);
  if (group.prevent_reschedule_on_lost) out.warn("Group {}: prevent_reschedule_on_lost is ignored; use disconnect.replace", group.name);
}

// Labels and static ports are unique over all networks of a group, those in its tasks' resources included.
class port_uses {
 public:
  void add(problem_list& out, const schema::network_resource& network) {
    for (const auto& port : network.reserved_ports) add(out, port, true, network.mode);
    for (const auto& port : network.dynamic_ports) add(out, port, false, network.mode);
  }

 private:
  void add(problem_list& out, const schema::port& port, bool is_static, std::string_view mode) {
    if (port.label.empty()) out.add("A port has no label; write port \"http\" {{ }}");
    if (!labels_.insert(port.label).second) out.add("Port label \"{}\" is used twice in the group", port.label);
    if (port.to > port_max || port.to < -1) out.add("Port \"{}\" cannot be mapped to {}; `to` must be between -1 and {}", port.label, port.to, port_max);
    if (port.ignore_collision && !(mode.empty() || mode == "host")) out.add("Port \"{}\": ignore_collision may only be used in host network mode", port.label);
    if (!is_static) return;
    if (port.value < 1 || port.value > port_max) {
      out.add("Port \"{}\" has static port {}; it must be between 1 and {}", port.label, port.value, port_max);
      return;
    }
    if (port.ignore_collision) return;
    auto [at, added] = statics_.emplace(std::pair(port.host_network, port.value), port.label);
    if (!added) out.add("Port \"{}\": static port {} already reserved by {}", port.label, port.value, at->second);
  }

  std::set<std::string> labels_;
  std::map<std::pair<std::string, int64_t>, std::string> statics_;
};

void check_networks(problem_list& out, const schema::task_group& group) {
  if (group.networks.size() > 1) out.add("Only one network block may be used in a group; there are {}", group.networks.size());
  port_uses ports;
  for (size_t i = 0; i < group.networks.size(); ++i) {
    ports.add(out, group.networks[i]);
    out.nest(fmt::format("Network {} validation failed", i + 1), check_network(group.networks[i]));
  }
  for (const auto& task : group.tasks) {
    if (!task.resources.has_value() || task.resources->networks.empty()) continue;
    out.warn("Task {}: a network block in resources is deprecated; put it into the group", task.name);
    for (const auto& network : task.resources->networks) ports.add(out, network);
  }
}

void check_volume(problem_list& out, const std::string& name, const schema::volume_request& volume, const schema::task_group& group, const schema::job& job) {
  out.one_of("Volume type", volume.type, {"host", "csi"});
  if (volume.source.empty()) out.add("Volume \"{}\" has an empty source", name);
  out.one_of("Volume attachment_mode", volume.attachment_mode, {"", "file-system", "block-device"});
  if (volume.type == "csi") {
    out.one_of("Volume access_mode", volume.access_mode,
               {"single-node-reader-only", "single-node-writer", "multi-node-reader-only", "multi-node-single-writer", "multi-node-multi-writer"});
    if (volume.attachment_mode.empty()) out.add("CSI volume \"{}\" must have an attachment mode", name);
    if (volume.sticky) out.add("CSI volume \"{}\" cannot be sticky", name);
  } else {
    out.one_of("Volume access_mode", volume.access_mode,
               {"", "single-node-writer", "single-node-reader-only", "single-node-single-writer", "single-node-multi-writer"});
    if (volume.mount_options.has_value()) out.add("Host volume \"{}\" cannot have mount options", name);
  }
  if (!volume.per_alloc) return;
  if (job.type == "system" || job.type == "sysbatch") out.add("Volume \"{}\": system jobs cannot use per_alloc", name);
  if (group.update.has_value() && group.update->canary.value_or(0) > 0) out.add("Volume \"{}\" cannot be per_alloc when canaries are in use", name);
  if (volume.sticky) out.add("Volume \"{}\" cannot be both per_alloc and sticky", name);
}

void check_mounts(problem_list& out, const schema::task_group& group) {
  for (const auto& task : group.tasks)
    for (const auto& mount : task.volume_mounts)
      if (!group.volumes.contains(mount.volume))
        out.add("Task {} has a volume mount of volume \"{}\", which the group does not define", task.name, mount.volume);
}

void check_services(problem_list& out, const schema::task_group& group) {
  std::string_view provider;
  auto one_provider = [&](const schema::service& service) {
    if (provider.empty()) provider = service.provider;
    if (service.provider == provider) return true;
    out.add("All services of a group must use the same provider; \"{}\" uses {}, others use {}", service.name, service.provider, provider);
    return false;
  };
  bool uniform = true;
  for (const auto& service : group.services) {
    if (uniform) uniform = one_provider(service);
    out.nest(fmt::format("Service \"{}\" validation failed", service.name), check_service(service, group, true));
  }
  for (const auto& task : group.tasks)
    for (const auto& service : task.services)
      if (uniform) uniform = one_provider(service);
}

}  // namespace

problem_list check_network(const schema::network_resource& network) {
  problem_list out;
  bool known = network.mode.empty() || network.mode == "none" || network.mode == "host" || network.mode == "bridge" || network.mode.starts_with("cni/");
  if (!known) out.add("Network mode \"{}\" is unknown; it must be none, bridge, host or cni/NAME", network.mode);
  if (!network.hostname.empty()) {
    if (network.mode != "bridge" && !network.mode.starts_with("cni/"))
      out.add("Hostname is not supported in network mode \"{}\"; use bridge", network.mode.empty() ? "host" : network.mode);
    static const re2::RE2 dns(R"([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*)");
    if (!re2::RE2::FullMatch(without_interpolation(network.hostname), dns)) out.add("Hostname \"{}\" is not a valid DNS name", network.hostname);
  }
  if (network.cni.has_value())
    for (const auto& [key, text] : network.cni->args)
      if (key.contains(';') || text.contains(';')) out.add("CNI argument \"{}\" contains a semicolon", key);
  if (network.mbits > 0) out.warn("mbits has been deprecated as of Nomad 0.12.0. Please remove mbits from the network block");
  return out;
}

problem_list check_group(const schema::task_group& group, const schema::job& job) {
  problem_list out;
  if (group.name.empty()) out.add("Missing task group name");
  if (has_nul(group.name)) out.add("Task group name contains null character");
  if (group.count < 0) out.add("Task group count can't be negative; it is {}", group.count);
  check_tasks(out, group, job);
  check_placement(out, group, job);
  check_policies(out, group, job);
  check_networks(out, group);
  for (const auto& [name, volume] : group.volumes) check_volume(out, name, volume, group, job);
  check_mounts(out, group);
  check_services(out, group);
  if (group.ephemeral_disk.has_value()) {
    const auto& disk = *group.ephemeral_disk;
    if (disk.size_mb < ephemeral_disk_mb_min) out.add("Ephemeral disk of {} MB is too small; the minimum is {} MB", disk.size_mb, ephemeral_disk_mb_min);
  } else {
    out.add("Task group {} should have an ephemeral disk object", group.name);
  }
  for (const auto& [key, text] : group.meta)
    if (key.empty() || has_nul(key) || has_nul(text)) out.add("Meta key \"{}\" is empty or has a null character", key);
  return out;
}

}  // namespace drover::jobspec
