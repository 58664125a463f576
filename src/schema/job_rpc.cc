#include "schema/job_rpc.h"

#include "schema/describe_macros.h"

namespace drover::schema {

#define SELF job_action_list_request
DESCRIBE(job_action_list_request, "JobActionListRequest", BASES(query_options), FIELD(job_id))
#undef SELF

#define SELF job_action
DESCRIBE(job_action, "JobAction", BASES(), FIELD(name), FIELD(command), FIELD(args), FIELD(task_name), FIELD(task_group_name))
#undef SELF

#define SELF job_action_list_response
DESCRIBE(job_action_list_response, "JobActionListResponse", BASES(query_meta), FIELD(actions))
#undef SELF

#define SELF job_allocations_response
DESCRIBE(job_allocations_response, "JobAllocationsResponse", BASES(query_meta), FIELD(allocations))
#undef SELF

#define SELF job_apply_tag_request
DESCRIBE(job_apply_tag_request, "JobApplyTagRequest", BASES(write_request), FIELD(job_id), FIELD(name), FIELD(tag), FIELD(version), FIELD(latest))
#undef SELF

#define SELF job_deregister_options
DESCRIBE(job_deregister_options, "JobDeregisterOptions", BASES(), FIELD(purge))
#undef SELF

#define SELF job_batch_deregister_request
DESCRIBE(job_batch_deregister_request, "JobBatchDeregisterRequest", BASES(write_request), FIELD(jobs), FIELD(submit_time))
#undef SELF

#define SELF job_batch_deregister_response
DESCRIBE_EMPTY(job_batch_deregister_response, "JobBatchDeregisterResponse", BASES(query_meta))
#undef SELF

#define SELF job_deregister_request
DESCRIBE(job_deregister_request, "JobDeregisterRequest", BASES(write_request), FIELD(job_id), FIELD(purge), FIELD(global), FIELD(eval_priority),
         FIELD(no_shutdown_delay), FIELD(eval), FIELD(submit_time))
#undef SELF

#define SELF job_deregister_response
DESCRIBE(job_deregister_response, "JobDeregisterResponse", BASES(query_meta), FIELD(eval_id), FIELD(eval_create_index), FIELD(job_modify_index),
         FIELD(volume_eval_id), FIELD(volume_eval_index))
#undef SELF

#define SELF job_dispatch_request
DESCRIBE(job_dispatch_request, "JobDispatchRequest", BASES(write_request), FIELD(job_id), FIELD(payload), FIELD(meta),
         FIELD_AS(id_prefix_template, "IdPrefixTemplate"), FIELD(priority))
#undef SELF

#define SELF job_dispatch_response
DESCRIBE(job_dispatch_response, "JobDispatchResponse", BASES(write_meta), FIELD(dispatched_job_id), FIELD(eval_id), FIELD(eval_create_index),
         FIELD(job_create_index))
#undef SELF

#define SELF eval_options
DESCRIBE(eval_options, "EvalOptions", BASES(), FIELD(force_reschedule))
#undef SELF

#define SELF job_evaluate_request
DESCRIBE(job_evaluate_request, "JobEvaluateRequest", BASES(write_request), FIELD(job_id), FIELD(eval_options))
#undef SELF

#define SELF job_evaluations_response
DESCRIBE(job_evaluations_response, "JobEvaluationsResponse", BASES(query_meta), FIELD(evaluations))
#undef SELF

#define SELF job_stub_fields
DESCRIBE(job_stub_fields, "JobStubFields", BASES(), FIELD(meta))
#undef SELF

#define SELF job_list_request
DESCRIBE(job_list_request, "JobListRequest", BASES(query_options), FIELD(fields))
#undef SELF

#define SELF job_list_response
DESCRIBE(job_list_response, "JobListResponse", BASES(query_meta), FIELD(jobs))
#undef SELF

#define SELF job_plan_request
DESCRIBE(job_plan_request, "JobPlanRequest", BASES(write_request), FIELD(job), FIELD(diff), FIELD(policy_override))
#undef SELF

#define SELF job_plan_response
DESCRIBE(job_plan_response, "JobPlanResponse", BASES(write_meta), FIELD(annotations), FIELD(failed_tg_allocs), FIELD(job_modify_index), FIELD(created_evals),
         FIELD(diff), FIELD(next_periodic_launch), FIELD(warnings))
#undef SELF

#define SELF job_register_request
DESCRIBE(job_register_request, "JobRegisterRequest", BASES(write_request), FIELD(submission), FIELD(job), FIELD_FLAGS(enforce_index, json_omit_empty),
         FIELD_FLAGS(job_modify_index, json_omit_empty), FIELD_FLAGS(preserve_counts, json_omit_empty), FIELD_FLAGS(preserve_resources, json_omit_empty),
         FIELD_FLAGS(policy_override, json_omit_empty), FIELD_FLAGS(eval_priority, json_omit_empty), FIELD(eval), FIELD(deployment))
#undef SELF

#define SELF job_register_response
DESCRIBE(job_register_response, "JobRegisterResponse", BASES(query_meta), FIELD(eval_id), FIELD(eval_create_index), FIELD(job_modify_index), FIELD(warnings))
#undef SELF

#define SELF job_revert_request
DESCRIBE(job_revert_request, "JobRevertRequest", BASES(write_request), FIELD(job_id), FIELD(job_version), FIELD(enforce_prior_version))
#undef SELF

#define SELF job_scale_request
DESCRIBE(job_scale_request, "JobScaleRequest", BASES(write_request), FIELD(job_id), FIELD(target), FIELD(count), FIELD(message), FIELD(error), FIELD(meta),
         FIELD(policy_override), FIELD(enforce_index), FIELD(job_modify_index))
#undef SELF

#define SELF job_scale_status_request
DESCRIBE(job_scale_status_request, "JobScaleStatusRequest", BASES(query_options), FIELD(job_id))
#undef SELF

#define SELF job_scale_status_response
DESCRIBE(job_scale_status_response, "JobScaleStatusResponse", BASES(query_meta), FIELD(job_scale_status))
#undef SELF

#define SELF job_service_registrations_request
DESCRIBE(job_service_registrations_request, "JobServiceRegistrationsRequest", BASES(query_options), FIELD(job_id))
#undef SELF

#define SELF job_service_registrations_response
DESCRIBE(job_service_registrations_response, "JobServiceRegistrationsResponse", BASES(query_meta), FIELD(services))
#undef SELF

#define SELF job_specific_request
DESCRIBE(job_specific_request, "JobSpecificRequest", BASES(query_options), FIELD(job_id), FIELD(all))
#undef SELF

#define SELF job_stability_request
DESCRIBE(job_stability_request, "JobStabilityRequest", BASES(write_request), FIELD(job_id), FIELD(job_version), FIELD(stable))
#undef SELF

#define SELF job_stability_response
DESCRIBE_EMPTY(job_stability_response, "JobStabilityResponse", BASES(write_meta))
#undef SELF

#define SELF job_statuses_request
DESCRIBE(job_statuses_request, "JobStatusesRequest", BASES(query_options), FIELD(jobs), FIELD(include_children))
#undef SELF

#define SELF job_statuses_deployment
DESCRIBE(job_statuses_deployment, "JobStatusesDeployment", BASES(), FIELD(canary), FIELD(healthy))
#undef SELF

#define SELF job_statuses_alloc
DESCRIBE(job_statuses_alloc, "JobStatusesAlloc", BASES(), FIELD(id), FIELD(group), FIELD(client_status), FIELD(node_id), FIELD(deployment_status),
         FIELD(job_version), FIELD(followup_eval_id), FIELD(has_paused_task))
#undef SELF

#define SELF job_statuses_latest_deployment
DESCRIBE(job_statuses_latest_deployment, "JobStatusesLatestDeployment", BASES(), FIELD(id), FIELD(is_active), FIELD(job_version), FIELD(status),
         FIELD(status_description), FIELD(all_auto_promote), FIELD(requires_promotion))
#undef SELF

#define SELF job_statuses_job
DESCRIBE(job_statuses_job, "JobStatusesJob", BASES(), FIELD(id), FIELD(namespace_), FIELD(name), FIELD(type), FIELD(node_pool), FIELD(datacenters),
         FIELD(priority), FIELD(version), FIELD(submit_time), FIELD(modify_index), FIELD(group_count_sum), FIELD(allocs), FIELD(parent_id),
         FIELD(child_statuses), FIELD(latest_deployment), FIELD(stop), FIELD(is_pack), FIELD(status))
#undef SELF

#define SELF job_statuses_response
DESCRIBE(job_statuses_response, "JobStatusesResponse", BASES(query_meta), FIELD(jobs))
#undef SELF

#define SELF job_submission_request
DESCRIBE(job_submission_request, "JobSubmissionRequest", BASES(query_options), FIELD(job_id), FIELD(version))
#undef SELF

#define SELF job_submission_response
DESCRIBE(job_submission_response, "JobSubmissionResponse", BASES(query_meta), FIELD(submission))
#undef SELF

#define SELF job_summary_request
DESCRIBE(job_summary_request, "JobSummaryRequest", BASES(query_options), FIELD(job_id))
#undef SELF

#define SELF job_summary_response
DESCRIBE(job_summary_response, "JobSummaryResponse", BASES(query_meta), FIELD(job_summary))
#undef SELF

#define SELF job_tag_response
DESCRIBE(job_tag_response, "JobTagResponse", BASES(query_meta), FIELD(name), FIELD(description), FIELD(tagged_time))
#undef SELF

#define SELF job_validate_request
DESCRIBE(job_validate_request, "JobValidateRequest", BASES(write_request), FIELD(job))
#undef SELF

#define SELF job_validate_response
DESCRIBE(job_validate_response, "JobValidateResponse", BASES(), FIELD(driver_config_validated), FIELD(validation_errors), FIELD(error), FIELD(warnings))
#undef SELF

#define SELF job_versions_request
DESCRIBE(job_versions_request, "JobVersionsRequest", BASES(query_options), FIELD(job_id), FIELD(diffs), FIELD(diff_version), FIELD(diff_tag_name))
#undef SELF

#define SELF job_versions_response
DESCRIBE(job_versions_response, "JobVersionsResponse", BASES(query_meta), FIELD(versions), FIELD(diffs))
#undef SELF

#define SELF periodic_force_request
DESCRIBE(periodic_force_request, "PeriodicForceRequest", BASES(write_request), FIELD(job_id))
#undef SELF

#define SELF periodic_force_response
DESCRIBE(periodic_force_response, "PeriodicForceResponse", BASES(write_meta), FIELD(eval_id), FIELD(eval_create_index))
#undef SELF

#define SELF scaling_policy_list_request
DESCRIBE(scaling_policy_list_request, "ScalingPolicyListRequest", BASES(query_options), FIELD(job), FIELD(type))
#undef SELF

#define SELF scaling_policy_list_response
DESCRIBE(scaling_policy_list_response, "ScalingPolicyListResponse", BASES(query_meta), FIELD(policies))
#undef SELF

#define SELF scaling_policy_specific_request
DESCRIBE(scaling_policy_specific_request, "ScalingPolicySpecificRequest", BASES(query_options), FIELD(id))
#undef SELF

#define SELF jobs_parse_request
DESCRIBE(jobs_parse_request, "JobsParseRequest", BASES(), FIELD_AS(job_hcl, "JobHCL"), FIELD(variables), FIELD(canonicalize))
#undef SELF

}  // namespace drover::schema
