// Jobs and groups, and what the language writes once for many: job-level vault, secret and task.
#include "hcl/decode.h"
#include "jobspec/rules.h"
#include "jobspec/written_job.h"

namespace drover::jobspec {
namespace {

// Networks. `port "x" { static = 80 }` is a reserved port, without `static` a dynamic one.
constexpr attribute_rule port_attributes[] = {{"static", "value"}, {"value"}, {"to"}, {"host_network"}, {"ignore_collision"}};
const body_rules& port_rules() {
  static const body_rules rules{&schema::type_of<schema::port>, port_attributes, {}};
  return rules;
}
void put_port(void* record, const void* inner) {
  auto& network = *static_cast<schema::network_resource*>(record);
  const auto& port = *static_cast<const schema::port*>(inner);
  (port.value != 0 ? network.reserved_ports : network.dynamic_ports).push_back(port);
}
constexpr attribute_rule dns_attributes[] = {{"servers"}, {"searches"}, {"options"}};
const body_rules& dns_rules() {
  static const body_rules rules{&schema::type_of<schema::dns_config>, dns_attributes, {}};
  return rules;
}
constexpr block_rule cni_blocks[] = {{"args"}};
const body_rules& cni_rules() {
  static const body_rules rules{&schema::type_of<schema::cni_config>, {}, cni_blocks};
  return rules;
}
constexpr attribute_rule network_attributes[] = {{"mode"}, {"device"}, {"cidr"}, {"ip"}, {"hostname"}, {"mbits"}};
constexpr block_rule network_blocks[] = {
    {.name = "port", .rules = &port_rules, .label = label_use::needed, .label_member = "label", .put = &put_port},
    {"reserved_ports", {}, &port_rules, label_use::needed, "label"},
    {"dns", {}, &dns_rules},
    {"cni", {}, &cni_rules},
};

// Groups.
constexpr attribute_rule disk_attributes[] = {{"sticky"}, {"migrate"}, {"size", "size_mb"}};
const body_rules& disk_rules() {
  static const body_rules rules{&schema::type_of<schema::ephemeral_disk>, disk_attributes, {}};
  return rules;
}
constexpr attribute_rule mount_option_attributes[] = {{"fs_type"}, {"mount_flags"}};
const body_rules& mount_option_rules() {
  static const body_rules rules{&schema::type_of<schema::csi_mount_options>, mount_option_attributes, {}};
  return rules;
}
constexpr attribute_rule volume_attributes[] = {
    {"type"}, {"source"}, {"read_only"}, {"sticky"}, {"access_mode"}, {"attachment_mode"}, {"per_alloc"},
};
constexpr block_rule volume_blocks[] = {{"mount_options", {}, &mount_option_rules}};
const body_rules& volume_rules() {
  static const body_rules rules{&schema::type_of<schema::volume_request>, volume_attributes, volume_blocks};
  return rules;
}
constexpr attribute_rule disconnect_attributes[] = {{"lost_after"}, {"stop_on_client_after"}, {"replace"}, {"reconcile"}};
const body_rules& disconnect_rules() {
  static const body_rules rules{&schema::type_of<schema::disconnect_strategy>, disconnect_attributes, {}};
  return rules;
}

constexpr attribute_rule dependency_attributes[] = {{"job"}, {"namespace"}, {"group"}, {"condition"}};
const body_rules& dependency_rules() {
  static const body_rules rules{&schema::type_of<schema::job_dependency>, dependency_attributes, {}};
  return rules;
}
constexpr attribute_rule group_attributes[] = {
    {"count"}, {"shutdown_delay"}, {"max_run_duration"}, {"stop_after_client_disconnect"}, {"max_client_disconnect"}, {"prevent_reschedule_on_lost"},
};
void put_group_vault(void* record, const void* inner) { static_cast<written_group*>(record)->vault = *static_cast<const schema::vault*>(inner); }
constexpr block_rule group_blocks[] = {
    {"depends_on", {}, &dependency_rules},
    {"constraint", "constraints", &constraint_rules},
    {"affinity", "affinities", &affinity_rules},
    {"spread", "spreads", &spread_rules},
    {"task", "tasks", &task_rules, label_use::needed, "name"},
    {"volume", "volumes", &volume_rules, label_use::needed, "name"},
    {"restart", "restart_policy", &restart_rules},
    {"disconnect", {}, &disconnect_rules},
    {"reschedule", "reschedule_policy", &reschedule_rules},
    {"ephemeral_disk", {}, &disk_rules},
    {"update", {}, &update_rules},
    {"migrate", {}, &migrate_rules},
    {"network", "networks", &network_rules},
    {"service", "services", &service_rules},
    {"scaling", {}, &scaling_rules},
    {"consul", {}, &consul_rules},
    {.name = "vault", .rules = &vault_rules, .put = &put_group_vault},
    {"meta"},
};
void finish_group(void* record, const hcl::decoder& body) {
  auto& group = *static_cast<written_group*>(record);
  if (group.scaling.has_value()) {
    // Whichever of count and scaling.min is missing follows the other.
    if (!body.has("count") && group.scaling->min >= 0) group.count = group.scaling->min;
    if (group.scaling->min < 0) group.scaling->min = group.count;
  }
  for (auto& task : group.tasks)
    if (!task.vault.has_value()) task.vault = group.vault;
}

// Jobs.
constexpr attribute_rule periodic_attributes[] = {{"enabled"}, {"cron", "spec"}, {"crons", "specs"}, {"prohibit_overlap"}, {"time_zone"}};
const body_rules& periodic_rules() {
  static const body_rules rules{&schema::type_of<schema::periodic_config>, periodic_attributes, {}};
  return rules;
}
constexpr attribute_rule parameterized_attributes[] = {{"payload"}, {"meta_required"}, {"meta_optional"}, {"max_parallel"}};
const body_rules& parameterized_rules() {
  static const body_rules rules{&schema::type_of<schema::parameterized_job_config>, parameterized_attributes, {}};
  return rules;
}
constexpr attribute_rule link_attributes[] = {{"label"}, {"url"}};
const body_rules& link_rules() {
  static const body_rules rules{&schema::type_of<schema::job_ui_link>, link_attributes, {}};
  return rules;
}
constexpr attribute_rule ui_attributes[] = {{"description"}};
constexpr block_rule ui_blocks[] = {{"link", "links", &link_rules}};
const body_rules& ui_rules() {
  static const body_rules rules{&schema::type_of<schema::job_ui_config>, ui_attributes, ui_blocks};
  return rules;
}
constexpr attribute_rule strategy_attributes[] = {{"max_parallel"}, {"on_failure"}};
const body_rules& strategy_rules() {
  static const body_rules rules{&schema::type_of<schema::multiregion_strategy>, strategy_attributes, {}};
  return rules;
}
constexpr attribute_rule region_attributes[] = {{"count"}, {"datacenters"}, {"node_pool"}};
constexpr block_rule region_blocks[] = {{"meta"}};
const body_rules& region_rules() {
  static const body_rules rules{&schema::type_of<schema::multiregion_region>, region_attributes, region_blocks};
  return rules;
}
constexpr block_rule multiregion_blocks[] = {
    {"strategy", {}, &strategy_rules},
    {"region", "regions", &region_rules, label_use::needed, "name"},
};
const body_rules& multiregion_rules() {
  static const body_rules rules{&schema::type_of<schema::multiregion>, {}, multiregion_blocks};
  return rules;
}

written_job& job_of(void* record) { return *static_cast<written_job*>(record); }
void put_group(void* record, const void* inner) { job_of(record).task_groups.push_back(*static_cast<const written_group*>(inner)); }
void put_job_vault(void* record, const void* inner) { job_of(record).vault = *static_cast<const schema::vault*>(inner); }
void put_job_secret(void* record, const void* inner) { job_of(record).secrets.push_back(*static_cast<const schema::secret*>(inner)); }
// A task directly in the job has a group of its own name.
void put_job_task(void* record, const void* inner) {
  schema::task_group group;
  group.tasks.push_back(*static_cast<const schema::task*>(inner));
  group.name = group.tasks[0].name;
  job_of(record).task_groups.push_back(std::move(group));
}

constexpr attribute_rule job_attributes[] = {
    {"region"},           {"namespace"},       {"id"}, {"name"}, {"type"}, {"priority"}, {"all_at_once"}, {"datacenters"}, {"node_pool"},
    {"consul_namespace"}, {"vault_namespace"},
};
constexpr block_rule job_blocks[] = {
    {"depends_on", {}, &dependency_rules},
    {"constraint", "constraints", &constraint_rules},
    {"affinity", "affinities", &affinity_rules},
    {"spread", "spreads", &spread_rules},
    {.name = "group", .rules = &group_rules, .label = label_use::needed, .label_member = "name", .put = &put_group},
    {"update", {}, &update_rules},
    {"multiregion", {}, &multiregion_rules},
    {"periodic", {}, &periodic_rules},
    {"parameterized", "parameterized_job", &parameterized_rules},
    {"reschedule", {}, &reschedule_rules},
    {"migrate", {}, &migrate_rules},
    {"ui", {}, &ui_rules},
    {"meta"},
    {.name = "vault", .rules = &vault_rules, .put = &put_job_vault},
    {.name = "secret", .rules = &secret_rules, .label = label_use::needed, .label_member = "name", .put = &put_job_secret},
    {.name = "task", .rules = &task_rules, .label = label_use::needed, .label_member = "name", .put = &put_job_task},
};
void finish_job(void* record, const hcl::decoder& body) {
  auto& job = job_of(record);
  job.names_namespace = body.has("namespace");
  job.names_region = body.has("region");
  for (auto& group : job.task_groups) {
    for (auto& task : group.tasks) {
      if (!task.vault.has_value()) task.vault = job.vault;
      task.secrets.insert(task.secrets.begin(), job.secrets.begin(), job.secrets.end());
    }
  }
}

}  // namespace

const body_rules& network_rules() {
  static const body_rules rules{&schema::type_of<schema::network_resource>, network_attributes, network_blocks};
  return rules;
}
const body_rules& group_rules() {
  static const body_rules rules{&schema::type_of<written_group>, group_attributes, group_blocks, &finish_group};
  return rules;
}
const body_rules& job_rules() {
  static const body_rules rules{&schema::type_of<written_job>, job_attributes, job_blocks, &finish_job};
  return rules;
}

}  // namespace drover::jobspec
