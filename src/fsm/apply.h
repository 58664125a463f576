// How commands are applied, by subject. One function a command; each may assume only what its request and the state say.
//
// An error leaves no trace: the machine drops the transaction. Threads: the applying thread only.
#pragma once

#include <any>

#include "base/result.h"
#include "fsm/commands.h"
#include "fsm/context.h"

namespace drover::fsm {

// Parts that several commands share.
void put_eval(context& c, schema::evaluation eval);
// Stores a job with its version, summary, scaling policies, periodic launch and status, unless the stored one has the same specification:
// then nothing changes. The job modify index of what is stored afterwards. `follow_up` (may be null) is stored with it.
result<uint64_t> put_job(context& c, schema::job job, std::optional<schema::job_submission> submission, ref<schema::evaluation> follow_up);
void set_job_stability(context& c, const std::string& ns, const std::string& id, uint64_t version, bool stable);
result<> update_deployment_status(context& c, const schema::deployment_status_update& update, bool refuse_terminal);
// What an allocation registered goes when it has ended or is gone itself: its node may not live to say so.
void drop_services(context& c, std::string_view alloc_id);
void drop_services_of_node(context& c, std::string_view node_id);
void put_deployment(context& c, const schema::deployment& deployment);
void update_node_event(context& c, schema::node& node, schema::node_event event);

result<std::any> apply_node_register(context&, const schema::node_register_request&);
result<std::any> apply_node_deregister(context&, const schema::node_deregister_request&);
result<std::any> apply_node_batch_deregister(context&, const schema::node_batch_deregister_request&);
result<std::any> apply_node_update_status(context&, const schema::node_update_status_request&);
result<std::any> apply_node_update_drain(context&, const schema::node_update_drain_request&);
result<std::any> apply_batch_node_update_drain(context&, const batch_node_update_drain_request&);
result<std::any> apply_node_update_eligibility(context&, const schema::node_update_eligibility_request&);
result<std::any> apply_node_events(context&, const schema::emit_node_events_request&);
result<std::any> apply_node_pool_upsert(context&, const schema::node_pool_upsert_request&);
result<std::any> apply_node_pool_delete(context&, const schema::node_pool_delete_request&);

result<std::any> apply_job_register(context&, schema::job_register_request&&);
result<std::any> apply_job_deregister(context&, const schema::job_deregister_request&);
result<std::any> apply_job_batch_deregister(context&, const job_batch_deregister_request&);
result<std::any> apply_job_stability(context&, const schema::job_stability_request&);
result<std::any> apply_job_version_tag(context&, const schema::job_apply_tag_request&);
result<std::any> apply_scaling_event_register(context&, const scaling_event_request&);
result<std::any> apply_reconcile_job_summaries(context&, const schema::write_request&);

result<std::any> apply_eval_update(context&, const schema::eval_update_request&);
result<std::any> apply_eval_delete(context&, const schema::eval_reap_request&);

result<std::any> apply_plan_results(context&, const apply_plan_results_request&);
result<std::any> apply_alloc_client_update(context&, const schema::alloc_update_request&);
result<std::any> apply_alloc_update_desired_transition(context&, const schema::alloc_update_desired_transition_request&);

result<std::any> apply_deployment_status_update(context&, const deployment_status_update_request&);
result<std::any> apply_deployment_promote(context&, const deployment_promote_request&);
result<std::any> apply_deployment_alloc_health(context&, const deployment_alloc_health_request&);
result<std::any> apply_deployment_delete(context&, const schema::deployment_delete_request&);

result<std::any> apply_scheduler_config(context&, const schema::scheduler_set_config_request&);
result<std::any> apply_autopilot_config(context&, const schema::autopilot_set_config_request&);
result<std::any> apply_cluster_metadata(context&, const state::cluster_metadata&);
result<std::any> apply_namespace_upsert(context&, const schema::namespace_upsert_request&);
result<std::any> apply_namespace_delete(context&, const schema::namespace_delete_request&);
result<std::any> apply_quota_upsert(context&, const schema::quota_spec_upsert_request&);
result<std::any> apply_quota_delete(context&, const schema::quota_spec_delete_request&);
result<std::any> apply_service_upsert(context&, const schema::service_registration_upsert_request&);
result<std::any> apply_service_delete_by_id(context&, const schema::service_registration_delete_by_id_request&);
result<std::any> apply_service_delete_by_node(context&, const service_delete_by_node_request&);
result<std::any> apply_variable_apply(context&, const variable_apply_request&);
result<std::any> apply_root_key_upsert(context&, const root_key_upsert_request&);
result<std::any> apply_root_key_delete(context&, const root_key_delete_request&);
result<std::any> apply_csi_volume_register(context&, const schema::csi_volume_register_request&);
result<std::any> apply_csi_volume_deregister(context&, const schema::csi_volume_deregister_request&);
result<std::any> apply_csi_volume_claim(context&, const schema::csi_volume_claim_request&);
result<std::any> apply_csi_plugin_delete(context&, const schema::csi_plugin_delete_request&);
result<std::any> apply_host_volume_register(context&, const schema::host_volume_register_request&);
result<std::any> apply_host_volume_delete(context&, const schema::host_volume_delete_request&);
result<std::any> apply_host_volume_claim_delete(context&, const schema::task_group_volume_claim_delete_request&);

result<std::any> apply_acl_policy_upsert(context&, const schema::acl_policy_upsert_request&);
result<std::any> apply_acl_policy_delete(context&, const schema::acl_policy_delete_request&);
result<std::any> apply_acl_token_upsert(context&, const schema::acl_token_upsert_request&);
result<std::any> apply_acl_token_delete(context&, const schema::acl_token_delete_request&);
result<std::any> apply_acl_token_bootstrap(context&, const schema::acl_token_bootstrap_request&);
result<std::any> apply_acl_role_upsert(context&, const schema::acl_roles_upsert_request&);
result<std::any> apply_acl_role_delete(context&, const schema::acl_roles_delete_by_id_request&);
result<std::any> apply_acl_auth_method_upsert(context&, const schema::acl_auth_method_upsert_request&);
result<std::any> apply_acl_auth_method_delete(context&, const schema::acl_auth_method_delete_request&);
result<std::any> apply_acl_binding_rule_upsert(context&, const schema::acl_binding_rules_upsert_request&);
result<std::any> apply_acl_binding_rule_delete(context&, const schema::acl_binding_rules_delete_request&);
result<std::any> apply_one_time_token_upsert(context&, const one_time_token_put_request&);
result<std::any> apply_one_time_token_delete(context&, const one_time_token_delete_request&);
result<std::any> apply_one_time_token_expire(context&, const schema::one_time_token_expire_request&);

}  // namespace drover::fsm
