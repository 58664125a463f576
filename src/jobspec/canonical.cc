#include "jobspec/canonical.h"

#include "base/text.h"
#include "codec/compare.h"

namespace drover::jobspec {
namespace {

// `value` where it says nothing; `fallback` otherwise never looked at.
template <class T>
void fill(std::optional<T>& value, const std::optional<T>& fallback) {
  if (!value.has_value()) value = fallback;
}
void fill(std::string& value, std::string_view fallback) {
  if (value.empty()) value = fallback;
}
void fill(int64_t& value, int64_t fallback) {
  if (value == 0) value = fallback;
}
void fill(duration& value, duration fallback) {
  if (value.ns == 0) value = fallback;
}

void fill(schema::restart_policy& policy, const schema::restart_policy& fallback) {
  fill(policy.attempts, fallback.attempts);
  fill(policy.interval, fallback.interval);
  fill(policy.delay, fallback.delay);
  fill(policy.mode, fallback.mode);
}

void fill(schema::reschedule_policy& policy, const schema::reschedule_policy& fallback) {
  fill(policy.attempts, fallback.attempts);
  fill(policy.interval, fallback.interval);
  fill(policy.delay, fallback.delay);
  fill(policy.delay_function, fallback.delay_function);
  fill(policy.max_delay, fallback.max_delay);
  fill(policy.unlimited, fallback.unlimited);
}

void fill(schema::update_strategy& update, const schema::update_strategy& fallback) {
  fill(update.stagger, fallback.stagger);
  fill(update.max_parallel, fallback.max_parallel);
  fill(update.health_check, fallback.health_check);
  fill(update.min_healthy_time, fallback.min_healthy_time);
  fill(update.healthy_deadline, fallback.healthy_deadline);
  fill(update.progress_deadline, fallback.progress_deadline);
  fill(update.auto_revert, fallback.auto_revert);
  fill(update.auto_promote, fallback.auto_promote);
  fill(update.canary, fallback.canary);
}

void fill(schema::migrate_strategy& migrate, const schema::migrate_strategy& fallback) {
  fill(migrate.max_parallel, fallback.max_parallel);
  fill(migrate.health_check, fallback.health_check);
  fill(migrate.min_healthy_time, fallback.min_healthy_time);
  fill(migrate.healthy_deadline, fallback.healthy_deadline);
}

// What a stored job has at job level where nobody asked for updates: everything set, to nothing.
schema::update_strategy no_update() {
  schema::update_strategy none;
  none.stagger = none.min_healthy_time = none.healthy_deadline = none.progress_deadline = duration();
  none.max_parallel = none.canary = 0;
  none.health_check = "";
  none.auto_revert = none.auto_promote = false;
  return none;
}

// Nothing written, or the canonical "nothing". (`update { max_parallel = 0 }` is written: it leaves the rest unset.)
bool is_absent(const schema::update_strategy& update) { return codec::equal(update, schema::update_strategy{}) || codec::equal(update, no_update()); }

// A stored job says only these two at job level (see the end of canonicalize); its zeros must not reach a group that
// was added since.
schema::update_strategy stored_part(const schema::update_strategy& update) {
  schema::update_strategy part;
  part.stagger = update.stagger;
  part.max_parallel = update.max_parallel;
  return part;
}

// The policy that the job has for all its groups, under the group's own, under the default.
template <class T>
void inherit(std::optional<T>& own, const std::optional<T>& from_job, const std::optional<T>& defaults) {
  if (!own.has_value() && !from_job.has_value() && !defaults.has_value()) return;
  if (!own.has_value()) own.emplace();
  if (from_job.has_value()) fill(*own, *from_job);
  if (defaults.has_value()) fill(*own, *defaults);
}

bool has_reschedule(std::string_view type) { return type != "system" && type != "sysbatch"; }

// ${JOB}, ${TASKGROUP}, ${TASK} and ${BASE} are known now; the others are for the node.
std::string interpolate_name(std::string text, const schema::job& job, const schema::task_group& group, std::string_view task) {
  if (!text.contains("${")) return text;
  text = replace_all(text, "${JOB}", job.name);
  text = replace_all(text, "${TASKGROUP}", group.name);
  text = replace_all(text, "${TASK}", task);
  return replace_all(text, "${BASE}", fmt::format("{}-{}-{}", job.name, group.name, task));
}

void canonicalize(schema::workload_identity& identity) {
  fill(identity.name, "default");
  if (identity.name == "default" && identity.audience.empty()) identity.audience = {"nomadproject.io"};
  fill(identity.change_mode, "noop");
  if (identity.change_mode == "signal") fill(identity.change_signal, "SIGHUP");
  identity.change_signal = to_upper(identity.change_signal);
}

void canonicalize(schema::service_check& check, const schema::service& service, std::string_view task) {
  fill(check.name, fmt::format("service: \"{}\" check", service.name));
  fill(check.on_update, service.on_update);
  if (check.type == "script" && !task.empty()) fill(check.task_name, task);
  if (service.check_restart.has_value()) {
    if (!check.check_restart.has_value()) {
      check.check_restart = service.check_restart;
    } else {
      fill(check.check_restart->limit, service.check_restart->limit);
      fill(check.check_restart->grace, service.check_restart->grace);
      check.check_restart->ignore_warnings |= service.check_restart->ignore_warnings;
    }
  }
  if (check.check_restart.has_value()) fill(check.check_restart->grace, seconds(1));
}

void canonicalize(schema::consul_gateway& gateway) {
  if (!gateway.proxy.has_value()) gateway.proxy.emplace();
  fill(gateway.proxy->connect_timeout, std::optional(seconds(5)));
  if (gateway.ingress.has_value())
    for (auto& listener : gateway.ingress->listeners) fill(listener.protocol, "tcp");
}

void canonicalize(schema::consul_connect& connect) {
  if (connect.gateway.has_value()) canonicalize(*connect.gateway);
  if (connect.sidecar_service.has_value() && connect.sidecar_service->proxy.has_value()) {
    auto& proxy = *connect.sidecar_service->proxy;
    for (auto& upstream : proxy.upstreams) fill(upstream.destination_type, "service");
    // `path` is how files spell it, `paths` how the wire does.
    if (proxy.expose.has_value() && proxy.expose->paths.empty()) std::swap(proxy.expose->paths, proxy.expose->path);
  }
}

// `task` is empty for a service of the group.
void canonicalize(schema::service& service, const schema::job& job, const schema::task_group& group, std::string_view task) {
  std::string_view shown = task.empty() ? std::string_view("group") : task;
  fill(service.name, task.empty() ? fmt::format("{}-{}", job.name, group.name) : fmt::format("{}-{}-{}", job.name, group.name, task));
  service.name = interpolate_name(std::move(service.name), job, group, shown);
  fill(service.address_mode, "auto");
  fill(service.on_update, "require_healthy");
  fill(service.provider, "consul");
  if (service.provider == "consul") {
    fill(service.cluster, "default");
    fill(service.namespace_, group.consul.has_value() && !group.consul->namespace_.empty() ? group.consul->namespace_ : "default");
  } else {
    service.namespace_ = job.namespace_;
  }
  if (!task.empty()) fill(service.task_name, task);
  if (service.identity.has_value()) {
    fill(service.identity->name, fmt::format("consul-service_{}-{}-{}", shown, service.name, service.port_label));
    fill(service.identity->service_name, service.name);
    canonicalize(*service.identity);
  }
  if (service.weights.has_value()) {
    fill(service.weights->passing, 1);
    fill(service.weights->warning, 1);
  }
  if (service.connect.has_value()) canonicalize(*service.connect);
  for (auto& check : service.checks) canonicalize(check, service, task);
  // From here on every check has its own.
  service.check_restart.reset();
}

void canonicalize(schema::network_resource& network) {
  for (auto* ports : {&network.dynamic_ports, &network.reserved_ports})
    for (auto& port : *ports) fill(port.host_network, "default");
}

void canonicalize(schema::resources& resources) {
  if (resources.cores == 0) fill(resources.cpu, 100);
  fill(resources.memory_mb, 300);
  for (auto& network : resources.networks) canonicalize(network);
  for (auto& device : resources.devices) {
    if (device.count == 0) device.count = 1;
    for (auto& affinity : device.affinities) fill(affinity.operand, "=");
    for (auto& constraint : device.constraints) fill(constraint.operand, "=");
  }
}

void canonicalize(schema::log_config& logs) {
  // `enabled` is the old spelling; `disabled` is what is stored.
  if (logs.enabled.has_value()) logs.disabled = !*logs.enabled;
  logs.enabled.reset();
}

void canonicalize(schema::task_template& tmpl) {
  fill(tmpl.change_mode, "restart");
  if (tmpl.change_mode == "signal") fill(tmpl.change_signal, "SIGHUP");
  tmpl.change_signal = to_upper(tmpl.change_signal);
  fill(tmpl.perms, "0644");
  fill(tmpl.left_delim, "{{");
  fill(tmpl.right_delim, "}}");
  if (tmpl.wait.has_value() && tmpl.wait->min.has_value() && !tmpl.wait->max.has_value()) tmpl.wait->max = *tmpl.wait->min * 4;
  if (tmpl.change_script.has_value()) fill(tmpl.change_script->timeout, seconds(5));
}

void canonicalize(schema::task_artifact& artifact) {
  fill(artifact.getter_mode, "any");
  fill(artifact.relative_dest, "local/");
}

void canonicalize(schema::vault& vault) {
  fill(vault.cluster, "default");
  fill(vault.change_mode, "restart");
  if (vault.change_mode == "signal") fill(vault.change_signal, "SIGHUP");
  vault.change_signal = to_upper(vault.change_signal);
}

void canonicalize(schema::task_csi_plugin_config& plugin) {
  fill(plugin.mount_dir, "/csi");
  fill(plugin.stage_publish_base_dir, "/local/csi");
  fill(plugin.health_timeout, seconds(30));
}

void canonicalize(schema::task& task, const schema::job& job, const schema::task_group& group) {
  fill(task.kill_timeout, seconds(5));
  if (!task.restart_policy.has_value()) task.restart_policy.emplace().render_templates = group.restart_policy->render_templates;
  fill(*task.restart_policy, *group.restart_policy);
  if (!task.resources.has_value()) task.resources.emplace();
  canonicalize(*task.resources);
  if (!task.log_config.has_value()) task.log_config.emplace();
  canonicalize(*task.log_config);
  for (auto& tmpl : task.templates) canonicalize(tmpl);
  for (auto& artifact : task.artifacts) canonicalize(artifact);
  for (auto& mount : task.volume_mounts) fill(mount.propagation_mode, "private");
  if (task.vault.has_value()) canonicalize(*task.vault);
  if (task.consul.has_value()) fill(task.consul->cluster, "default");
  if (task.csi_plugin_config.has_value()) canonicalize(*task.csi_plugin_config);
  if (!task.identity.has_value()) task.identity.emplace();
  canonicalize(*task.identity);
  for (auto& identity : task.identities) canonicalize(identity);
  for (auto& affinity : task.affinities) fill(affinity.operand, "=");
  for (auto& constraint : task.constraints) fill(constraint.operand, "=");
  for (auto& policy : task.scaling_policies) policy.namespace_ = job.namespace_;
  for (auto& service : task.services) canonicalize(service, job, group, task.name);
  task.kill_signal = to_upper(task.kill_signal);
}

void canonicalize(schema::scaling_policy& scaling, const schema::job& job, const schema::task_group& group) {
  fill(scaling.type, "horizontal");
  scaling.target = {{"Namespace", job.namespace_}, {"Job", job.id}, {"Group", group.name}};
  scaling.namespace_ = job.namespace_;
}

void canonicalize(std::vector<schema::job_dependency>& dependencies, const schema::job& job) {
  for (auto& each : dependencies) {
    fill(each.namespace_, job.namespace_);
    // A group of the same job.
    if (each.job.empty() && !each.group.empty() && each.namespace_ == job.namespace_) each.job = job.id;
    fill(each.condition, "healthy");
  }
}

void canonicalize_policies(schema::task_group& group, const schema::job& job, const std::optional<schema::update_strategy>& job_update) {
  if (group.update.has_value() || job_update.has_value()) {
    if (!group.update.has_value()) group.update.emplace();
    if (job_update.has_value()) fill(*group.update, *job_update);
    fill(*group.update, default_update_strategy());
  }
  std::optional<schema::reschedule_policy> reschedule;
  if (has_reschedule(job.type) || group.reschedule_policy.has_value() || job.reschedule.has_value()) reschedule = default_reschedule_policy(job.type);
  inherit(group.reschedule_policy, job.reschedule, reschedule);
  std::optional<schema::migrate_strategy> migrate;
  if (job.type == "service" || group.migrate.has_value() || job.migrate.has_value()) migrate = default_migrate_strategy();
  inherit(group.migrate, job.migrate, migrate);
  if (!group.restart_policy.has_value()) group.restart_policy.emplace();
  fill(*group.restart_policy, default_restart_policy(job.type));
}

void canonicalize(schema::task_group& group, const schema::job& job, const std::optional<schema::update_strategy>& job_update) {
  canonicalize_policies(group, job, job_update);
  if (!group.ephemeral_disk.has_value()) group.ephemeral_disk.emplace();
  if (group.disconnect.has_value()) {
    fill(group.disconnect->replace, std::optional(true));
    fill(group.disconnect->reconcile, "best_score");
  }
  // Clients before Nomad 1.7 send an empty one with every group.
  if (group.consul.has_value() && codec::is_empty(schema::view(*group.consul))) group.consul.reset();
  if (group.consul.has_value()) fill(group.consul->cluster, "default");
  if (group.scaling.has_value()) canonicalize(*group.scaling, job, group);
  for (auto& [name, volume] : group.volumes) {
    fill(volume.name, name);
    fill(volume.type, "host");
  }
  for (auto& network : group.networks) canonicalize(network);
  canonicalize(group.depends_on, job);
  for (auto& spread : group.spreads)
    if (spread.weight == 0) spread.weight = 50;
  for (auto& affinity : group.affinities) fill(affinity.operand, "=");
  for (auto& constraint : group.constraints) fill(constraint.operand, "=");
  for (auto& service : group.services) canonicalize(service, job, group, "");
  for (auto& task : group.tasks) canonicalize(task, job, group);
}

}  // namespace

schema::restart_policy default_restart_policy(std::string_view job_type) {
  bool batch = job_type == "batch" || job_type == "sysbatch";
  schema::restart_policy policy;
  policy.attempts = batch ? 3 : 2;
  policy.interval = batch ? hours(24) : minutes(30);
  policy.delay = seconds(15);
  policy.mode = "fail";
  return policy;
}

schema::reschedule_policy default_reschedule_policy(std::string_view job_type) {
  bool batch = job_type == "batch";
  bool service = !batch && has_reschedule(job_type);
  schema::reschedule_policy policy;
  policy.attempts = batch ? 1 : 0;
  policy.interval = batch ? hours(24) : duration();
  policy.delay = batch ? seconds(5) : service ? seconds(30) : duration();
  policy.delay_function = batch ? "constant" : service ? "exponential" : "";
  policy.max_delay = service ? hours(1) : duration();
  policy.unlimited = service;
  return policy;
}

schema::update_strategy default_update_strategy() {
  schema::update_strategy update;
  update.stagger = seconds(30);
  update.max_parallel = 1;
  update.health_check = "checks";
  update.min_healthy_time = seconds(10);
  update.healthy_deadline = minutes(5);
  update.progress_deadline = minutes(10);
  update.auto_revert = false;
  update.auto_promote = false;
  update.canary = 0;
  return update;
}

schema::migrate_strategy default_migrate_strategy() {
  schema::migrate_strategy migrate;
  migrate.max_parallel = 1;
  migrate.health_check = "checks";
  migrate.min_healthy_time = seconds(10);
  migrate.healthy_deadline = minutes(5);
  return migrate;
}

void canonicalize(schema::job& job) {
  fill(job.id, job.name);
  fill(job.name, job.id);
  fill(job.type, "service");
  fill(job.namespace_, "default");
  fill(job.region, "global");
  fill(job.node_pool, "default");
  fill(job.priority, 50);
  if (job.datacenters.empty()) job.datacenters = {"*"};
  std::optional<schema::update_strategy> update;
  if (!is_absent(job.update)) update = job.update;
  if (update.has_value() && update->health_check == "") update = stored_part(*update);
  if (!update.has_value() && (job.type == "service" || job.type == "system")) update.emplace();
  canonicalize(job.depends_on, job);
  for (auto& spread : job.spreads)
    if (spread.weight == 0) spread.weight = 50;
  for (auto& affinity : job.affinities) fill(affinity.operand, "=");
  for (auto& constraint : job.constraints) fill(constraint.operand, "=");
  if (job.periodic.has_value()) {
    fill(job.periodic->spec_type, "cron");
    fill(job.periodic->time_zone, "UTC");
  }
  if (job.parameterized_job.has_value()) fill(job.parameterized_job->payload, "optional");
  for (auto& group : job.task_groups) canonicalize(group, job, update);

  // What groups have of their own now; of an update the job keeps what old clients read there.
  job.update = no_update();
  if (update.has_value()) {
    fill(*update, default_update_strategy());
    job.update.stagger = update->stagger;
    job.update.max_parallel = update->max_parallel;
  }
  job.reschedule.reset();
  job.migrate.reset();
}

}  // namespace drover::jobspec
