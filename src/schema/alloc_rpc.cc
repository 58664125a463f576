#include "schema/alloc_rpc.h"

#include "schema/describe_macros.h"
#include "schema/job.h"

namespace drover::schema {

#define SELF alloc_checks_request
DESCRIBE(alloc_checks_request, "AllocChecksRequest", BASES(query_options), FIELD(alloc_id))
#undef SELF

#define SELF alloc_checks_response
DESCRIBE(alloc_checks_response, "AllocChecksResponse", BASES(query_meta), FIELD(results))
#undef SELF

#define SELF alloc_exec_request
DESCRIBE(alloc_exec_request, "AllocExecRequest", BASES(query_options), FIELD(job_id), FIELD(alloc_id), FIELD(task), FIELD(tty), FIELD(cmd), FIELD(action))
#undef SELF

#define SELF alloc_get_pause_state_request
DESCRIBE(alloc_get_pause_state_request, "AllocGetPauseStateRequest", BASES(query_options), FIELD(alloc_id), FIELD(task))
#undef SELF

#define SELF alloc_get_pause_state_response
DESCRIBE(alloc_get_pause_state_response, "AllocGetPauseStateResponse", BASES(), FIELD(schedule_state))
#undef SELF

#define SELF alloc_stub_fields
DESCRIBE(alloc_stub_fields, "AllocStubFields", BASES(), FIELD(resources), FIELD(task_states))
#undef SELF

#define SELF alloc_list_request
DESCRIBE(alloc_list_request, "AllocListRequest", BASES(query_options), FIELD(fields))
#undef SELF

#define SELF alloc_list_response
DESCRIBE(alloc_list_response, "AllocListResponse", BASES(query_meta), FIELD(allocations))
#undef SELF

#define SELF alloc_pause_request
DESCRIBE(alloc_pause_request, "AllocPauseRequest", BASES(query_options), FIELD(alloc_id), FIELD(task), FIELD(schedule_state))
#undef SELF

#define SELF alloc_restart_request
DESCRIBE(alloc_restart_request, "AllocRestartRequest", BASES(query_options), FIELD(alloc_id), FIELD(task_name), FIELD(all_tasks))
#undef SELF

#define SELF alloc_service_registrations_request
DESCRIBE(alloc_service_registrations_request, "AllocServiceRegistrationsRequest", BASES(query_options), FIELD(alloc_id))
#undef SELF

#define SELF alloc_service_registrations_response
DESCRIBE(alloc_service_registrations_response, "AllocServiceRegistrationsResponse", BASES(query_meta), FIELD(services))
#undef SELF

#define SELF alloc_signal_request
DESCRIBE(alloc_signal_request, "AllocSignalRequest", BASES(query_options), FIELD(alloc_id), FIELD(task), FIELD(signal))
#undef SELF

#define SELF alloc_specific_request
DESCRIBE(alloc_specific_request, "AllocSpecificRequest", BASES(query_options), FIELD(alloc_id))
#undef SELF

#define SELF alloc_stats_request
DESCRIBE(alloc_stats_request, "AllocStatsRequest", BASES(query_options), FIELD(alloc_id), FIELD(task))
#undef SELF

#define SELF alloc_stats_response
DESCRIBE(alloc_stats_response, "AllocStatsResponse", BASES(query_meta), FIELD(stats))
#undef SELF

#define SELF alloc_stop_request
DESCRIBE(alloc_stop_request, "AllocStopRequest", BASES(write_request), FIELD(alloc_id), FIELD(no_shutdown_delay), FIELD(reschedule))
#undef SELF

#define SELF alloc_stop_response
DESCRIBE(alloc_stop_response, "AllocStopResponse", BASES(write_meta), FIELD(eval_id))
#undef SELF

#define SELF alloc_update_desired_transition_request
DESCRIBE(alloc_update_desired_transition_request, "AllocUpdateDesiredTransitionRequest", BASES(write_request), FIELD(allocs), FIELD(evals))
#undef SELF

#define SELF alloc_update_request
DESCRIBE(alloc_update_request, "AllocUpdateRequest", BASES(write_request), FIELD(alloc), FIELD(evals))
#undef SELF

#define SELF allocs_get_request
DESCRIBE(allocs_get_request, "AllocsGetRequest", BASES(query_options), FIELD(alloc_ids))
#undef SELF

#define SELF allocs_get_response
DESCRIBE(allocs_get_response, "AllocsGetResponse", BASES(query_meta), FIELD(allocs), FIELD(signed_identities))
#undef SELF

#define SELF deployment_alloc_health_request
DESCRIBE(deployment_alloc_health_request, "DeploymentAllocHealthRequest", BASES(write_request), FIELD(deployment_id), FIELD(healthy_allocation_ids),
         FIELD(unhealthy_allocation_ids))
#undef SELF

#define SELF deployment_cancel_request
DESCRIBE(deployment_cancel_request, "DeploymentCancelRequest", BASES(write_request), FIELD(deployment_id))
#undef SELF

#define SELF deployment_delete_request
DESCRIBE(deployment_delete_request, "DeploymentDeleteRequest", BASES(write_request), FIELD(deployments))
#undef SELF

#define SELF deployment_fail_request
DESCRIBE(deployment_fail_request, "DeploymentFailRequest", BASES(write_request), FIELD(deployment_id))
#undef SELF

#define SELF deployment_list_request
DESCRIBE_EMPTY(deployment_list_request, "DeploymentListRequest", BASES(query_options))
#undef SELF

#define SELF deployment_list_response
DESCRIBE(deployment_list_response, "DeploymentListResponse", BASES(query_meta), FIELD(deployments))
#undef SELF

#define SELF deployment_pause_request
DESCRIBE(deployment_pause_request, "DeploymentPauseRequest", BASES(write_request), FIELD(deployment_id), FIELD(pause))
#undef SELF

#define SELF deployment_promote_request
DESCRIBE(deployment_promote_request, "DeploymentPromoteRequest", BASES(write_request), FIELD(deployment_id), FIELD(all), FIELD(groups), FIELD(promoted_at))
#undef SELF

#define SELF deployment_run_request
DESCRIBE(deployment_run_request, "DeploymentRunRequest", BASES(write_request), FIELD(deployment_id))
#undef SELF

#define SELF deployment_specific_request
DESCRIBE(deployment_specific_request, "DeploymentSpecificRequest", BASES(query_options), FIELD(deployment_id))
#undef SELF

#define SELF deployment_unblock_request
DESCRIBE(deployment_unblock_request, "DeploymentUnblockRequest", BASES(write_request), FIELD(deployment_id))
#undef SELF

#define SELF deployment_update_response
DESCRIBE(deployment_update_response, "DeploymentUpdateResponse", BASES(write_meta), FIELD(eval_id), FIELD(eval_create_index), FIELD(deployment_modify_index),
         FIELD(reverted_job_version))
#undef SELF

#define SELF eval_ack_request
DESCRIBE(eval_ack_request, "EvalAckRequest", BASES(write_request), FIELD(eval_id), FIELD(token))
#undef SELF

#define SELF eval_allocations_response
DESCRIBE(eval_allocations_response, "EvalAllocationsResponse", BASES(query_meta), FIELD(allocations))
#undef SELF

#define SELF eval_count_request
DESCRIBE_EMPTY(eval_count_request, "EvalCountRequest", BASES(query_options))
#undef SELF

#define SELF eval_count_response
DESCRIBE(eval_count_response, "EvalCountResponse", BASES(query_meta), FIELD(count))
#undef SELF

#define SELF eval_delete_request
DESCRIBE(eval_delete_request, "EvalDeleteRequest", BASES(write_request), FIELD(eval_ids), FIELD(filter))
#undef SELF

#define SELF eval_delete_response
DESCRIBE(eval_delete_response, "EvalDeleteResponse", BASES(write_meta), FIELD(count))
#undef SELF

#define SELF eval_dequeue_request
DESCRIBE(eval_dequeue_request, "EvalDequeueRequest", BASES(write_request), FIELD(schedulers), FIELD(timeout), FIELD(scheduler_version))
#undef SELF

#define SELF eval_dequeue_response
DESCRIBE(eval_dequeue_response, "EvalDequeueResponse", BASES(query_meta), FIELD(eval), FIELD(token), FIELD(wait_index))
#undef SELF

#define SELF eval_list_request
DESCRIBE(eval_list_request, "EvalListRequest", BASES(query_options), FIELD(filter_job_id), FIELD(filter_eval_status))
#undef SELF

#define SELF eval_list_response
DESCRIBE(eval_list_response, "EvalListResponse", BASES(query_meta), FIELD(evaluations))
#undef SELF

#define SELF eval_reap_request
DESCRIBE(eval_reap_request, "EvalReapRequest", BASES(write_request), FIELD(evals), FIELD(allocs), FIELD(filter), FIELD(per_page), FIELD(next_token),
         FIELD(user_initiated))
#undef SELF

#define SELF eval_specific_request
DESCRIBE(eval_specific_request, "EvalSpecificRequest", BASES(query_options), FIELD(eval_id), FIELD(include_related))
#undef SELF

#define SELF eval_update_request
DESCRIBE(eval_update_request, "EvalUpdateRequest", BASES(write_request), FIELD(evals), FIELD(eval_token))
#undef SELF

#define SELF fs_list_request
DESCRIBE(fs_list_request, "FsListRequest", BASES(query_options), FIELD(alloc_id), FIELD(path))
#undef SELF

#define SELF fs_list_response
DESCRIBE(fs_list_response, "FsListResponse", BASES(query_meta), FIELD(files))
#undef SELF

#define SELF fs_logs_request
DESCRIBE(fs_logs_request, "FsLogsRequest", BASES(query_options), FIELD(alloc_id), FIELD(task), FIELD(log_type), FIELD(offset), FIELD(origin), FIELD(plain_text),
         FIELD(follow))
#undef SELF

#define SELF fs_stat_request
DESCRIBE(fs_stat_request, "FsStatRequest", BASES(query_options), FIELD(alloc_id), FIELD(path))
#undef SELF

#define SELF fs_stat_response
DESCRIBE(fs_stat_response, "FsStatResponse", BASES(query_meta), FIELD(info))
#undef SELF

#define SELF fs_stream_request
DESCRIBE(fs_stream_request, "FsStreamRequest", BASES(query_options), FIELD(alloc_id), FIELD(path), FIELD(offset), FIELD(origin), FIELD(plain_text),
         FIELD(limit), FIELD(follow))
#undef SELF

#define SELF plan_request
DESCRIBE(plan_request, "PlanRequest", BASES(write_request), FIELD(plan))
#undef SELF

#define SELF plan_response
DESCRIBE(plan_response, "PlanResponse", BASES(write_meta), FIELD(result))
#undef SELF

#define SELF service_registration_by_name_request
DESCRIBE(service_registration_by_name_request, "ServiceRegistrationByNameRequest", BASES(query_options), FIELD(service_name), FIELD(choose))
#undef SELF

#define SELF service_registration_by_name_response
DESCRIBE(service_registration_by_name_response, "ServiceRegistrationByNameResponse", BASES(query_meta), FIELD(services))
#undef SELF

#define SELF service_registration_delete_by_id_request
DESCRIBE(service_registration_delete_by_id_request, "ServiceRegistrationDeleteByIDRequest", BASES(write_request), FIELD(id))
#undef SELF

#define SELF service_registration_delete_by_id_response
DESCRIBE_EMPTY(service_registration_delete_by_id_response, "ServiceRegistrationDeleteByIDResponse", BASES(write_meta))
#undef SELF

#define SELF service_registration_list_request
DESCRIBE_EMPTY(service_registration_list_request, "ServiceRegistrationListRequest", BASES(query_options))
#undef SELF

#define SELF service_registration_list_response
DESCRIBE(service_registration_list_response, "ServiceRegistrationListResponse", BASES(query_meta), FIELD(services))
#undef SELF

#define SELF service_registration_upsert_request
DESCRIBE(service_registration_upsert_request, "ServiceRegistrationUpsertRequest", BASES(write_request), FIELD(services))
#undef SELF

#define SELF service_registration_upsert_response
DESCRIBE_EMPTY(service_registration_upsert_response, "ServiceRegistrationUpsertResponse", BASES(write_meta))
#undef SELF

#define SELF single_alloc_response
DESCRIBE(single_alloc_response, "SingleAllocResponse", BASES(query_meta), FIELD(alloc))
#undef SELF

#define SELF single_deployment_response
DESCRIBE(single_deployment_response, "SingleDeploymentResponse", BASES(query_meta), FIELD(deployment))
#undef SELF

#define SELF single_eval_response
DESCRIBE(single_eval_response, "SingleEvalResponse", BASES(query_meta), FIELD(eval))
#undef SELF

#define SELF single_job_response
DESCRIBE(single_job_response, "SingleJobResponse", BASES(query_meta), FIELD(job))
#undef SELF

}  // namespace drover::schema
