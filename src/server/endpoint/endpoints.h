// Every method that a server answers, one function a noun; docs/parity.md lists them. Called once when the server is made.
#pragma once

#include "rpc/channel.h"

namespace drover::server {

struct server_context;

void add_job_reads(rpc::method_table& table, server_context& context);
void add_job_writes(rpc::method_table& table, server_context& context);
void add_job_launches(rpc::method_table& table, server_context& context);
void add_job_plan(rpc::method_table& table, server_context& context);
void add_job_explain(rpc::method_table& table, server_context& context);
void add_alloc_methods(rpc::method_table& table, server_context& context);
void add_eval_methods(rpc::method_table& table, server_context& context);
void add_deployment_methods(rpc::method_table& table, server_context& context);
void add_node_reads(rpc::method_table& table, server_context& context);
void add_node_writes(rpc::method_table& table, server_context& context);
void add_namespace_methods(rpc::method_table& table, server_context& context);
void add_host_volume_methods(rpc::method_table& table, server_context& context);
void add_volume_claim_methods(rpc::method_table& table, server_context& context);
void add_csi_methods(rpc::method_table& table, server_context& context);
void add_csi_storage_methods(rpc::method_table& table, server_context& context);
void add_service_methods(rpc::method_table& table, server_context& context);
void add_status_methods(rpc::method_table& table, server_context& context);
void add_raft_methods(rpc::method_table& table, server_context& context);
void add_snapshot_methods(rpc::method_table& table, server_context& context);
void add_operator_methods(rpc::method_table& table, server_context& context);
void add_scaling_methods(rpc::method_table& table, server_context& context);
void add_search_methods(rpc::method_table& table, server_context& context);
void add_keyring_methods(rpc::method_table& table, server_context& context);
void add_variable_methods(rpc::method_table& table, server_context& context);
void add_identity_methods(rpc::method_table& table, server_context& context);
void add_client_methods(rpc::method_table& table, server_context& context);
void add_acl_policy_methods(rpc::method_table& table, server_context& context);
void add_acl_token_methods(rpc::method_table& table, server_context& context);
void add_restart_turn_methods(rpc::method_table& table, server_context& context);
void add_peer_methods(rpc::method_table& table, server_context& context);

}  // namespace drover::server
