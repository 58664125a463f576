#include "schema/alloc.h"

#include "schema/describe_macros.h"
#include "schema/job.h"

namespace drover::schema {

#define SELF alloc_deployment_status
DESCRIBE(alloc_deployment_status, "AllocDeploymentStatus", BASES(), FIELD(healthy), FIELD(timestamp), FIELD(canary), FIELD(modify_index))
#undef SELF

#define SELF node_score_meta
DESCRIBE(node_score_meta, "NodeScoreMeta", BASES(), FIELD(node_id), FIELD(scores), FIELD(norm_score))
#undef SELF

#define SELF alloc_metric
DESCRIBE(alloc_metric, "AllocMetric", BASES(), FIELD(nodes_evaluated), FIELD(nodes_filtered), FIELD(nodes_in_pool), FIELD(node_pool), FIELD(nodes_available),
         FIELD(class_filtered), FIELD(constraint_filtered), FIELD(nodes_exhausted), FIELD(class_exhausted), FIELD(dimension_exhausted), FIELD(quota_exhausted),
         FIELD(resources_exhausted), FIELD(scores), FIELD(score_meta_data), FIELD(allocation_time), FIELD(coalesced_failures))
#undef SELF

#define SELF alloc_network_status
DESCRIBE(alloc_network_status, "AllocNetworkStatus", BASES(), FIELD(interface_name), FIELD(address), FIELD_AS(address_ipv6, "AddressIPv6"), FIELD(dns))
#undef SELF

#define SELF alloc_state
DESCRIBE(alloc_state, "AllocState", BASES(), FIELD(field), FIELD(value), FIELD(time))
#undef SELF

#define SELF desired_transition
DESCRIBE(desired_transition, "DesiredTransition", BASES(), FIELD(migrate), FIELD(reschedule), FIELD(force_reschedule), FIELD(no_shutdown_delay),
         FIELD(migrate_disable_placement))
#undef SELF

#define SELF reschedule_event
DESCRIBE(reschedule_event, "RescheduleEvent", BASES(), FIELD(reschedule_time), FIELD(prev_alloc_id), FIELD(prev_node_id), FIELD(delay))
#undef SELF

#define SELF reschedule_tracker
DESCRIBE(reschedule_tracker, "RescheduleTracker", BASES(), FIELD(events), FIELD(last_reschedule))
#undef SELF

#define SELF task_event
DESCRIBE(task_event, "TaskEvent", BASES(), FIELD(type), FIELD(time), FIELD(message), FIELD(display_message), FIELD(details), FIELD(fails_task),
         FIELD(restart_reason), FIELD(setup_error), FIELD(driver_error), FIELD(exit_code), FIELD(signal), FIELD(kill_timeout), FIELD(kill_error),
         FIELD(kill_reason), FIELD(start_delay), FIELD(download_error), FIELD(validation_error), FIELD(disk_limit), FIELD(failed_sibling), FIELD(vault_error),
         FIELD(task_signal_reason), FIELD(task_signal), FIELD(driver_message), FIELD(generic_source), FIELD(disk_size))
#undef SELF

#define SELF task_state
DESCRIBE(task_state, "TaskState", BASES(), FIELD(state), FIELD(failed), FIELD(restarts), FIELD(last_restart), FIELD(started_at), FIELD(finished_at),
         FIELD(events), FIELD(paused))
#undef SELF

#define SELF allocation
DESCRIBE(allocation, "Allocation", BASES(), FIELD(id), FIELD(namespace_), FIELD(eval_id), FIELD(name), FIELD(node_id), FIELD(node_name), FIELD(job_id),
         FIELD(job), FIELD(task_group), FIELD_FLAGS(resources, json_omit_empty), FIELD_FLAGS(shared_resources, json_omit_empty),
         FIELD_FLAGS(task_resources, json_omit_empty), FIELD(allocated_resources), FIELD(metrics), FIELD(desired_status),
         FIELD_FLAGS(desired_description, json_omit_empty), FIELD(desired_transition), FIELD(client_status), FIELD_FLAGS(client_description, json_omit_empty),
         FIELD_FLAGS(task_states, json_omit_empty), FIELD_FLAGS(alloc_states, json_omit_empty), FIELD_FLAGS(previous_allocation, json_omit_empty),
         FIELD_FLAGS(next_allocation, json_omit_empty), FIELD_FLAGS(deployment_id, json_omit_empty), FIELD_FLAGS(deployment_status, json_omit_empty),
         FIELD_FLAGS(reschedule_tracker, json_omit_empty), FIELD_FLAGS(network_status, json_omit_empty), FIELD_FLAGS(followup_eval_id, json_omit_empty),
         FIELD_FLAGS(preempted_allocations, json_omit_empty), FIELD_FLAGS(preempted_by_allocation, json_omit_empty),
         FIELD_FLAGS(signed_identities, json_omit_empty | redacted), FIELD_FLAGS(signing_key_id, json_omit_empty), FIELD(create_index), FIELD(modify_index),
         FIELD(alloc_modify_index), FIELD(create_time), FIELD(modify_time))
#undef SELF

#define SELF alloc_list_stub
DESCRIBE(alloc_list_stub, "AllocationListStub", BASES(), FIELD(id), FIELD(eval_id), FIELD(name), FIELD(namespace_), FIELD(node_id), FIELD(node_name),
         FIELD(job_id), FIELD(job_type), FIELD(job_version), FIELD(task_group), FIELD_FLAGS(allocated_resources, json_omit_empty), FIELD(desired_status),
         FIELD(desired_description), FIELD(desired_transition), FIELD(client_status), FIELD(client_description), FIELD(task_states), FIELD(deployment_status),
         FIELD(followup_eval_id), FIELD(next_allocation), FIELD(reschedule_tracker), FIELD(preempted_allocations), FIELD(preempted_by_allocation),
         FIELD(create_index), FIELD(modify_index), FIELD(create_time), FIELD(modify_time))
#undef SELF

}  // namespace drover::schema
