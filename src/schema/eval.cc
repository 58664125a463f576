#include "schema/eval.h"

#include "schema/describe_macros.h"
#include "schema/job.h"

namespace drover::schema {

#define SELF deployment_state
DESCRIBE(deployment_state, "DeploymentState", BASES(), FIELD(auto_revert), FIELD(auto_promote), FIELD(progress_deadline), FIELD(require_progress_by),
         FIELD(promoted), FIELD(placed_canaries), FIELD(desired_canaries), FIELD(desired_total), FIELD(placed_allocs), FIELD(healthy_allocs),
         FIELD(unhealthy_allocs))
#undef SELF

#define SELF deployment
DESCRIBE(deployment, "Deployment", BASES(), FIELD(id), FIELD(namespace_), FIELD(job_id), FIELD(job_version), FIELD(job_modify_index),
         FIELD(job_spec_modify_index), FIELD(job_create_index), FIELD(is_multiregion), FIELD(task_groups), FIELD(status), FIELD(status_description),
         FIELD(eval_priority), FIELD(create_index), FIELD(modify_index), FIELD(create_time), FIELD(modify_time))
#undef SELF

#define SELF evaluation_stub
DESCRIBE(evaluation_stub, "EvaluationStub", BASES(), FIELD(id), FIELD(priority), FIELD(type), FIELD(triggered_by), FIELD(namespace_), FIELD(job_id),
         FIELD(node_id), FIELD(deployment_id), FIELD(status), FIELD(status_description), FIELD(wait_until), FIELD(next_eval), FIELD(previous_eval),
         FIELD(blocked_eval), FIELD(create_index), FIELD(modify_index), FIELD(create_time), FIELD(modify_time))
#undef SELF

#define SELF desired_updates
DESCRIBE(desired_updates, "DesiredUpdates", BASES(), FIELD(ignore), FIELD(place), FIELD(migrate), FIELD(stop), FIELD(in_place_update),
         FIELD(destructive_update), FIELD(canary), FIELD(preemptions), FIELD(disconnect), FIELD(reconnect), FIELD(reschedule_now), FIELD(reschedule_later))
#undef SELF

#define SELF plan_annotations
DESCRIBE(plan_annotations, "PlanAnnotations", BASES(), FIELD(desired_tg_updates), FIELD(preempted_allocs))
#undef SELF

#define SELF evaluation
DESCRIBE(evaluation, "Evaluation", BASES(), FIELD(id), FIELD(namespace_), FIELD(priority), FIELD(type), FIELD(triggered_by), FIELD(job_id),
         FIELD_FLAGS(job_modify_index, json_omit_empty), FIELD_FLAGS(node_id, json_omit_empty), FIELD_FLAGS(node_modify_index, json_omit_empty),
         FIELD_FLAGS(deployment_id, json_omit_empty), FIELD(status), FIELD_FLAGS(status_description, json_omit_empty), FIELD_FLAGS(wait, json_omit_empty),
         FIELD_FLAGS(wait_until, json_omit_empty), FIELD_FLAGS(next_eval, json_omit_empty), FIELD_FLAGS(previous_eval, json_omit_empty),
         FIELD_FLAGS(blocked_eval, json_omit_empty), FIELD_FLAGS(related_evals, json_omit_empty), FIELD_FLAGS(failed_tg_allocs, json_omit_empty),
         FIELD_FLAGS(plan_annotations, json_omit_empty), FIELD_FLAGS(class_eligibility, json_omit_empty), FIELD_FLAGS(quota_limit_reached, json_omit_empty),
         FIELD_FLAGS(missing_non_node_resources, json_omit_empty), FIELD_FLAGS(escaped_computed_class, json_omit_empty),
         FIELD_FLAGS(annotate_plan, json_omit_empty), FIELD(queued_allocations), FIELD_FLAGS(leader_acl, json_omit_empty | redacted),
         FIELD_FLAGS(snapshot_index, json_omit_empty), FIELD(create_index), FIELD(modify_index), FIELD(create_time), FIELD(modify_time))
#undef SELF

#define SELF job_submission
DESCRIBE(job_submission, "JobSubmission", BASES(), FIELD(source), FIELD(format), FIELD(variable_flags), FIELD(variables), FIELD(namespace_), FIELD(job_id),
         FIELD(version), FIELD(job_modify_index))
#undef SELF

#define SELF deployment_status_update
DESCRIBE(deployment_status_update, "DeploymentStatusUpdate", BASES(), FIELD(deployment_id), FIELD(status), FIELD(status_description), FIELD(updated_at))
#undef SELF

#define SELF plan_job_tuple
DESCRIBE(plan_job_tuple, "PlanJobTuple", BASES(), FIELD(namespace_), FIELD(id), FIELD(version))
#undef SELF

#define SELF plan
DESCRIBE(plan, "Plan", BASES(), FIELD(eval_id), FIELD(eval_token), FIELD(priority), FIELD(all_at_once), FIELD(job), FIELD(job_info), FIELD(node_update),
         FIELD(node_allocation), FIELD(annotations), FIELD(deployment), FIELD(deployment_updates), FIELD(node_preemptions), FIELD(snapshot_index))
#undef SELF

#define SELF plan_result
DESCRIBE(plan_result, "PlanResult", BASES(), FIELD(node_update), FIELD(node_allocation), FIELD(deployment), FIELD(deployment_updates), FIELD(node_preemptions),
         FIELD(rejected_nodes), FIELD(ineligible_nodes), FIELD(refresh_index), FIELD(alloc_index))
#undef SELF

#define SELF preemption_config
DESCRIBE(preemption_config, "PreemptionConfig", BASES(), FIELD(system_scheduler_enabled), FIELD(sys_batch_scheduler_enabled), FIELD(batch_scheduler_enabled),
         FIELD(service_scheduler_enabled))
#undef SELF

#define SELF scheduler_configuration
DESCRIBE(scheduler_configuration, "SchedulerConfiguration", BASES(), FIELD(scheduler_algorithm), FIELD(preemption_config),
         FIELD(memory_oversubscription_enabled), FIELD(reject_job_registration), FIELD(pause_eval_broker), FIELD(node_limit_for_feasibility_checks),
         FIELD(create_index), FIELD(modify_index))
#undef SELF

#define SELF service_registration
DESCRIBE(service_registration, "ServiceRegistration", BASES(), FIELD(id), FIELD(service_name), FIELD(namespace_), FIELD(node_id), FIELD(datacenter),
         FIELD(job_id), FIELD(alloc_id), FIELD(tags), FIELD(address), FIELD(port), FIELD(create_index), FIELD(modify_index))
#undef SELF

#define SELF scaling_event
DESCRIBE(scaling_event, "ScalingEvent", BASES(), FIELD(count), FIELD(previous_count), FIELD(error), FIELD(message), FIELD(meta), FIELD(eval_id), FIELD(time),
         FIELD(create_index))
#undef SELF

#define SELF task_group_scale_status
DESCRIBE(task_group_scale_status, "TaskGroupScaleStatus", BASES(), FIELD(desired), FIELD(placed), FIELD(running), FIELD(healthy), FIELD(unhealthy),
         FIELD(events))
#undef SELF

#define SELF job_scale_status
DESCRIBE(job_scale_status, "JobScaleStatus", BASES(), FIELD(job_id), FIELD(namespace_), FIELD(job_create_index), FIELD(job_modify_index), FIELD(job_stopped),
         FIELD(task_groups))
#undef SELF

#define SELF job_children_summary
DESCRIBE(job_children_summary, "JobChildrenSummary", BASES(), FIELD(pending), FIELD(running), FIELD(dead))
#undef SELF

#define SELF task_group_summary
DESCRIBE(task_group_summary, "TaskGroupSummary", BASES(), FIELD(queued), FIELD(complete), FIELD(failed), FIELD(running), FIELD(starting), FIELD(lost),
         FIELD(unknown))
#undef SELF

#define SELF job_summary
DESCRIBE(job_summary, "JobSummary", BASES(), FIELD(job_id), FIELD(namespace_), FIELD(summary), FIELD(children), FIELD(create_index), FIELD(modify_index))
#undef SELF

#define SELF job_list_stub
DESCRIBE(job_list_stub, "JobListStub", BASES(), FIELD(id), FIELD(parent_id), FIELD(name), FIELD_FLAGS(namespace_, json_omit_empty), FIELD(datacenters),
         FIELD(node_pool), FIELD(type), FIELD(priority), FIELD(periodic), FIELD(parameterized_job), FIELD(stop), FIELD(status), FIELD(status_description),
         FIELD(job_summary), FIELD(create_index), FIELD(modify_index), FIELD(job_modify_index), FIELD(submit_time), FIELD_FLAGS(meta, json_omit_empty))
#undef SELF

#define SELF scaling_policy_list_stub
DESCRIBE(scaling_policy_list_stub, "ScalingPolicyListStub", BASES(), FIELD(id), FIELD(enabled), FIELD(type), FIELD(target), FIELD(create_index),
         FIELD(modify_index))
#undef SELF

#define SELF service_registration_stub
DESCRIBE(service_registration_stub, "ServiceRegistrationStub", BASES(), FIELD(service_name), FIELD(tags))
#undef SELF

#define SELF service_registration_list_stub
DESCRIBE(service_registration_list_stub, "ServiceRegistrationListStub", BASES(), FIELD(namespace_), FIELD(services))
#undef SELF

}  // namespace drover::schema
