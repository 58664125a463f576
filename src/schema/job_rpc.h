// Requests and answers of the Job, Periodic and Scaling methods.
// Plain values; wire names and kinds are in the .cc beside this file. Fields and types follow the public wire (docs/parity.md).
#pragma once

#include "schema/alloc.h"
#include "schema/common.h"
#include "schema/describe.h"
#include "schema/diff.h"
#include "schema/eval.h"
#include "schema/fwd.h"
#include "schema/job.h"

namespace drover::schema {

struct job_action_list_request : query_options {
  std::string job_id;
  DROVER_RECORD(job_action_list_request);
};

struct job_action {
  std::string name;
  std::string command;
  std::vector<std::string> args;
  std::string task_name;
  std::string task_group_name;
  DROVER_RECORD(job_action);
};

struct job_action_list_response : query_meta {
  std::vector<schema::job_action> actions;
  DROVER_RECORD(job_action_list_response);
};

struct job_allocations_response : query_meta {
  std::vector<schema::alloc_list_stub> allocations;
  DROVER_RECORD(job_allocations_response);
};

struct job_apply_tag_request : write_request {
  std::string job_id;
  std::string name;
  std::optional<schema::job_version_tag> tag;
  uint64_t version = 0;
  bool latest = false;
  DROVER_RECORD(job_apply_tag_request);
};

struct job_deregister_options {
  bool purge = false;
  DROVER_RECORD(job_deregister_options);
};

struct job_batch_deregister_request : write_request {
  std::map<std::string, schema::job_deregister_options> jobs;
  int64_t submit_time = 0;
  DROVER_RECORD(job_batch_deregister_request);
};

struct job_batch_deregister_response : query_meta {
  DROVER_RECORD(job_batch_deregister_response);
};

struct job_deregister_request : write_request {
  std::string job_id;
  bool purge = false;
  bool global = false;
  int64_t eval_priority = 0;
  bool no_shutdown_delay = false;
  ref<schema::evaluation> eval;
  int64_t submit_time = 0;
  DROVER_RECORD(job_deregister_request);
};

struct job_deregister_response : query_meta {
  std::string eval_id;
  uint64_t eval_create_index = 0;
  uint64_t job_modify_index = 0;
  std::string volume_eval_id;
  uint64_t volume_eval_index = 0;
  DROVER_RECORD(job_deregister_response);
};

struct job_dispatch_request : write_request {
  std::string job_id;
  bytes payload;
  std::map<std::string, std::string> meta;
  std::string id_prefix_template;
  int64_t priority = 0;
  DROVER_RECORD(job_dispatch_request);
};

struct job_dispatch_response : write_meta {
  std::string dispatched_job_id;
  std::string eval_id;
  uint64_t eval_create_index = 0;
  uint64_t job_create_index = 0;
  DROVER_RECORD(job_dispatch_response);
};

struct eval_options {
  bool force_reschedule = false;
  DROVER_RECORD(eval_options);
};

struct job_evaluate_request : write_request {
  std::string job_id;
  schema::eval_options eval_options;
  DROVER_RECORD(job_evaluate_request);
};

struct job_evaluations_response : query_meta {
  std::vector<ref<schema::evaluation>> evaluations;
  DROVER_RECORD(job_evaluations_response);
};

struct job_stub_fields {
  bool meta = false;
  DROVER_RECORD(job_stub_fields);
};

struct job_list_request : query_options {
  std::optional<schema::job_stub_fields> fields;
  DROVER_RECORD(job_list_request);
};

struct job_list_response : query_meta {
  std::vector<ref<schema::job_list_stub>> jobs;
  DROVER_RECORD(job_list_response);
};

struct job_plan_request : write_request {
  ref<schema::job> job;
  bool diff = false;
  bool policy_override = false;
  DROVER_RECORD(job_plan_request);
};

struct job_plan_response : write_meta {
  std::optional<schema::plan_annotations> annotations;
  std::map<std::string, schema::alloc_metric> failed_tg_allocs;
  uint64_t job_modify_index = 0;
  std::vector<ref<schema::evaluation>> created_evals;
  std::optional<schema::job_diff> diff;
  timestamp next_periodic_launch;
  std::string warnings;
  DROVER_RECORD(job_plan_response);
};

struct job_register_request : write_request {
  std::optional<schema::job_submission> submission;
  ref<schema::job> job;
  bool enforce_index = false;
  uint64_t job_modify_index = 0;
  bool preserve_counts = false;
  bool preserve_resources = false;
  bool policy_override = false;
  int64_t eval_priority = 0;
  ref<schema::evaluation> eval;
  ref<schema::deployment> deployment;
  DROVER_RECORD(job_register_request);
};

struct job_register_response : query_meta {
  std::string eval_id;
  uint64_t eval_create_index = 0;
  uint64_t job_modify_index = 0;
  std::string warnings;
  DROVER_RECORD(job_register_response);
};

struct job_revert_request : write_request {
  std::string job_id;
  uint64_t job_version = 0;
  std::optional<uint64_t> enforce_prior_version;
  DROVER_RECORD(job_revert_request);
};

struct job_scale_request : write_request {
  std::string job_id;
  std::map<std::string, std::string> target;
  std::optional<int64_t> count;
  std::string message;
  bool error = false;
  std::map<std::string, value> meta;
  bool policy_override = false;
  bool enforce_index = false;
  uint64_t job_modify_index = 0;
  DROVER_RECORD(job_scale_request);
};

struct job_scale_status_request : query_options {
  std::string job_id;
  DROVER_RECORD(job_scale_status_request);
};

struct job_scale_status_response : query_meta {
  std::optional<schema::job_scale_status> job_scale_status;
  DROVER_RECORD(job_scale_status_response);
};

struct job_service_registrations_request : query_options {
  std::string job_id;
  DROVER_RECORD(job_service_registrations_request);
};

struct job_service_registrations_response : query_meta {
  std::vector<ref<schema::service_registration>> services;
  DROVER_RECORD(job_service_registrations_response);
};

struct job_specific_request : query_options {
  std::string job_id;
  bool all = false;
  DROVER_RECORD(job_specific_request);
};

struct job_stability_request : write_request {
  std::string job_id;
  uint64_t job_version = 0;
  bool stable = false;
  DROVER_RECORD(job_stability_request);
};

struct job_stability_response : write_meta {
  DROVER_RECORD(job_stability_response);
};

struct job_statuses_request : query_options {
  std::vector<schema::namespaced_id> jobs;
  bool include_children = false;
  DROVER_RECORD(job_statuses_request);
};

struct job_statuses_deployment {
  bool canary = false;
  std::optional<bool> healthy;
  DROVER_RECORD(job_statuses_deployment);
};

struct job_statuses_alloc {
  std::string id;
  std::string group;
  std::string client_status;
  std::string node_id;
  schema::job_statuses_deployment deployment_status;
  uint64_t job_version = 0;
  std::string followup_eval_id;
  bool has_paused_task = false;
  DROVER_RECORD(job_statuses_alloc);
};

struct job_statuses_latest_deployment {
  std::string id;
  bool is_active = false;
  uint64_t job_version = 0;
  std::string status;
  std::string status_description;
  bool all_auto_promote = false;
  bool requires_promotion = false;
  DROVER_RECORD(job_statuses_latest_deployment);
};

struct job_statuses_job {
  std::string id;
  std::string namespace_;
  std::string name;
  std::string type;
  std::string node_pool;
  std::vector<std::string> datacenters;
  int64_t priority = 0;
  uint64_t version = 0;
  int64_t submit_time = 0;
  uint64_t modify_index = 0;
  int64_t group_count_sum = 0;
  std::vector<schema::job_statuses_alloc> allocs;
  std::string parent_id;
  std::vector<std::string> child_statuses;
  std::optional<schema::job_statuses_latest_deployment> latest_deployment;
  bool stop = false;
  bool is_pack = false;
  std::string status;
  DROVER_RECORD(job_statuses_job);
};

struct job_statuses_response : query_meta {
  std::vector<schema::job_statuses_job> jobs;
  DROVER_RECORD(job_statuses_response);
};

struct job_submission_request : query_options {
  std::string job_id;
  uint64_t version = 0;
  DROVER_RECORD(job_submission_request);
};

struct job_submission_response : query_meta {
  std::optional<schema::job_submission> submission;
  DROVER_RECORD(job_submission_response);
};

struct job_summary_request : query_options {
  std::string job_id;
  DROVER_RECORD(job_summary_request);
};

struct job_summary_response : query_meta {
  std::optional<schema::job_summary> job_summary;
  DROVER_RECORD(job_summary_response);
};

struct job_tag_response : query_meta {
  std::string name;
  std::string description;
  int64_t tagged_time = 0;
  DROVER_RECORD(job_tag_response);
};

struct job_validate_request : write_request {
  ref<schema::job> job;
  DROVER_RECORD(job_validate_request);
};

struct job_validate_response {
  bool driver_config_validated = false;
  std::vector<std::string> validation_errors;
  std::string error;
  std::string warnings;
  DROVER_RECORD(job_validate_response);
};

struct job_versions_request : query_options {
  std::string job_id;
  bool diffs = false;
  std::optional<uint64_t> diff_version;
  std::string diff_tag_name;
  DROVER_RECORD(job_versions_request);
};

struct job_versions_response : query_meta {
  std::vector<ref<schema::job>> versions;
  std::vector<schema::job_diff> diffs;
  DROVER_RECORD(job_versions_response);
};

struct periodic_force_request : write_request {
  std::string job_id;
  DROVER_RECORD(periodic_force_request);
};

struct periodic_force_response : write_meta {
  std::string eval_id;
  uint64_t eval_create_index = 0;
  DROVER_RECORD(periodic_force_response);
};

struct scaling_policy_list_request : query_options {
  std::string job;
  std::string type;
  DROVER_RECORD(scaling_policy_list_request);
};

struct scaling_policy_list_response : query_meta {
  std::vector<schema::scaling_policy_list_stub> policies;
  DROVER_RECORD(scaling_policy_list_response);
};

struct scaling_policy_specific_request : query_options {
  std::string id;
  DROVER_RECORD(scaling_policy_specific_request);
};

struct jobs_parse_request {
  std::string job_hcl;
  std::string variables;
  bool canonicalize = false;
  DROVER_RECORD(jobs_parse_request);
};

}  // namespace drover::schema
