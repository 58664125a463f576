// Tasks and what they hold.
#include "hcl/decode.h"
#include "jobspec/rules.h"
#include "schema/job.h"

namespace drover::jobspec {
namespace {

constexpr attribute_rule lifecycle_attributes[] = {{"hook"}, {"sidecar"}};
const body_rules& lifecycle_rules() {
  static const body_rules rules{&schema::type_of<schema::task_lifecycle_config>, lifecycle_attributes, {}};
  return rules;
}

constexpr attribute_rule device_attributes[] = {{"count"}};
constexpr block_rule device_blocks[] = {{"constraint", "constraints", &constraint_rules}, {"affinity", "affinities", &affinity_rules}};
const body_rules& device_rules() {
  static const body_rules rules{&schema::type_of<schema::requested_device>, device_attributes, device_blocks};
  return rules;
}
constexpr attribute_rule numa_attributes[] = {{"affinity"}, {"devices"}};
const body_rules& numa_rules() {
  static const body_rules rules{&schema::type_of<schema::numa>, numa_attributes, {}};
  return rules;
}
constexpr attribute_rule resources_attributes[] = {
    {"cpu"}, {"cores"}, {"memory", "memory_mb"}, {"memory_max", "memory_max_mb"}, {"disk", "disk_mb"}, {"iops"}, {"secrets", "secrets_mb"},
};
constexpr block_rule resources_blocks[] = {
    {"network", "networks", &network_rules},
    {"device", "devices", &device_rules, label_use::needed, "name"},
    {"numa", {}, &numa_rules},
};

constexpr attribute_rule logs_attributes[] = {{"max_files"}, {"max_file_size", "max_file_size_mb"}, {"disabled"}, {"enabled"}};
constexpr attribute_rule sink_attributes[] = {{"type"}, {"address"}, {"facility"}};
const body_rules& sink_rules() {
  static const body_rules rules{&schema::type_of<schema::log_sink>, sink_attributes, {}};
  return rules;
}
constexpr block_rule logs_blocks[] = {{"sink", "sinks", &sink_rules, label_use::needed, "name"}};

constexpr attribute_rule artifact_attributes[] = {
    {"source", "getter_source"}, {"mode", "getter_mode"}, {"insecure", "getter_insecure"}, {"destination", "relative_dest"}, {"chown"},
};
constexpr block_rule artifact_blocks[] = {{"options", "getter_options"}, {"headers", "getter_headers"}};
// A single file without a destination goes to local/ under its own name.
void finish_artifact(void* record, const hcl::decoder& body) {
  auto& artifact = *static_cast<schema::task_artifact*>(record);
  if (artifact.getter_mode != "file" || body.has("destination")) return;
  std::string_view source = artifact.getter_source;
  source = source.substr(0, source.find('?'));
  artifact.relative_dest = "local/" + std::string(source.substr(source.rfind('/') + 1));
}
const body_rules& artifact_rules() {
  static const body_rules rules{&schema::type_of<schema::task_artifact>, artifact_attributes, artifact_blocks, &finish_artifact};
  return rules;
}

constexpr attribute_rule script_attributes[] = {{"command"}, {"args"}, {"timeout"}, {"fail_on_error"}, {"run_on_first_render"}};
const body_rules& script_rules() {
  static const body_rules rules{&schema::type_of<schema::change_script>, script_attributes, {}};
  return rules;
}
constexpr attribute_rule wait_attributes[] = {{"min"}, {"max"}};
const body_rules& wait_rules() {
  static const body_rules rules{&schema::type_of<schema::wait_config>, wait_attributes, {}};
  return rules;
}
constexpr attribute_rule template_attributes[] = {
    {"source", "source_path"},
    {"destination", "dest_path"},
    {"data", "embedded_tmpl"},
    {"change_mode"},
    {"change_rollout"},
    {"change_signal"},
    {"once"},
    {"splay"},
    {"perms"},
    {"uid"},
    {"gid"},
    {"left_delimiter", "left_delim"},
    {"right_delimiter", "right_delim"},
    {"env", "envvars"},
    {"vault_grace"},
    {"error_on_missing_key", "err_missing_key"},
};
constexpr block_rule template_blocks[] = {{"change_script", {}, &script_rules}, {"wait", {}, &wait_rules}};
const body_rules& template_rules() {
  static const body_rules rules{&schema::type_of<schema::task_template>, template_attributes, template_blocks};
  return rules;
}

constexpr attribute_rule vault_attributes[] = {
    {"policies"}, {"role"}, {"namespace"}, {"cluster"}, {"env"}, {"disable_file"}, {"change_mode"}, {"change_signal"}, {"allow_token_expiration"},
};
constexpr attribute_rule consul_attributes[] = {{"namespace"}, {"cluster"}, {"partition"}};
constexpr attribute_rule secret_attributes[] = {{"provider"}, {"path"}};
constexpr block_rule secret_blocks[] = {{"config"}, {"env"}};
constexpr attribute_rule payload_attributes[] = {{"file"}};
const body_rules& payload_rules() {
  static const body_rules rules{&schema::type_of<schema::dispatch_payload_config>, payload_attributes, {}};
  return rules;
}
constexpr attribute_rule mount_attributes[] = {{"volume"}, {"destination"}, {"read_only"}, {"propagation_mode"}, {"selinux_label"}};
constexpr attribute_rule csi_attributes[] = {{"id"}, {"type"}, {"mount_dir"}, {"stage_publish_base_dir"}, {"health_timeout"}};
const body_rules& csi_rules() {
  static const body_rules rules{&schema::type_of<schema::task_csi_plugin_config>, csi_attributes, {}};
  return rules;
}
constexpr attribute_rule identity_attributes[] = {
    {"name"}, {"aud", "audience"}, {"change_mode"}, {"change_signal"}, {"env"}, {"file"}, {"filepath"}, {"service_name"}, {"ttl"}, {"extra_claims"},
};
constexpr attribute_rule action_attributes[] = {{"command"}, {"args"}};
const body_rules& action_rules() {
  static const body_rules rules{&schema::type_of<schema::action>, action_attributes, {}};
  return rules;
}
constexpr attribute_rule schedule_cron_attributes[] = {{"start"}, {"end"}, {"timezone"}};
const body_rules& schedule_cron_rules() {
  static const body_rules rules{&schema::type_of<schema::task_schedule_cron>, schedule_cron_attributes, {}};
  return rules;
}
constexpr block_rule schedule_blocks[] = {{"cron", {}, &schedule_cron_rules}};
const body_rules& schedule_rules() {
  static const body_rules rules{&schema::type_of<schema::task_schedule>, {}, schedule_blocks};
  return rules;
}

// The identity called "default", or not called anything, is the task's own; the others are more of them.
void put_identity(void* record, const void* inner) {
  auto& task = *static_cast<schema::task*>(record);
  const auto& identity = *static_cast<const schema::workload_identity*>(inner);
  if (identity.name.empty() || identity.name == "default") task.identity = identity;
  else task.identities.push_back(identity);
}

// scaling "cpu" and scaling "mem"
void finish_vertical(void* record, const hcl::decoder&) {
  auto& scaling = *static_cast<schema::scaling_policy*>(record);
  if (scaling.type == "cpu" || scaling.type == "mem") scaling.type = "vertical_" + scaling.type;
}
const body_rules& vertical_scaling_rules() {
  static const body_rules rules{&schema::type_of<schema::scaling_policy>, scaling_rules().attributes, scaling_rules().blocks, &finish_vertical};
  return rules;
}

constexpr attribute_rule task_attributes[] = {
    {"driver"}, {"user"}, {"kill_timeout"}, {"leader"}, {"shutdown_delay"}, {"kill_signal"}, {"kind"},
};
constexpr block_rule task_blocks[] = {
    {"config"},
    {"env"},
    {"meta"},
    {"lifecycle", {}, &lifecycle_rules},
    {"constraint", "constraints", &constraint_rules},
    {"affinity", "affinities", &affinity_rules},
    {"service", "services", &service_rules},
    {"resources", {}, &resources_rules},
    {"restart", "restart_policy", &restart_rules},
    {"logs", "log_config", &logs_rules},
    {"artifact", "artifacts", &artifact_rules},
    {"vault", {}, &vault_rules},
    {"consul", {}, &consul_rules},
    {"template", "templates", &template_rules},
    {"dispatch_payload", {}, &payload_rules},
    {"volume_mount", "volume_mounts", &volume_mount_rules},
    {"csi_plugin", "csi_plugin_config", &csi_rules},
    {"scaling", "scaling_policies", &vertical_scaling_rules, label_use::needed, "type"},
    {"secret", "secrets", &secret_rules, label_use::needed, "name"},
    {.name = "identity", .rules = &identity_rules, .put = &put_identity},
    {"action", "actions", &action_rules, label_use::needed, "name"},
    {"schedule", {}, &schedule_rules},
};

}  // namespace

const body_rules& resources_rules() {
  static const body_rules rules{&schema::type_of<schema::resources>, resources_attributes, resources_blocks};
  return rules;
}
const body_rules& logs_rules() {
  static const body_rules rules{&schema::type_of<schema::log_config>, logs_attributes, logs_blocks};
  return rules;
}
const body_rules& volume_mount_rules() {
  static const body_rules rules{&schema::type_of<schema::volume_mount>, mount_attributes, {}};
  return rules;
}
const body_rules& identity_rules() {
  static const body_rules rules{&schema::type_of<schema::workload_identity>, identity_attributes, {}};
  return rules;
}
const body_rules& vault_rules() {
  static const body_rules rules{&schema::type_of<schema::vault>, vault_attributes, {}};
  return rules;
}
const body_rules& consul_rules() {
  static const body_rules rules{&schema::type_of<schema::consul>, consul_attributes, {}};
  return rules;
}
const body_rules& secret_rules() {
  static const body_rules rules{&schema::type_of<schema::secret>, secret_attributes, secret_blocks};
  return rules;
}
const body_rules& task_rules() {
  static const body_rules rules{&schema::type_of<schema::task>, task_attributes, task_blocks};
  return rules;
}

}  // namespace drover::jobspec
