// Commands: everything that can change the replicated state. A log entry is one byte of command_type and the request as msgpack.
//
// Requests carry all times (nanoseconds) and everything random (ids): applying is a function of the entry and the state. Records that the
// public wire does not have are described here. Numbers are Nomad's where it has them (shared wire facts, "raft").
// Plain values; pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "codec/msgpack.h"
#include "fsm/placed_allocs.h"
#include "schema/alloc_rpc.h"
#include "schema/job_rpc.h"
#include "schema/node_rpc.h"
#include "schema/operator_rpc.h"
#include "schema/quota_rpc.h"
#include "schema/volume.h"
#include "state/records.h"

namespace drover::fsm {

using schema::ref;

// Ends a deployment's course, or reverts its job, in one step with the evaluation that follows.
struct deployment_status_update_request : schema::write_request {
  schema::deployment_status_update deployment_update;
  ref<schema::job> job;          // null, or the older job to go back to
  ref<schema::evaluation> eval;  // null, or what follows
  DROVER_RECORD(deployment_status_update_request);
};

struct deployment_promote_request : schema::deployment_promote_request {
  ref<schema::evaluation> eval;
  DROVER_RECORD(deployment_promote_request);
};

struct deployment_alloc_health_request : schema::deployment_alloc_health_request {
  timestamp timestamp;
  std::optional<schema::deployment_status_update> deployment_update;
  ref<schema::job> job;
  ref<schema::evaluation> eval;
  DROVER_RECORD(deployment_alloc_health_request);
};

struct job_to_deregister {
  std::string namespace_;
  std::string job_id;
  bool purge = false;
  DROVER_RECORD(job_to_deregister);
};
struct job_batch_deregister_request : schema::write_request {
  std::vector<fsm::job_to_deregister> jobs;
  std::vector<ref<schema::evaluation>> evals;
  int64_t submit_time = 0;
  DROVER_RECORD(job_batch_deregister_request);
};

// What a plan changes about an allocation that it stops: everything else is known already.
struct alloc_stop {
  std::string id;
  std::string desired_description;
  std::string client_status;     // empty: unchanged; "lost" and "unknown" are said by the scheduler
  std::string followup_eval_id;  // empty: unchanged
  DROVER_RECORD(alloc_stop);
};
struct alloc_preemption {
  std::string id;
  std::string preempted_by_allocation;
  DROVER_RECORD(alloc_preemption);
};

struct apply_plan_results_request : schema::write_request {
  // The job of the plan; job_info alone is enough when that version is stored.
  std::optional<schema::plan_job_tuple> job_info;
  ref<schema::job> job;
  // New ones; then those updated in place and new ones that share nothing. Their own job is null when it is the plan's.
  std::vector<fsm::placed_allocs> placed;
  std::vector<ref<schema::allocation>> allocs_updated;
  std::vector<fsm::alloc_stop> allocs_stopped;
  std::vector<fsm::alloc_preemption> allocs_preempted;
  ref<schema::deployment> deployment;
  std::vector<schema::deployment_status_update> deployment_updates;
  std::string eval_id;
  std::vector<ref<schema::evaluation>> preemption_evals;
  // What the scheduler says of its evaluation, and those it makes, where the whole plan was accepted.
  std::vector<ref<schema::evaluation>> evals;
  std::vector<std::string> ineligible_nodes;
  int64_t updated_at = 0;
  DROVER_RECORD(apply_plan_results_request);
};
// The lean form of what the planner accepted of a plan, as entries in the order in which they are to be applied: a large plan is several, so that
// one is applied while the next is written. A plan that is all or nothing is always one.
std::vector<apply_plan_results_request> make_plan_results(const schema::plan& plan, const schema::plan_result& accepted, int64_t now_ns);

struct node_drain_update {
  std::optional<schema::drain_strategy> drain_strategy;
  bool mark_eligible = false;
  DROVER_RECORD(node_drain_update);
};
// From the drainer: a drain that ends here is complete, not cancelled.
struct batch_node_update_drain_request : schema::write_request {
  std::map<std::string, fsm::node_drain_update> updates;
  std::map<std::string, schema::node_event> node_events;
  int64_t updated_at = 0;  // nanoseconds
  DROVER_RECORD(batch_node_update_drain_request);
};

struct scaling_event_request : schema::write_request {
  std::string job_id;
  std::string task_group;
  schema::scaling_event scaling_event;
  DROVER_RECORD(scaling_event_request);
};

struct service_delete_by_node_request : schema::write_request {
  std::string node_id;
  DROVER_RECORD(service_delete_by_node_request);
};

// op: "set", "cas" (only if the stored modify index is var.modify_index; 0: only if there is none), "delete", "delete-cas", "lock-acquire" (sets
// and locks), "lock-release" (unlocks and keeps the items). A locked variable is changed only by a request with its lock's id.
struct variable_apply_request : schema::write_request {
  std::string op;
  state::sealed_variable var;
  DROVER_RECORD(variable_apply_request);
};
// What applying it answers.
struct variable_outcome {
  bool applied = false;
  // After a set or a lock operation: the variable as it is stored now. Null after a delete.
  ref<state::sealed_variable> written = {};
  // Not applied: what is in the way. Without data where it is a lock of somebody else, or nothing at all.
  ref<state::sealed_variable> conflict = {};
};

struct root_key_upsert_request : schema::write_request {
  state::root_key key;
  // The key replaces all others: what they sealed is to be sealed anew.
  bool rekey = false;
  DROVER_RECORD(root_key_upsert_request);
};

struct root_key_delete_request : schema::write_request {
  std::string key_id;
  DROVER_RECORD(root_key_delete_request);
};

struct one_time_token_put_request : schema::write_request {
  schema::one_time_token token;
  DROVER_RECORD(one_time_token_put_request);
};
struct one_time_token_delete_request : schema::write_request {
  std::vector<std::string> secret_ids;
  DROVER_RECORD(one_time_token_delete_request);
};

// Replaces the whole state by a saved one (saved_state.h), as snappy block. Whoever submits it has loaded it once to see that it is whole.
struct restore_state_request {
  bytes state;
  DROVER_RECORD(restore_state_request);
};

enum class command_type : uint8_t {
  node_register = 0,
  node_deregister = 1,
  node_update_status = 2,
  node_update_drain = 3,
  job_register = 4,
  job_deregister = 5,
  eval_update = 6,
  eval_delete = 7,
  alloc_client_update = 9,
  reconcile_job_summaries = 10,
  apply_plan_results = 13,
  deployment_status_update = 14,
  deployment_promote = 15,
  deployment_alloc_health = 16,
  deployment_delete = 17,
  job_stability = 18,
  acl_policy_upsert = 19,
  acl_policy_delete = 20,
  acl_token_upsert = 21,
  acl_token_delete = 22,
  acl_token_bootstrap = 23,
  autopilot_config = 24,
  node_events = 25,
  job_batch_deregister = 26,
  alloc_update_desired_transition = 27,
  node_update_eligibility = 28,
  batch_node_update_drain = 29,
  scheduler_config = 30,
  node_batch_deregister = 31,
  cluster_metadata = 32,
  csi_volume_register = 35,
  csi_volume_deregister = 36,
  csi_volume_claim = 37,
  scaling_event_register = 38,
  csi_plugin_delete = 40,
  one_time_token_upsert = 44,
  one_time_token_delete = 45,
  one_time_token_expire = 46,
  service_upsert = 47,
  service_delete_by_id = 48,
  service_delete_by_node = 49,
  variable_apply = 50,
  root_key_delete = 52,
  acl_role_upsert = 53,
  acl_role_delete = 54,
  acl_auth_method_upsert = 55,
  acl_auth_method_delete = 56,
  acl_binding_rule_upsert = 57,
  acl_binding_rule_delete = 58,
  node_pool_upsert = 59,
  node_pool_delete = 60,
  job_version_tag = 61,
  root_key_upsert = 62,
  namespace_upsert = 64,
  namespace_delete = 65,
  host_volume_register = 75,
  host_volume_delete = 76,
  host_volume_claim_delete = 77,
  // Ours: Nomad has no command for it.
  restore_state = 120,
  quota_upsert = 121,
  quota_delete = 122,
};
// Set in the type byte: a server that does not know the command goes on without it.
constexpr uint8_t ignorable_bit = 128;

// The request of each command, and what apply answers where it is more than "done".
template <command_type C>
struct command_request;
#define DROVER_COMMAND(name, ...)              \
  template <>                                  \
  struct command_request<command_type::name> { \
    using type = __VA_ARGS__;                  \
  }
DROVER_COMMAND(node_register, schema::node_register_request);
DROVER_COMMAND(node_deregister, schema::node_deregister_request);
DROVER_COMMAND(node_update_status, schema::node_update_status_request);
DROVER_COMMAND(node_update_drain, schema::node_update_drain_request);
DROVER_COMMAND(job_register, schema::job_register_request);  // uint64_t: the job modify index
DROVER_COMMAND(job_deregister, schema::job_deregister_request);
DROVER_COMMAND(eval_update, schema::eval_update_request);
DROVER_COMMAND(eval_delete, schema::eval_reap_request);
DROVER_COMMAND(alloc_client_update, schema::alloc_update_request);
DROVER_COMMAND(reconcile_job_summaries, schema::write_request);
DROVER_COMMAND(apply_plan_results, apply_plan_results_request);
DROVER_COMMAND(deployment_status_update, deployment_status_update_request);
DROVER_COMMAND(deployment_promote, deployment_promote_request);
DROVER_COMMAND(deployment_alloc_health, deployment_alloc_health_request);
DROVER_COMMAND(deployment_delete, schema::deployment_delete_request);
DROVER_COMMAND(job_stability, schema::job_stability_request);
DROVER_COMMAND(acl_policy_upsert, schema::acl_policy_upsert_request);
DROVER_COMMAND(acl_policy_delete, schema::acl_policy_delete_request);
DROVER_COMMAND(acl_token_upsert, schema::acl_token_upsert_request);
DROVER_COMMAND(acl_token_delete, schema::acl_token_delete_request);
DROVER_COMMAND(acl_token_bootstrap, schema::acl_token_bootstrap_request);
DROVER_COMMAND(autopilot_config, schema::autopilot_set_config_request);  // bool: it was set
DROVER_COMMAND(node_events, schema::emit_node_events_request);
DROVER_COMMAND(job_batch_deregister, job_batch_deregister_request);
DROVER_COMMAND(alloc_update_desired_transition, schema::alloc_update_desired_transition_request);
DROVER_COMMAND(node_update_eligibility, schema::node_update_eligibility_request);
DROVER_COMMAND(batch_node_update_drain, batch_node_update_drain_request);
DROVER_COMMAND(scheduler_config, schema::scheduler_set_config_request);  // bool: it was set
DROVER_COMMAND(node_batch_deregister, schema::node_batch_deregister_request);
DROVER_COMMAND(cluster_metadata, state::cluster_metadata);
DROVER_COMMAND(csi_volume_register, schema::csi_volume_register_request);
DROVER_COMMAND(csi_volume_deregister, schema::csi_volume_deregister_request);
DROVER_COMMAND(csi_volume_claim, schema::csi_volume_claim_request);
DROVER_COMMAND(csi_plugin_delete, schema::csi_plugin_delete_request);
DROVER_COMMAND(scaling_event_register, scaling_event_request);
DROVER_COMMAND(one_time_token_upsert, one_time_token_put_request);
DROVER_COMMAND(one_time_token_delete, one_time_token_delete_request);
DROVER_COMMAND(one_time_token_expire, schema::one_time_token_expire_request);
DROVER_COMMAND(service_upsert, schema::service_registration_upsert_request);
DROVER_COMMAND(service_delete_by_id, schema::service_registration_delete_by_id_request);
DROVER_COMMAND(service_delete_by_node, service_delete_by_node_request);
DROVER_COMMAND(variable_apply, variable_apply_request);  // variable_outcome
DROVER_COMMAND(root_key_delete, root_key_delete_request);
DROVER_COMMAND(acl_role_upsert, schema::acl_roles_upsert_request);
DROVER_COMMAND(acl_role_delete, schema::acl_roles_delete_by_id_request);
DROVER_COMMAND(acl_auth_method_upsert, schema::acl_auth_method_upsert_request);
DROVER_COMMAND(acl_auth_method_delete, schema::acl_auth_method_delete_request);
DROVER_COMMAND(acl_binding_rule_upsert, schema::acl_binding_rules_upsert_request);
DROVER_COMMAND(acl_binding_rule_delete, schema::acl_binding_rules_delete_request);
DROVER_COMMAND(node_pool_upsert, schema::node_pool_upsert_request);
DROVER_COMMAND(node_pool_delete, schema::node_pool_delete_request);
DROVER_COMMAND(job_version_tag, schema::job_apply_tag_request);
DROVER_COMMAND(root_key_upsert, root_key_upsert_request);
DROVER_COMMAND(namespace_upsert, schema::namespace_upsert_request);
DROVER_COMMAND(namespace_delete, schema::namespace_delete_request);
DROVER_COMMAND(host_volume_register, schema::host_volume_register_request);
DROVER_COMMAND(host_volume_delete, schema::host_volume_delete_request);
DROVER_COMMAND(host_volume_claim_delete, schema::task_group_volume_claim_delete_request);
DROVER_COMMAND(restore_state, restore_state_request);
DROVER_COMMAND(quota_upsert, schema::quota_spec_upsert_request);
DROVER_COMMAND(quota_delete, schema::quota_spec_delete_request);
#undef DROVER_COMMAND
template <command_type C>
using request_of = typename command_request<C>::type;

// "unknown command 200" for what is none.
std::string command_name(uint8_t type);
inline std::string command_name(command_type type) { return command_name(static_cast<uint8_t>(type)); }

// A log entry: encode<command_type::job_register>(request).
template <command_type C>
std::string encode(const request_of<C>& request) {
  std::string out;
  out.reserve(1024);
  out += static_cast<char>(C);
  codec::append_lean_msgpack(out, schema::view(request));
  return out;
}

}  // namespace drover::fsm
