#include <algorithm>
#include <set>

#include "base/text.h"
#include "jobspec/cron.h"
#include "jobspec/limits.h"
#include "jobspec/validate_parts.h"

namespace drover::jobspec {
namespace {

// Templates and artifacts may go from the task's directory into the allocation's shared one.
constexpr int levels_to_allocation = 1;

void check_name(problem_list& out, const std::string& name) {
  if (name.empty()) out.add("Missing task name");
  if (name.contains('/') || name.contains('\\')) out.add("Task name can't include slashes");
  if (has_nul(name)) out.add("Task name contains null character");
  if (name == "." || name == "..") out.add("Task name can't be \"{}\"", name);
  if (name == "alloc") out.add("Task name \"alloc\" is reserved for the directory that an allocation's tasks share");
}

bool is_octal(std::string_view text) {
  if (text.empty() || text.size() > 5) return false;
  for (char c : text)
    if (c < '0' || c > '7') return false;
  return true;
}

problem_list check_template(const schema::task_template& tmpl) {
  problem_list out;
  if (tmpl.source_path.empty() && tmpl.embedded_tmpl.empty()) out.add("Must specify a source path or have an embedded template");
  if (tmpl.dest_path.empty()) out.add("Must specify a destination for the template");
  else if (escapes(tmpl.dest_path, levels_to_allocation)) out.add("Template destination \"{}\" escapes the allocation directory", tmpl.dest_path);
  out.one_of("Template change_mode", tmpl.change_mode, {"noop", "restart", "signal", "script"});
  if (!tmpl.change_rollout.empty()) out.one_of("Template change_rollout", tmpl.change_rollout, {"immediate", "rolling"});
  if (tmpl.change_rollout == "rolling" && tmpl.change_mode != "restart")
    out.add("Template change_rollout \"rolling\" needs change_mode \"restart\", not \"{}\"", tmpl.change_mode);
  if (tmpl.change_mode == "signal" && tmpl.change_signal.empty()) out.add("Must specify signal value when change mode is signal");
  if (tmpl.change_mode == "signal" && tmpl.envvars) out.add("Cannot use signals with env var templates");
  if (tmpl.change_mode == "script") {
    if (!tmpl.change_script.has_value() || tmpl.change_script->command.empty())
      out.add("Must specify change script configuration with a command when change mode is script");
    else if (tmpl.change_script->timeout.ns < 0) out.add("Change script timeout must not be negative");
  }
  if (tmpl.splay.ns < 0) out.add("Must specify positive splay value");
  if (!tmpl.perms.empty() && !is_octal(tmpl.perms)) out.add("Failed to parse \"{}\" as octal permissions, as in 0644", tmpl.perms);
  if (tmpl.wait.has_value()) {
    const auto& wait = *tmpl.wait;
    if (wait.min.has_value() && wait.min->ns < 0) out.add("Template wait min must not be negative");
    if (wait.min.has_value() && wait.max.has_value() && *wait.min > *wait.max)
      out.add("Template wait min {} is greater than max {}", to_string(*wait.min), to_string(*wait.max));
  }
  return out;
}

problem_list check_artifact(const schema::task_artifact& artifact) {
  problem_list out;
  if (artifact.getter_source.empty()) out.add("Source must be specified");
  out.one_of("Artifact mode", artifact.getter_mode, {"any", "file", "dir"});
  if (escapes(artifact.relative_dest, levels_to_allocation)) out.add("Artifact destination \"{}\" escapes the allocation directory", artifact.relative_dest);
  auto checksum = artifact.getter_options.find("checksum");
  if (checksum == artifact.getter_options.end()) return out;
  auto text = trim(checksum->second);
  if (text.contains("${") || text.starts_with("file:")) return out;
  constexpr std::pair<std::string_view, size_t> kinds[] = {{"md5", 32}, {"sha1", 40}, {"sha256", 64}, {"sha512", 128}};
  size_t colon = text.find(':');
  if (text.empty()) {
    out.add("Checksum value cannot be empty");
  } else if (colon == std::string_view::npos) {
    out.add("Checksum must be given as \"type:value\"; got \"{}\"", text);
  } else {
    auto kind = std::ranges::find(kinds, text.substr(0, colon), &std::pair<std::string_view, size_t>::first);
    if (kind == std::end(kinds)) out.add("Unsupported checksum type \"{}\"; use md5, sha1, sha256 or sha512", text.substr(0, colon));
    else if (auto decoded = hex_decode(text.substr(colon + 1)); !decoded || decoded->size() * 2 != kind->second)
      out.add("Invalid {} checksum \"{}\"; it must have {} hex digits", kind->first, text.substr(colon + 1), kind->second);
  }
  return out;
}

problem_list check_vault(const schema::vault& vault) {
  problem_list out;
  out.one_of("Vault change_mode", vault.change_mode, {"noop", "restart", "signal"});
  if (vault.change_mode == "signal" && vault.change_signal.empty()) out.add("Signal must be specified when using change mode signal");
  for (const auto& policy : vault.policies)
    if (policy == "root") out.add("Vault policy \"root\" is not allowed");
  return out;
}

problem_list check_csi_plugin(const schema::task_csi_plugin_config& plugin) {
  problem_list out;
  if (plugin.id.empty()) out.add("CSIPluginConfig must have a non-empty PluginID");
  out.one_of("CSI plugin type", plugin.type, {"node", "controller", "monolith"});
  if (plugin.health_timeout.ns <= 0) out.add("CSI plugin health_timeout must be greater than zero");
  if (!plugin.mount_dir.empty() && plugin.stage_publish_base_dir.starts_with(plugin.mount_dir + "/"))
    out.add("CSI plugin stage_publish_base_dir must not be below mount_dir");
  return out;
}

void check_lists(problem_list& out, const schema::task& task) {
  for (size_t i = 0; i < task.templates.size(); ++i) out.nest(fmt::format("Template {} validation failed", i + 1), check_template(task.templates[i]));
  std::set<std::string_view> destinations;
  for (const auto& tmpl : task.templates)
    if (!tmpl.dest_path.empty() && !destinations.insert(tmpl.dest_path).second) out.add("Template destination \"{}\" is used by two templates", tmpl.dest_path);
  for (size_t i = 0; i < task.artifacts.size(); ++i) out.nest(fmt::format("Artifact {} validation failed", i + 1), check_artifact(task.artifacts[i]));
  for (size_t i = 0; i < task.volume_mounts.size(); ++i) {
    const auto& mount = task.volume_mounts[i];
    problem_list inner;
    if (mount.volume.empty()) inner.add("Missing volume name");
    if (mount.destination.empty()) inner.add("Missing destination");
    inner.one_of("Propagation mode", mount.propagation_mode, {"private", "host-to-task", "bidirectional"});
    inner.one_of("SELinux label", mount.selinux_label, {"", "z", "Z"});
    out.nest(fmt::format("Volume mount {} validation failed", i + 1), std::move(inner));
  }
}

void check_named(problem_list& out, const schema::task& task) {
  std::set<std::string_view> secrets;
  for (const auto& secret : task.secrets) {
    if (!is_name(secret.name, "_", identity_name_bytes_max))
      out.add("Secret name \"{}\" must have 1 to {} letters, digits or underscores", secret.name, identity_name_bytes_max);
    if (!secrets.insert(secret.name).second) out.add("Secret \"{}\" is defined twice", secret.name);
    if (secret.provider.empty()) out.add("Secret \"{}\" has no provider", secret.name);
    if (secret.path.empty()) out.add("Secret \"{}\" has no path", secret.name);
  }
  std::set<std::string_view> actions;
  for (const auto& action : task.actions) {
    bool blank = action.name.find_first_of(" \t\n\r") != std::string::npos;
    if (action.name.empty() || action.name.size() > action_name_bytes_max || blank)
      out.add("Action name \"{}\" must have 1 to {} characters and no blanks", action.name, action_name_bytes_max);
    if (!actions.insert(action.name).second) out.add("Action \"{}\" is defined twice", action.name);
    if (action.command.empty()) out.add("Action \"{}\" has no command", action.name);
  }
  if (task.identity.has_value()) out.nest("Identity \"default\" is invalid", check_identity(*task.identity, true));
  std::set<std::string_view> identities;
  for (const auto& identity : task.identities) {
    if (!identities.insert(identity.name).second) out.add("Identity \"{}\" is defined twice", identity.name);
    out.nest(fmt::format("Identity \"{}\" is invalid", identity.name), check_identity(identity, false));
  }
}

// As Nomad says it: without lists and steps, and an end on the day of its start.
void check_schedule(problem_list& out, const schema::task_schedule& schedule) {
  if (!schedule.cron) {
    out.add("Schedule must have a cron block");
    return;
  }
  const auto& cron_block = *schedule.cron;
  auto check = [&](std::string_view name, const std::string& text, ptrdiff_t fields, std::string_view rest) {
    if (std::ranges::count(text, ' ') != fields - 1) out.add("schedule cron.{} must contain {} fields, not \"{}\"", name, fields, text);
    else if (text.find_first_of("/,") != std::string::npos) out.add("schedule cron.{} must not contain \"/\" or \",\": \"{}\"", name, text);
    else if (auto parsed = cron::parse(text + std::string(rest)); !parsed) out.add("schedule cron.{} \"{}\": {}", name, text, parsed.error().text());
  };
  check("start", cron_block.start, 6, "");
  check("end", cron_block.end, 2, " * * *");
}

constexpr size_t log_sinks_max = 8;

void check_log_sinks(problem_list& out, const schema::log_config& logs) {
  if (logs.sinks.size() > log_sinks_max) out.add("{} log sinks; at most {} are allowed", logs.sinks.size(), log_sinks_max);
  if (logs.disabled && !logs.sinks.empty()) out.add("Log sinks need logs: they read what is written there, and the logs are disabled");
  std::set<std::string_view> names;
  for (const auto& sink : logs.sinks) {
    if (!is_name(sink.name, "-_", identity_name_bytes_max))
      out.add("Log sink \"{}\": its name must have 1 to {} letters, digits, dashes or underscores", sink.name, identity_name_bytes_max);
    if (!names.insert(sink.name).second) out.add("Log sink \"{}\" is defined twice", sink.name);
    out.one_of(fmt::format("Log sink \"{}\" type", sink.name), sink.type, {"file", "syslog"});
    if (sink.type == "file" && !(sink.address.empty() && sink.facility.empty()))
      out.add("Log sink \"{}\": address and facility are for the type syslog", sink.name);
    if (sink.type != "syslog") continue;
    if (!sink.address.starts_with("udp://") && !sink.address.starts_with("tcp://"))
      out.add("Log sink \"{}\": address must be udp://HOST:PORT or tcp://HOST:PORT, not \"{}\"", sink.name, sink.address);
    if (!sink.facility.empty())
      out.one_of(fmt::format("Log sink \"{}\" facility", sink.name), sink.facility,
                 {"kern",     "user", "mail",   "daemon", "auth",   "syslog", "lpr",    "news",   "uucp",   "cron",
                  "authpriv", "ftp",  "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"});
  }
}

void check_logs(problem_list& out, const schema::task& task, const schema::task_group& group) {
  if (!task.log_config.has_value()) {
    out.add("Missing Log Config");
    return;
  }
  const auto& logs = *task.log_config;
  check_log_sinks(out, logs);
  if (logs.max_files < 1) out.add("Minimum number of files is 1; got {}", logs.max_files);
  if (logs.max_file_size_mb < 1) out.add("Minimum file size is 1MB; got {}", logs.max_file_size_mb);
  if (logs.disabled || !group.ephemeral_disk.has_value()) return;
  int64_t total = 0;
  if (__builtin_mul_overflow(logs.max_files, logs.max_file_size_mb, &total) || total >= group.ephemeral_disk->size_mb)
    out.add("Log storage ({} files of {} MB) must be less than the ephemeral disk ({} MB)", logs.max_files, logs.max_file_size_mb,
            group.ephemeral_disk->size_mb);
}

}  // namespace

problem_list check_identity(const schema::workload_identity& identity, bool is_default) {
  problem_list out;
  if (!is_name(identity.name, "-_", identity_name_bytes_max) && !identity.name.starts_with("consul-service_"))
    out.add("Name must have 1 to {} letters, digits, dashes or underscores", identity_name_bytes_max);
  if (!is_default && identity.audience.empty()) out.add("An audience (aud) is required");
  for (const auto& audience : identity.audience)
    if (audience.empty()) out.add("An empty string is no valid audience");
  out.one_of("Identity change_mode", identity.change_mode, {"noop", "signal", "restart"});
  if (is_default && identity.ttl.ns > 0) out.add("ttl may not be set for the default identity");
  if (identity.ttl.ns < 0) out.add("ttl must be greater than zero");
  if (!identity.filepath.empty() && !identity.file) out.add("filepath needs file = true");
  if (escapes(identity.filepath)) out.add("filepath \"{}\" escapes the task directory", identity.filepath);
  return out;
}

problem_list check_resources(const schema::resources& resources) {
  problem_list out;
  if (resources.cpu > 0 && resources.cores > 0) out.add("Task can only ask for 'cpu' or 'cores' resource, not both");
  if (resources.cores < 0) out.add("cores is {}; it must not be negative", resources.cores);
  if (resources.cores == 0 && resources.cpu < cpu_min) out.add("Minimum CPU value is {}; got {}", cpu_min, resources.cpu);
  if (resources.memory_mb < memory_mb_min) out.add("Minimum MemoryMB value is {}; got {}", memory_mb_min, resources.memory_mb);
  if (resources.memory_max_mb != 0 && resources.memory_max_mb != -1 && resources.memory_max_mb < resources.memory_mb)
    out.add("MemoryMaxMB value ({}) should be larger than MemoryMB value ({})", resources.memory_max_mb, resources.memory_mb);
  if (resources.disk_mb != 0) out.add("Task can't ask for disk resources; use ephemeral_disk in the group");
  if (resources.secrets_mb < 0 || resources.secrets_mb > resources.memory_mb)
    out.add("secrets is {} MB; it must be between 0 and memory ({} MB)", resources.secrets_mb, resources.memory_mb);
  for (const auto& device : resources.devices) {
    problem_list inner;
    if (device.name.empty()) inner.add("device name must be given as one of the following: type, vendor/type, or vendor/type/name");
    if (device.count == 0) inner.add("device count must be at least 1");
    for (const auto& constraint : device.constraints) inner.nest("Constraint", check_constraint(constraint, placement_scope::device));
    for (const auto& affinity : device.affinities) inner.nest("Affinity", check_affinity(affinity));
    out.nest(fmt::format("Device \"{}\" validation failed", device.name), std::move(inner));
  }
  if (resources.numa.has_value()) out.one_of("NUMA affinity", resources.numa->affinity, {"", "none", "prefer", "require"});
  return out;
}

problem_list check_task(const schema::task& task, const schema::task_group& group, const schema::job& job) {
  problem_list out;
  check_name(out, task.name);
  if (task.driver.empty()) out.add("Missing task driver");
  if (task.kill_timeout.ns < 0) out.add("KillTimeout must be a positive value");
  if (task.shutdown_delay.ns < 0) out.add("ShutdownDelay must be a positive value");
  if (task.resources.has_value()) out.nest("Resources validation failed", check_resources(*task.resources));
  else out.add("Missing task resources");
  check_logs(out, task, group);
  if (task.schedule) check_schedule(out, *task.schedule);
  for (size_t i = 0; i < task.constraints.size(); ++i)
    out.nest(fmt::format("Constraint {} validation failed", i + 1), check_constraint(task.constraints[i], placement_scope::task));
  if ((job.type == "system" || job.type == "sysbatch") && !task.affinities.empty()) out.add("System jobs may not have an affinity block");
  for (size_t i = 0; i < task.affinities.size(); ++i) out.nest(fmt::format("Affinity {} validation failed", i + 1), check_affinity(task.affinities[i]));
  for (const auto& service : task.services) out.nest(fmt::format("Service \"{}\" validation failed", service.name), check_service(service, group, false));
  check_lists(out, task);
  check_named(out, task);
  if (task.restart_policy.has_value()) out.nest("Restart policy validation failed", check_restart(*task.restart_policy));
  if (task.lifecycle.has_value()) out.one_of("Lifecycle hook", task.lifecycle->hook, {"prestart", "poststart", "poststop"});
  if (task.dispatch_payload.has_value()) {
    if (task.dispatch_payload->file.empty()) out.add("Dispatch payload file must not be empty");
    else if (escapes(task.dispatch_payload->file)) out.add("Dispatch payload file \"{}\" escapes the task directory", task.dispatch_payload->file);
  }
  if (task.vault.has_value()) out.nest("Vault validation failed", check_vault(*task.vault));
  if (task.csi_plugin_config.has_value()) out.nest("CSI plugin validation failed", check_csi_plugin(*task.csi_plugin_config));
  for (const auto& [key, text] : task.env)
    if (key.empty() || key.contains('=') || has_nul(key) || has_nul(text))
      out.add("Environment variable \"{}\" is no valid name, or it or its value has a null character", key);
  for (const auto& [key, text] : task.meta)
    if (key.empty() || has_nul(key) || has_nul(text)) out.add("Meta key \"{}\" is empty or has a null character", key);
  return out;
}

}  // namespace drover::jobspec
