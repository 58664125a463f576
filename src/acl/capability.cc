#include "acl/capability.h"

#include <array>

namespace drover::acl {
namespace {

constexpr std::array<std::string_view, static_cast<size_t>(capability::count_)> names = {
    "list-jobs",
    "parse-job",
    "read-job",
    "submit-job",
    "dispatch-job",
    "read-logs",
    "read-fs",
    "alloc-exec",
    "alloc-node-exec",
    "alloc-lifecycle",
    "sentinel-override",
    "csi-register-plugin",
    "csi-write-volume",
    "csi-read-volume",
    "csi-list-volume",
    "csi-mount-volume",
    "host-volume-create",
    "host-volume-register",
    "host-volume-read",
    "host-volume-write",
    "host-volume-delete",
    "list-scaling-policies",
    "read-scaling-policy",
    "read-job-scaling",
    "scale-job",
    "submit-recommendation",
    "register-job",
    "revert-job",
    "deregister-job",
    "purge-job",
    "evaluate-job",
    "plan-job",
    "tag-job-version",
    "stable-job",
    "fail-deployment",
    "pause-deployment",
    "promote-deployment",
    "unblock-deployment",
    "cancel-deployment",
    "set-alloc-health-deployment",
    "gc-allocation",
    "pause-allocation",
    "force-periodic-job",
    "delete-service-registration",
    "read-job-secrets",
};

capabilities set_of(std::initializer_list<capability> each) {
  capabilities out;
  for (auto c : each) out.set(static_cast<size_t>(c));
  return out;
}

using enum capability;

const capabilities& read_set() {
  static const capabilities set = set_of(
      {list_jobs, parse_job, read_job, csi_list_volume, csi_read_volume, read_job_scaling, list_scaling_policies, read_scaling_policy, host_volume_read});
  return set;
}

const capabilities& write_set() {
  static const capabilities set = read_set() | set_of({scale_job, submit_job, dispatch_job, read_logs, read_fs, alloc_exec, alloc_lifecycle, csi_mount_volume,
                                                       csi_write_volume, submit_recommendation, host_volume_create});
  return set;
}

const capabilities& scale_set() {
  static const capabilities set = set_of({list_scaling_policies, read_scaling_policy, read_job_scaling, scale_job, read_job, submit_recommendation});
  return set;
}

bool has(const capabilities& set, capability c) { return set.test(static_cast<size_t>(c)); }

}  // namespace

std::string_view name(capability c) { return names.at(static_cast<size_t>(c)); }

std::optional<capability> capability_named(std::string_view name) {
  for (size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return static_cast<capability>(i);
  return std::nullopt;
}

std::optional<capabilities> namespace_policy(std::string_view word) {
  if (word == "read") return read_set();
  if (word == "write") return write_set();
  if (word == "scale") return scale_set();
  if (word == "deny") return capabilities();
  return std::nullopt;
}

capabilities with_implied(capabilities set) {
  if (has(set, host_volume_write)) set |= set_of({host_volume_register, host_volume_create, host_volume_delete, host_volume_read});
  if (has(set, host_volume_register)) set |= set_of({host_volume_create, host_volume_read});
  if (has(set, submit_job) || has(set, register_job)) set |= set_of({read_job_secrets});
  if (has(set, host_volume_create)) set |= set_of({host_volume_read});
  return set;
}

}  // namespace drover::acl
