// Evaluations, deployments, plans, summaries, service registrations, scheduler configuration.
// Plain values; wire names and kinds are in the .cc beside this file. Fields and types follow the public wire (docs/parity.md).
#pragma once

#include "schema/alloc.h"
#include "schema/describe.h"
#include "schema/fwd.h"

namespace drover::schema {

struct deployment_state {
  bool auto_revert = false;
  bool auto_promote = false;
  duration progress_deadline;
  timestamp require_progress_by;
  bool promoted = false;
  std::vector<std::string> placed_canaries;
  int64_t desired_canaries = 0;
  int64_t desired_total = 0;
  int64_t placed_allocs = 0;
  int64_t healthy_allocs = 0;
  int64_t unhealthy_allocs = 0;
  DROVER_RECORD(deployment_state);
};

struct deployment {
  std::string id;
  std::string namespace_;
  std::string job_id;
  uint64_t job_version = 0;
  uint64_t job_modify_index = 0;
  uint64_t job_spec_modify_index = 0;
  uint64_t job_create_index = 0;
  bool is_multiregion = false;
  std::map<std::string, schema::deployment_state> task_groups;
  std::string status;
  std::string status_description;
  int64_t eval_priority = 0;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  int64_t create_time = 0;
  int64_t modify_time = 0;
  DROVER_RECORD(deployment);
};

struct evaluation_stub {
  std::string id;
  int64_t priority = 0;
  std::string type;
  std::string triggered_by;
  std::string namespace_;
  std::string job_id;
  std::string node_id;
  std::string deployment_id;
  std::string status;
  std::string status_description;
  timestamp wait_until;
  std::string next_eval;
  std::string previous_eval;
  std::string blocked_eval;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  int64_t create_time = 0;
  int64_t modify_time = 0;
  DROVER_RECORD(evaluation_stub);
};

struct desired_updates {
  uint64_t ignore = 0;
  uint64_t place = 0;
  uint64_t migrate = 0;
  uint64_t stop = 0;
  uint64_t in_place_update = 0;
  uint64_t destructive_update = 0;
  uint64_t canary = 0;
  uint64_t preemptions = 0;
  uint64_t disconnect = 0;
  uint64_t reconnect = 0;
  uint64_t reschedule_now = 0;
  uint64_t reschedule_later = 0;
  DROVER_RECORD(desired_updates);
};

struct plan_annotations {
  std::map<std::string, schema::desired_updates> desired_tg_updates;
  std::vector<schema::alloc_list_stub> preempted_allocs;
  DROVER_RECORD(plan_annotations);
};

struct evaluation {
  std::string id;
  std::string namespace_;
  int64_t priority = 0;
  std::string type;
  std::string triggered_by;
  std::string job_id;
  uint64_t job_modify_index = 0;
  std::string node_id;
  uint64_t node_modify_index = 0;
  std::string deployment_id;
  std::string status;
  std::string status_description;
  duration wait;
  timestamp wait_until;
  std::string next_eval;
  std::string previous_eval;
  std::string blocked_eval;
  std::vector<schema::evaluation_stub> related_evals;
  std::map<std::string, schema::alloc_metric> failed_tg_allocs;
  std::optional<schema::plan_annotations> plan_annotations;
  std::map<std::string, bool> class_eligibility;
  std::string quota_limit_reached;
  std::vector<std::string> missing_non_node_resources;
  bool escaped_computed_class = false;
  bool annotate_plan = false;
  std::map<std::string, int64_t> queued_allocations;
  std::string leader_acl;
  uint64_t snapshot_index = 0;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  int64_t create_time = 0;
  int64_t modify_time = 0;
  DROVER_RECORD(evaluation);
};

struct job_submission {
  std::string source;
  std::string format;
  std::map<std::string, std::string> variable_flags;
  std::string variables;
  std::string namespace_;
  std::string job_id;
  uint64_t version = 0;
  uint64_t job_modify_index = 0;
  DROVER_RECORD(job_submission);
};

struct deployment_status_update {
  std::string deployment_id;
  std::string status;
  std::string status_description;
  int64_t updated_at = 0;
  DROVER_RECORD(deployment_status_update);
};

struct plan_job_tuple {
  std::string namespace_;
  std::string id;
  uint64_t version = 0;
  DROVER_RECORD(plan_job_tuple);
};

struct plan {
  std::string eval_id;
  std::string eval_token;
  int64_t priority = 0;
  bool all_at_once = false;
  ref<schema::job> job;
  std::optional<schema::plan_job_tuple> job_info;
  std::map<std::string, std::vector<ref<schema::allocation>>> node_update;
  std::map<std::string, std::vector<ref<schema::allocation>>> node_allocation;
  std::optional<schema::plan_annotations> annotations;
  ref<schema::deployment> deployment;
  std::vector<schema::deployment_status_update> deployment_updates;
  std::map<std::string, std::vector<ref<schema::allocation>>> node_preemptions;
  uint64_t snapshot_index = 0;
  DROVER_RECORD(plan);
};

struct plan_result {
  std::map<std::string, std::vector<ref<schema::allocation>>> node_update;
  std::map<std::string, std::vector<ref<schema::allocation>>> node_allocation;
  ref<schema::deployment> deployment;
  std::vector<schema::deployment_status_update> deployment_updates;
  std::map<std::string, std::vector<ref<schema::allocation>>> node_preemptions;
  std::vector<std::string> rejected_nodes;
  std::vector<std::string> ineligible_nodes;
  uint64_t refresh_index = 0;
  uint64_t alloc_index = 0;
  DROVER_RECORD(plan_result);
};

struct preemption_config {
  bool system_scheduler_enabled = false;
  bool sys_batch_scheduler_enabled = false;
  bool batch_scheduler_enabled = false;
  bool service_scheduler_enabled = false;
  DROVER_RECORD(preemption_config);
};

struct scheduler_configuration {
  std::string scheduler_algorithm;
  schema::preemption_config preemption_config;
  bool memory_oversubscription_enabled = false;
  bool reject_job_registration = false;
  bool pause_eval_broker = false;
  uint64_t node_limit_for_feasibility_checks = 0;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  DROVER_RECORD(scheduler_configuration);
};

struct service_registration {
  std::string id;
  std::string service_name;
  std::string namespace_;
  std::string node_id;
  std::string datacenter;
  std::string job_id;
  std::string alloc_id;
  std::vector<std::string> tags;
  std::string address;
  int64_t port = 0;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  DROVER_RECORD(service_registration);
};

struct scaling_event {
  std::optional<int64_t> count;
  int64_t previous_count = 0;
  bool error = false;
  std::string message;
  std::map<std::string, value> meta;
  std::optional<std::string> eval_id;
  uint64_t time = 0;
  uint64_t create_index = 0;
  DROVER_RECORD(scaling_event);
};

struct task_group_scale_status {
  int64_t desired = 0;
  int64_t placed = 0;
  int64_t running = 0;
  int64_t healthy = 0;
  int64_t unhealthy = 0;
  std::vector<schema::scaling_event> events;
  DROVER_RECORD(task_group_scale_status);
};

struct job_scale_status {
  std::string job_id;
  std::string namespace_;
  uint64_t job_create_index = 0;
  uint64_t job_modify_index = 0;
  bool job_stopped = false;
  std::map<std::string, schema::task_group_scale_status> task_groups;
  DROVER_RECORD(job_scale_status);
};

struct job_children_summary {
  int64_t pending = 0;
  int64_t running = 0;
  int64_t dead = 0;
  DROVER_RECORD(job_children_summary);
};

struct task_group_summary {
  int64_t queued = 0;
  int64_t complete = 0;
  int64_t failed = 0;
  int64_t running = 0;
  int64_t starting = 0;
  int64_t lost = 0;
  int64_t unknown = 0;
  DROVER_RECORD(task_group_summary);
};

struct job_summary {
  std::string job_id;
  std::string namespace_;
  std::map<std::string, schema::task_group_summary> summary;
  std::optional<schema::job_children_summary> children;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  DROVER_RECORD(job_summary);
};

struct job_list_stub {
  std::string id;
  std::string parent_id;
  std::string name;
  std::string namespace_;
  std::vector<std::string> datacenters;
  std::string node_pool;
  std::string type;
  int64_t priority = 0;
  bool periodic = false;
  bool parameterized_job = false;
  bool stop = false;
  std::string status;
  std::string status_description;
  std::optional<schema::job_summary> job_summary;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  uint64_t job_modify_index = 0;
  int64_t submit_time = 0;
  std::map<std::string, std::string> meta;
  DROVER_RECORD(job_list_stub);
};

struct scaling_policy_list_stub {
  std::string id;
  bool enabled = false;
  std::string type;
  std::map<std::string, std::string> target;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  DROVER_RECORD(scaling_policy_list_stub);
};

struct service_registration_stub {
  std::string service_name;
  std::vector<std::string> tags;
  DROVER_RECORD(service_registration_stub);
};

struct service_registration_list_stub {
  std::string namespace_;
  std::vector<schema::service_registration_stub> services;
  DROVER_RECORD(service_registration_list_stub);
};

}  // namespace drover::schema
