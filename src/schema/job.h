// A job as it is stored and sent: groups, tasks, policies.
// Plain values; wire names and kinds are in the .cc beside this file. Fields and types follow the public wire (docs/parity.md).
#pragma once

#include "schema/describe.h"
#include "schema/fwd.h"
#include "schema/resources.h"
#include "schema/service.h"

namespace drover::schema {

struct action {
  std::string name;
  std::string command;
  std::vector<std::string> args;
  DROVER_RECORD(action);
};

struct csi_mount_options {
  std::string fs_type;
  std::vector<std::string> mount_flags;
  DROVER_RECORD(csi_mount_options);
};

struct change_script {
  std::string command;
  std::vector<std::string> args;
  duration timeout = seconds(5);
  bool fail_on_error = false;
  bool run_on_first_render = false;
  DROVER_RECORD(change_script);
};

struct disconnect_strategy {
  duration lost_after;
  std::optional<duration> stop_on_client_after;
  std::optional<bool> replace;
  std::string reconcile;
  DROVER_RECORD(disconnect_strategy);
};

struct dispatch_payload_config {
  std::string file;
  DROVER_RECORD(dispatch_payload_config);
};

struct ephemeral_disk {
  bool sticky = false;
  int64_t size_mb = 300;
  bool migrate = false;
  DROVER_RECORD(ephemeral_disk);
};

struct job_ui_link {
  std::string label;
  std::string url;
  DROVER_RECORD(job_ui_link);
};

struct job_ui_config {
  std::string description;
  std::vector<schema::job_ui_link> links;
  DROVER_RECORD(job_ui_config);
};

struct job_version_tag {
  std::string name;
  std::string description;
  int64_t tagged_time = 0;
  DROVER_RECORD(job_version_tag);
};

struct migrate_strategy {
  std::optional<int64_t> max_parallel;
  std::optional<std::string> health_check;
  std::optional<duration> min_healthy_time;
  std::optional<duration> healthy_deadline;
  DROVER_RECORD(migrate_strategy);
};

struct multiregion_region {
  std::string name;
  std::optional<int64_t> count;
  std::vector<std::string> datacenters;
  std::string node_pool;
  std::map<std::string, std::string> meta;
  DROVER_RECORD(multiregion_region);
};

struct multiregion_strategy {
  std::optional<int64_t> max_parallel;
  std::optional<std::string> on_failure;
  DROVER_RECORD(multiregion_strategy);
};

struct multiregion {
  std::optional<schema::multiregion_strategy> strategy;
  std::vector<schema::multiregion_region> regions;
  DROVER_RECORD(multiregion);
};

struct parameterized_job_config {
  std::string payload;
  std::vector<std::string> meta_required;
  std::vector<std::string> meta_optional;
  // Ours: how many children may run at a time; further ones wait in their order. 0: as many as are dispatched.
  int64_t max_parallel = 0;
  DROVER_RECORD(parameterized_job_config);
};

struct periodic_config {
  bool enabled = true;
  std::string spec;
  std::vector<std::string> specs;
  std::string spec_type = "cron";
  bool prohibit_overlap = false;
  std::string time_zone = "UTC";
  DROVER_RECORD(periodic_config);
};

struct reschedule_policy {
  std::optional<int64_t> attempts;
  std::optional<duration> interval;
  std::optional<duration> delay;
  std::optional<std::string> delay_function;
  std::optional<duration> max_delay;
  std::optional<bool> unlimited;
  DROVER_RECORD(reschedule_policy);
};

struct spread_target {
  std::string value;
  uint8_t percent = 0;
  DROVER_RECORD(spread_target);
};

struct spread {
  std::string attribute;
  int8_t weight = 0;
  std::vector<schema::spread_target> spread_target;
  DROVER_RECORD(spread);
};

struct restart_policy {
  std::optional<int64_t> attempts;
  std::optional<duration> interval;
  std::optional<duration> delay;
  std::optional<std::string> mode;
  bool render_templates = false;
  DROVER_RECORD(restart_policy);
};

struct scaling_policy {
  std::string id;
  std::string type;
  std::map<std::string, std::string> target;
  std::map<std::string, value> policy;
  int64_t min = 0;
  int64_t max = 0;
  bool enabled = true;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  std::string namespace_;
  DROVER_RECORD(scaling_policy);
};

struct secret {
  std::string name;
  std::string provider;
  std::string path;
  std::map<std::string, value> config;
  std::map<std::string, std::string> env;
  DROVER_RECORD(secret);
};

struct task_artifact {
  std::string getter_source;
  std::map<std::string, std::string> getter_options;
  std::map<std::string, std::string> getter_headers;
  std::string getter_mode = "any";
  bool getter_insecure = false;
  std::string relative_dest = "local/";
  bool chown = false;
  DROVER_RECORD(task_artifact);
};

struct task_csi_plugin_config {
  std::string id;
  std::string type;
  std::string mount_dir;
  std::string stage_publish_base_dir;
  duration health_timeout;
  DROVER_RECORD(task_csi_plugin_config);
};

struct task_schedule_cron {
  std::string start;
  std::string end;
  std::string timezone;
  DROVER_RECORD(task_schedule_cron);
};

struct task_schedule {
  std::optional<schema::task_schedule_cron> cron;
  DROVER_RECORD(task_schedule);
};

struct wait_config {
  std::optional<duration> min;
  std::optional<duration> max;
  DROVER_RECORD(wait_config);
};

struct task_template {
  std::string source_path;
  std::string dest_path;
  std::string embedded_tmpl;
  std::string change_mode = "restart";
  std::string change_signal;
  std::optional<schema::change_script> change_script;
  bool once = false;
  duration splay = seconds(5);
  std::string perms = "0644";
  std::optional<int64_t> uid;
  std::optional<int64_t> gid;
  std::string left_delim = "{{";
  std::string right_delim = "}}";
  bool envvars = false;
  duration vault_grace;
  std::optional<schema::wait_config> wait;
  bool err_missing_key = false;
  std::string change_rollout;  // ours: "rolling" restarts the job's allocations as an update would; empty or "immediate": each by itself
  DROVER_RECORD(task_template);
};

struct vault {
  std::string role;
  std::string namespace_;
  std::string cluster = "default";
  bool env = true;
  bool disable_file = false;
  std::string change_mode = "restart";
  std::string change_signal;
  bool allow_token_expiration = false;
  std::vector<std::string> policies;
  DROVER_RECORD(vault);
};

struct task {
  std::string name;
  std::string driver;
  std::string user;
  std::map<std::string, value> config;
  std::map<std::string, std::string> env;
  std::vector<schema::service> services;
  std::optional<schema::vault> vault;
  std::vector<schema::secret> secrets;
  std::optional<schema::consul> consul;
  std::vector<schema::task_template> templates;
  std::vector<schema::constraint> constraints;
  std::vector<schema::affinity> affinities;
  std::optional<schema::resources> resources;
  std::optional<schema::restart_policy> restart_policy;
  std::optional<schema::dispatch_payload_config> dispatch_payload;
  std::optional<schema::task_lifecycle_config> lifecycle;
  std::map<std::string, std::string> meta;
  duration kill_timeout = seconds(5);
  std::optional<schema::log_config> log_config;
  std::vector<schema::task_artifact> artifacts;
  bool leader = false;
  duration shutdown_delay;
  std::vector<schema::volume_mount> volume_mounts;
  std::vector<schema::scaling_policy> scaling_policies;
  std::string kill_signal;
  std::string kind;
  std::optional<schema::task_csi_plugin_config> csi_plugin_config;
  std::optional<schema::workload_identity> identity;
  std::vector<schema::workload_identity> identities;
  std::vector<schema::action> actions;
  std::optional<schema::task_schedule> schedule;
  DROVER_RECORD(task);
};

struct update_strategy {
  std::optional<duration> stagger;
  std::optional<int64_t> max_parallel;
  std::optional<std::string> health_check;
  std::optional<duration> min_healthy_time;
  std::optional<duration> healthy_deadline;
  std::optional<duration> progress_deadline;
  std::optional<bool> auto_revert;
  std::optional<bool> auto_promote;
  std::optional<int64_t> canary;
  DROVER_RECORD(update_strategy);
};

struct volume_request {
  std::string name;
  std::string type;
  std::string source;
  bool read_only = false;
  bool sticky = false;
  std::string access_mode;
  std::string attachment_mode;
  std::optional<schema::csi_mount_options> mount_options;
  bool per_alloc = false;
  DROVER_RECORD(volume_request);
};

// Ours: what must be so in another job before this one's allocations are placed.
struct job_dependency {
  std::string job;
  std::string namespace_;             // empty: the job's own
  std::string group;                  // empty: all groups
  std::string condition = "healthy";  // healthy, running, complete
  DROVER_RECORD(job_dependency);
};

struct task_group {
  std::string name;
  int64_t count = 1;
  std::optional<schema::update_strategy> update;
  std::optional<schema::migrate_strategy> migrate;
  std::vector<schema::constraint> constraints;
  std::optional<schema::scaling_policy> scaling;
  std::optional<schema::restart_policy> restart_policy;
  std::optional<schema::disconnect_strategy> disconnect;
  std::vector<schema::task> tasks;
  std::optional<schema::ephemeral_disk> ephemeral_disk;
  std::map<std::string, std::string> meta;
  std::optional<schema::reschedule_policy> reschedule_policy;
  std::vector<schema::affinity> affinities;
  std::vector<schema::spread> spreads;
  std::vector<schema::network_resource> networks;
  std::optional<schema::consul> consul;
  std::vector<schema::service> services;
  std::map<std::string, schema::volume_request> volumes;
  std::optional<duration> shutdown_delay;
  std::optional<duration> max_run_duration;
  std::optional<duration> stop_after_client_disconnect;
  std::optional<duration> max_client_disconnect;
  bool prevent_reschedule_on_lost = false;
  std::vector<schema::job_dependency> depends_on;  // ours
  DROVER_RECORD(task_group);
};

struct job {
  bool stop = false;
  std::string region;
  std::string namespace_ = "default";
  std::string id;
  std::string parent_id;
  std::string name;
  std::string type = "service";
  int64_t priority = 0;
  bool all_at_once = false;
  std::vector<std::string> datacenters;
  std::string node_pool = "default";
  std::vector<schema::constraint> constraints;
  std::vector<schema::affinity> affinities;
  std::vector<schema::spread> spreads;
  std::vector<schema::task_group> task_groups;
  schema::update_strategy update;
  std::optional<schema::multiregion> multiregion;
  std::optional<schema::periodic_config> periodic;
  std::optional<schema::parameterized_job_config> parameterized_job;
  bool dispatched = false;
  std::string dispatch_idempotency_token;
  bytes payload;
  std::map<std::string, std::string> meta;
  std::string consul_namespace;
  std::string vault_namespace;
  std::string nomad_token_id;
  std::string status;
  std::string status_description;
  bool stable = false;
  uint64_t version = 0;
  int64_t submit_time = 0;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  uint64_t job_modify_index = 0;
  std::optional<schema::job_ui_config> ui;
  std::optional<schema::job_version_tag> version_tag;
  std::optional<schema::reschedule_policy> reschedule;
  std::optional<schema::migrate_strategy> migrate;
  std::vector<schema::job_dependency> depends_on;  // ours
  DROVER_RECORD(job);
};

}  // namespace drover::schema
