#include "fsm/commands.h"

#include "fsm/limits.h"
#include "schema/describe_macros.h"

namespace drover::fsm {

using namespace schema;

#define SELF fsm::deployment_status_update_request
DESCRIBE(fsm::deployment_status_update_request, "DeploymentStatusUpdateRequest", BASES(write_request), FIELD(deployment_update), FIELD(job), FIELD(eval))
#undef SELF

#define SELF fsm::deployment_promote_request
DESCRIBE(fsm::deployment_promote_request, "ApplyDeploymentPromoteRequest", BASES(schema::deployment_promote_request), FIELD(eval))
#undef SELF

#define SELF fsm::deployment_alloc_health_request
DESCRIBE(fsm::deployment_alloc_health_request, "ApplyDeploymentAllocHealthRequest", BASES(schema::deployment_alloc_health_request), FIELD(timestamp),
         FIELD(deployment_update), FIELD(job), FIELD(eval))
#undef SELF

#define SELF job_to_deregister
DESCRIBE(job_to_deregister, "JobToDeregister", BASES(), FIELD(namespace_), FIELD(job_id), FIELD(purge))
#undef SELF

#define SELF fsm::job_batch_deregister_request
DESCRIBE(fsm::job_batch_deregister_request, "JobBatchDeregisterRequest", BASES(write_request), FIELD(jobs), FIELD(evals), FIELD(submit_time))
#undef SELF

#define SELF alloc_stop
DESCRIBE(alloc_stop, "AllocationDiff", BASES(), FIELD(id), FIELD(desired_description), FIELD(client_status), FIELD(followup_eval_id))
#undef SELF

#define SELF alloc_preemption
DESCRIBE(alloc_preemption, "AllocationPreemption", BASES(), FIELD(id), FIELD(preempted_by_allocation))
#undef SELF

#define SELF apply_plan_results_request
DESCRIBE(apply_plan_results_request, "ApplyPlanResultsRequest", BASES(write_request), FIELD(job_info), FIELD(job), FIELD(placed), FIELD(allocs_updated),
         FIELD(allocs_stopped), FIELD(allocs_preempted), FIELD(deployment), FIELD(deployment_updates), FIELD(eval_id), FIELD(preemption_evals), FIELD(evals),
         FIELD(ineligible_nodes), FIELD(updated_at))
#undef SELF

#define SELF node_drain_update
DESCRIBE(node_drain_update, "DrainUpdate", BASES(), FIELD(drain_strategy), FIELD(mark_eligible))
#undef SELF

#define SELF batch_node_update_drain_request
DESCRIBE(batch_node_update_drain_request, "BatchNodeUpdateDrainRequest", BASES(write_request), FIELD(updates), FIELD(node_events), FIELD(updated_at))
#undef SELF

#define SELF scaling_event_request
DESCRIBE(scaling_event_request, "ScalingEventRequest", BASES(write_request), FIELD(job_id), FIELD(task_group), FIELD(scaling_event))
#undef SELF

#define SELF service_delete_by_node_request
DESCRIBE(service_delete_by_node_request, "ServiceRegistrationDeleteByNodeIDRequest", BASES(write_request), FIELD(node_id))
#undef SELF

#define SELF variable_apply_request
DESCRIBE(variable_apply_request, "VarApplyStateRequest", BASES(write_request), FIELD(op), FIELD(var))
#undef SELF

#define SELF root_key_upsert_request
DESCRIBE(root_key_upsert_request, "WrappedRootKeysUpsertRequest", BASES(write_request), FIELD(key), FIELD(rekey))
#undef SELF

#define SELF root_key_delete_request
DESCRIBE(root_key_delete_request, "WrappedRootKeysDeleteRequest", BASES(write_request), FIELD(key_id))
#undef SELF

#define SELF one_time_token_put_request
DESCRIBE(one_time_token_put_request, "OneTimeTokenPutRequest", BASES(write_request), FIELD(token))
#undef SELF

#define SELF one_time_token_delete_request
DESCRIBE(one_time_token_delete_request, "OneTimeTokenDeleteRequest", BASES(write_request), FIELD(secret_ids))
#undef SELF

#define SELF restore_state_request
DESCRIBE(restore_state_request, "RestoreStateRequest", BASES(), FIELD(state))
#undef SELF

namespace {

// The job that an allocation has in the entry: none where it is the plan's.
ref<schema::allocation> lean(const ref<schema::allocation>& alloc, const std::optional<schema::plan_job_tuple>& plan) {
  if (!alloc->job || !plan || alloc->job->version != plan->version || alloc->job->id != plan->id) return alloc;
  auto out = std::make_shared<schema::allocation>(*alloc);
  out->job = nullptr;
  return out;
}

void put_in(apply_plan_results_request& entry, std::vector<ref<schema::allocation>>& allocs) {
  std::vector<ref<schema::allocation>> rest;
  entry.placed = pack_placed(allocs, rest);
  for (auto& each : entry.placed) each.like = lean(each.like, entry.job_info);
  for (auto& each : rest) entry.allocs_updated.push_back(lean(each, entry.job_info));
  allocs.clear();
}

}  // namespace

std::vector<apply_plan_results_request> make_plan_results(const schema::plan& plan, const schema::plan_result& accepted, int64_t now_ns) {
  std::vector<apply_plan_results_request> out;
  auto add_entry = [&]() -> apply_plan_results_request& {
    auto& made = out.emplace_back();
    made.eval_id = plan.eval_id;
    made.job_info = plan.job_info;
    // The stored version is found by its number; the job itself goes along only where no allocation could be understood without it.
    if (plan.job && !made.job_info) made.job_info = schema::plan_job_tuple{plan.job->namespace_, plan.job->id, plan.job->version};
    made.updated_at = now_ns;
    return made;
  };
  auto* entry = &add_entry();
  entry->deployment = accepted.deployment;
  entry->deployment_updates = accepted.deployment_updates;
  entry->ineligible_nodes = accepted.ineligible_nodes;
  for (const auto& [node, allocs] : accepted.node_update) {
    for (const auto& a : allocs) entry->allocs_stopped.push_back({a->id, a->desired_description, a->client_status, a->followup_eval_id});
  }
  for (const auto& [node, allocs] : accepted.node_preemptions) {
    for (const auto& a : allocs) entry->allocs_preempted.push_back({a->id, a->preempted_by_allocation});
  }
  std::vector<ref<schema::allocation>> waiting;
  for (const auto& [node, allocs] : accepted.node_allocation) {
    waiting.insert(waiting.end(), allocs.begin(), allocs.end());
    if (waiting.size() < plan_entry_allocs || plan.all_at_once) continue;
    put_in(*entry, waiting);
    entry = &add_entry();
  }
  put_in(*entry, waiting);
  return out;
}

}  // namespace drover::fsm
