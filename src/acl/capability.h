// What a policy can allow within a namespace, on variables, node pools, host volumes and for operators, by Nomad's names
// (shared facts: the ACL policy model of the HTTP API). Pure values.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string_view>

namespace drover::acl {

// In a namespace. `deny` is not one of them: a rule that has it allows nothing.
enum class capability : uint8_t {
  list_jobs,
  parse_job,
  read_job,
  submit_job,
  dispatch_job,
  read_logs,
  read_fs,
  alloc_exec,
  alloc_node_exec,
  alloc_lifecycle,
  sentinel_override,
  csi_register_plugin,
  csi_write_volume,
  csi_read_volume,
  csi_list_volume,
  csi_mount_volume,
  host_volume_create,
  host_volume_register,
  host_volume_read,
  host_volume_write,
  host_volume_delete,
  list_scaling_policies,
  read_scaling_policy,
  read_job_scaling,
  scale_job,
  submit_recommendation,
  register_job,
  revert_job,
  deregister_job,
  purge_job,
  evaluate_job,
  plan_job,
  tag_job_version,
  stable_job,
  fail_deployment,
  pause_deployment,
  promote_deployment,
  unblock_deployment,
  cancel_deployment,
  set_alloc_health_deployment,
  gc_allocation,
  pause_allocation,
  force_periodic_job,
  delete_service_registration,
  read_job_secrets,  // ours
  count_,
};
using capabilities = std::bitset<static_cast<size_t>(capability::count_)>;

// "submit-job".
std::string_view name(capability c);
std::optional<capability> capability_named(std::string_view name);

// What "read", "write" or "scale" of a namespace stands for; nothing for other words ("deny" is empty).
std::optional<capabilities> namespace_policy(std::string_view word);
// Adds what a capability brings with it: host-volume-write, host-volume-register and host-volume-create have lesser ones inside, and who may
// write a job sees what is secret in it.
capabilities with_implied(capabilities set);

enum class variable_capability : uint8_t { list = 1, read = 2, write = 4, destroy = 8 };
enum class pool_capability : uint8_t { read = 1, write = 2, delete_ = 4 };
enum class volume_capability : uint8_t { mount_readonly = 1, mount_readwrite = 2 };
enum class operator_capability : uint8_t { snapshot_save = 1, license_read = 2, keyring_read = 4, keyring_rotate = 8, keyring_delete = 16 };

// Agent, node, operator, quota and plugin rules: each level includes those before it, and deny beats all.
enum class level : uint8_t { none, list, read, write, deny };

}  // namespace drover::acl
