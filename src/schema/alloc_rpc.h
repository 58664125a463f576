// Requests and answers of the Alloc, Eval, Deployment, Plan, ServiceRegistration and FileSystem methods.
// Plain values; wire names and kinds are in the .cc beside this file. Fields and types follow the public wire (docs/parity.md).
#pragma once

#include "schema/acl.h"
#include "schema/alloc.h"
#include "schema/common.h"
#include "schema/describe.h"
#include "schema/eval.h"
#include "schema/fwd.h"
#include "schema/stats.h"

namespace drover::schema {

struct alloc_checks_request : query_options {
  std::string alloc_id;
  DROVER_RECORD(alloc_checks_request);
};

struct alloc_checks_response : query_meta {
  std::map<std::string, schema::alloc_check_status> results;
  DROVER_RECORD(alloc_checks_response);
};

struct alloc_exec_request : query_options {
  std::string job_id;
  std::string alloc_id;
  std::string task;
  bool tty = false;
  std::vector<std::string> cmd;
  std::string action;
  DROVER_RECORD(alloc_exec_request);
};

struct alloc_get_pause_state_request : query_options {
  std::string alloc_id;
  std::string task;
  DROVER_RECORD(alloc_get_pause_state_request);
};

struct alloc_get_pause_state_response {
  std::string schedule_state;
  DROVER_RECORD(alloc_get_pause_state_response);
};

struct alloc_stub_fields {
  bool resources = false;
  bool task_states = false;
  DROVER_RECORD(alloc_stub_fields);
};

struct alloc_list_request : query_options {
  std::optional<schema::alloc_stub_fields> fields;
  DROVER_RECORD(alloc_list_request);
};

struct alloc_list_response : query_meta {
  std::vector<schema::alloc_list_stub> allocations;
  DROVER_RECORD(alloc_list_response);
};

struct alloc_pause_request : query_options {
  std::string alloc_id;
  std::string task;
  std::string schedule_state;
  DROVER_RECORD(alloc_pause_request);
};

struct alloc_restart_request : query_options {
  std::string alloc_id;
  std::string task_name;
  bool all_tasks = false;
  DROVER_RECORD(alloc_restart_request);
};

struct alloc_service_registrations_request : query_options {
  std::string alloc_id;
  DROVER_RECORD(alloc_service_registrations_request);
};

struct alloc_service_registrations_response : query_meta {
  std::vector<ref<schema::service_registration>> services;
  DROVER_RECORD(alloc_service_registrations_response);
};

struct alloc_signal_request : query_options {
  std::string alloc_id;
  std::string task;
  std::string signal;
  DROVER_RECORD(alloc_signal_request);
};

struct alloc_specific_request : query_options {
  std::string alloc_id;
  DROVER_RECORD(alloc_specific_request);
};

struct alloc_stats_request : query_options {
  std::string alloc_id;
  std::string task;
  DROVER_RECORD(alloc_stats_request);
};

struct alloc_stats_response : query_meta {
  std::optional<schema::alloc_resource_usage> stats;
  DROVER_RECORD(alloc_stats_response);
};

struct alloc_stop_request : write_request {
  std::string alloc_id;
  bool no_shutdown_delay = false;
  bool reschedule = false;
  DROVER_RECORD(alloc_stop_request);
};

struct alloc_stop_response : write_meta {
  std::string eval_id;
  DROVER_RECORD(alloc_stop_response);
};

struct alloc_update_desired_transition_request : write_request {
  std::map<std::string, schema::desired_transition> allocs;
  std::vector<ref<schema::evaluation>> evals;
  DROVER_RECORD(alloc_update_desired_transition_request);
};

struct alloc_update_request : write_request {
  std::vector<ref<schema::allocation>> alloc;
  std::vector<ref<schema::evaluation>> evals;
  DROVER_RECORD(alloc_update_request);
};

struct allocs_get_request : query_options {
  std::vector<std::string> alloc_ids;
  DROVER_RECORD(allocs_get_request);
};

struct allocs_get_response : query_meta {
  std::vector<ref<schema::allocation>> allocs;
  std::vector<schema::signed_workload_identity> signed_identities;
  DROVER_RECORD(allocs_get_response);
};

struct deployment_alloc_health_request : write_request {
  std::string deployment_id;
  std::vector<std::string> healthy_allocation_ids;
  std::vector<std::string> unhealthy_allocation_ids;
  DROVER_RECORD(deployment_alloc_health_request);
};

struct deployment_cancel_request : write_request {
  std::string deployment_id;
  DROVER_RECORD(deployment_cancel_request);
};

struct deployment_delete_request : write_request {
  std::vector<std::string> deployments;
  DROVER_RECORD(deployment_delete_request);
};

struct deployment_fail_request : write_request {
  std::string deployment_id;
  DROVER_RECORD(deployment_fail_request);
};

struct deployment_list_request : query_options {
  DROVER_RECORD(deployment_list_request);
};

struct deployment_list_response : query_meta {
  std::vector<ref<schema::deployment>> deployments;
  DROVER_RECORD(deployment_list_response);
};

struct deployment_pause_request : write_request {
  std::string deployment_id;
  bool pause = false;
  DROVER_RECORD(deployment_pause_request);
};

struct deployment_promote_request : write_request {
  std::string deployment_id;
  bool all = false;
  std::vector<std::string> groups;
  int64_t promoted_at = 0;
  DROVER_RECORD(deployment_promote_request);
};

struct deployment_run_request : write_request {
  std::string deployment_id;
  DROVER_RECORD(deployment_run_request);
};

struct deployment_specific_request : query_options {
  std::string deployment_id;
  DROVER_RECORD(deployment_specific_request);
};

struct deployment_unblock_request : write_request {
  std::string deployment_id;
  DROVER_RECORD(deployment_unblock_request);
};

struct deployment_update_response : write_meta {
  std::string eval_id;
  uint64_t eval_create_index = 0;
  uint64_t deployment_modify_index = 0;
  std::optional<uint64_t> reverted_job_version;
  DROVER_RECORD(deployment_update_response);
};

struct eval_ack_request : write_request {
  std::string eval_id;
  std::string token;
  DROVER_RECORD(eval_ack_request);
};

struct eval_allocations_response : query_meta {
  std::vector<schema::alloc_list_stub> allocations;
  DROVER_RECORD(eval_allocations_response);
};

struct eval_count_request : query_options {
  DROVER_RECORD(eval_count_request);
};

struct eval_count_response : query_meta {
  int64_t count = 0;
  DROVER_RECORD(eval_count_response);
};

struct eval_delete_request : write_request {
  std::vector<std::string> eval_ids;
  std::string filter;
  DROVER_RECORD(eval_delete_request);
};

struct eval_delete_response : write_meta {
  int64_t count = 0;
  DROVER_RECORD(eval_delete_response);
};

struct eval_dequeue_request : write_request {
  std::vector<std::string> schedulers;
  duration timeout;
  uint16_t scheduler_version = 0;
  DROVER_RECORD(eval_dequeue_request);
};

struct eval_dequeue_response : query_meta {
  ref<schema::evaluation> eval;
  std::string token;
  uint64_t wait_index = 0;
  DROVER_RECORD(eval_dequeue_response);
};

struct eval_list_request : query_options {
  std::string filter_job_id;
  std::string filter_eval_status;
  DROVER_RECORD(eval_list_request);
};

struct eval_list_response : query_meta {
  std::vector<ref<schema::evaluation>> evaluations;
  DROVER_RECORD(eval_list_response);
};

struct eval_reap_request : write_request {
  std::vector<std::string> evals;
  std::vector<std::string> allocs;
  std::string filter;
  int32_t per_page = 0;
  std::string next_token;
  bool user_initiated = false;
  DROVER_RECORD(eval_reap_request);
};

struct eval_specific_request : query_options {
  std::string eval_id;
  bool include_related = false;
  DROVER_RECORD(eval_specific_request);
};

struct eval_update_request : write_request {
  std::vector<ref<schema::evaluation>> evals;
  std::string eval_token;
  DROVER_RECORD(eval_update_request);
};

struct fs_list_request : query_options {
  std::string alloc_id;
  std::string path;
  DROVER_RECORD(fs_list_request);
};

struct fs_list_response : query_meta {
  std::vector<schema::alloc_file_info> files;
  DROVER_RECORD(fs_list_response);
};

struct fs_logs_request : query_options {
  std::string alloc_id;
  std::string task;
  std::string log_type;
  int64_t offset = 0;
  std::string origin;
  bool plain_text = false;
  bool follow = false;
  DROVER_RECORD(fs_logs_request);
};

struct fs_stat_request : query_options {
  std::string alloc_id;
  std::string path;
  DROVER_RECORD(fs_stat_request);
};

struct fs_stat_response : query_meta {
  std::optional<schema::alloc_file_info> info;
  DROVER_RECORD(fs_stat_response);
};

struct fs_stream_request : query_options {
  std::string alloc_id;
  std::string path;
  int64_t offset = 0;
  std::string origin;
  bool plain_text = false;
  int64_t limit = 0;
  bool follow = false;
  DROVER_RECORD(fs_stream_request);
};

struct plan_request : write_request {
  std::optional<schema::plan> plan;
  DROVER_RECORD(plan_request);
};

struct plan_response : write_meta {
  std::optional<schema::plan_result> result;
  DROVER_RECORD(plan_response);
};

struct service_registration_by_name_request : query_options {
  std::string service_name;
  std::string choose;
  DROVER_RECORD(service_registration_by_name_request);
};

struct service_registration_by_name_response : query_meta {
  std::vector<ref<schema::service_registration>> services;
  DROVER_RECORD(service_registration_by_name_response);
};

struct service_registration_delete_by_id_request : write_request {
  std::string id;
  DROVER_RECORD(service_registration_delete_by_id_request);
};

struct service_registration_delete_by_id_response : write_meta {
  DROVER_RECORD(service_registration_delete_by_id_response);
};

struct service_registration_list_request : query_options {
  DROVER_RECORD(service_registration_list_request);
};

struct service_registration_list_response : query_meta {
  std::vector<schema::service_registration_list_stub> services;
  DROVER_RECORD(service_registration_list_response);
};

struct service_registration_upsert_request : write_request {
  std::vector<ref<schema::service_registration>> services;
  DROVER_RECORD(service_registration_upsert_request);
};

struct service_registration_upsert_response : write_meta {
  DROVER_RECORD(service_registration_upsert_response);
};

struct single_alloc_response : query_meta {
  ref<schema::allocation> alloc;
  DROVER_RECORD(single_alloc_response);
};

struct single_deployment_response : query_meta {
  ref<schema::deployment> deployment;
  DROVER_RECORD(single_deployment_response);
};

struct single_eval_response : query_meta {
  ref<schema::evaluation> eval;
  DROVER_RECORD(single_eval_response);
};

struct single_job_response : query_meta {
  ref<schema::job> job;
  DROVER_RECORD(single_job_response);
};

}  // namespace drover::schema
