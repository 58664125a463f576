// Requests and answers of the Node and NodePool methods.
// Plain values; wire names and kinds are in the .cc beside this file. Fields and types follow the public wire (docs/parity.md).
#pragma once

#include "schema/common.h"
#include "schema/describe.h"
#include "schema/eval.h"
#include "schema/fwd.h"
#include "schema/job_rpc.h"
#include "schema/node.h"

namespace drover::schema {

struct emit_node_events_request : write_request {
  std::map<std::string, std::vector<schema::node_event>> node_events;
  DROVER_RECORD(emit_node_events_request);
};

struct emit_node_events_response : write_meta {
  DROVER_RECORD(emit_node_events_response);
};

struct node_allocs_response : query_meta {
  std::vector<ref<schema::allocation>> allocs;
  DROVER_RECORD(node_allocs_response);
};

struct node_batch_deregister_request : write_request {
  std::vector<std::string> node_ids;
  DROVER_RECORD(node_batch_deregister_request);
};

struct node_client_allocs_response : query_meta {
  std::map<std::string, uint64_t> allocs;
  std::map<std::string, std::string> migrate_tokens;
  DROVER_RECORD(node_client_allocs_response);
};

struct node_conn_query_response : query_meta {
  bool connected = false;
  timestamp established;
  DROVER_RECORD(node_conn_query_response);
};

struct node_deregister_request : write_request {
  std::string node_id;
  DROVER_RECORD(node_deregister_request);
};

struct node_drain_update_response : write_meta {
  uint64_t node_modify_index = 0;
  std::vector<std::string> eval_ids;
  uint64_t eval_create_index = 0;
  DROVER_RECORD(node_drain_update_response);
};

struct node_eligibility_update_response : write_meta {
  uint64_t node_modify_index = 0;
  std::vector<std::string> eval_ids;
  uint64_t eval_create_index = 0;
  DROVER_RECORD(node_eligibility_update_response);
};

struct node_evaluate_request : write_request {
  std::string node_id;
  DROVER_RECORD(node_evaluate_request);
};

struct node_stub_fields {
  bool resources = false;
  bool os = false;
  DROVER_RECORD(node_stub_fields);
};

struct node_list_request : query_options {
  std::optional<schema::node_stub_fields> fields;
  DROVER_RECORD(node_list_request);
};

struct node_list_response : query_meta {
  std::vector<schema::node_list_stub> nodes;
  DROVER_RECORD(node_list_response);
};

struct node_meta_apply_request : query_options {
  std::string node_id;
  std::map<std::string, std::optional<std::string>> meta;
  DROVER_RECORD(node_meta_apply_request);
};

struct node_meta_response {
  std::map<std::string, std::string> meta;
  std::map<std::string, std::optional<std::string>> dynamic;
  std::map<std::string, std::string> static_;
  DROVER_RECORD(node_meta_response);
};

struct node_pool_delete_request : write_request {
  std::vector<std::string> names;
  DROVER_RECORD(node_pool_delete_request);
};

struct node_pool_jobs_request : query_options {
  std::string name;
  std::optional<schema::job_stub_fields> fields;
  DROVER_RECORD(node_pool_jobs_request);
};

struct node_pool_jobs_response : query_meta {
  std::vector<schema::job_list_stub> jobs;
  DROVER_RECORD(node_pool_jobs_response);
};

struct node_pool_list_request : query_options {
  DROVER_RECORD(node_pool_list_request);
};

struct node_pool_list_response : query_meta {
  std::vector<ref<schema::node_pool>> node_pools;
  DROVER_RECORD(node_pool_list_response);
};

struct node_pool_nodes_request : query_options {
  std::string name;
  std::optional<schema::node_stub_fields> fields;
  DROVER_RECORD(node_pool_nodes_request);
};

struct node_pool_nodes_response : query_meta {
  std::vector<schema::node_list_stub> nodes;
  DROVER_RECORD(node_pool_nodes_response);
};

struct node_pool_specific_request : query_options {
  std::string name;
  DROVER_RECORD(node_pool_specific_request);
};

struct node_pool_upsert_request : write_request {
  std::vector<ref<schema::node_pool>> node_pools;
  DROVER_RECORD(node_pool_upsert_request);
};

struct node_register_request : write_request {
  ref<schema::node> node;
  std::optional<schema::node_event> node_event;
  bool create_node_pool = false;
  DROVER_RECORD(node_register_request);
};

struct node_specific_request : query_options {
  std::string node_id;
  std::string secret_id;
  DROVER_RECORD(node_specific_request);
};

struct node_update_drain_request : write_request {
  std::string node_id;
  std::optional<schema::drain_strategy> drain_strategy;
  bool mark_eligible = false;
  std::optional<schema::node_event> node_event;
  int64_t updated_at = 0;
  std::map<std::string, std::string> meta;
  std::string updated_by;
  std::optional<schema::drain_spec> drain_spec;
  DROVER_RECORD(node_update_drain_request);
};

struct node_update_eligibility_request : write_request {
  std::string node_id;
  std::string eligibility;
  std::optional<schema::node_event> node_event;
  int64_t updated_at = 0;
  DROVER_RECORD(node_update_eligibility_request);
};

struct node_update_response : query_meta {
  duration heartbeat_ttl;
  std::vector<std::string> eval_ids;
  uint64_t eval_create_index = 0;
  uint64_t node_modify_index = 0;
  uint64_t features = 0;
  std::string leader_rpc_addr;
  int32_t num_nodes = 0;
  std::vector<schema::node_server_info> servers;
  std::string scheduling_eligibility;
  std::optional<std::string> signed_identity;
  DROVER_RECORD(node_update_response);
};

struct node_update_status_request : write_request {
  std::string node_id;
  std::string status;
  std::string identity_signing_key_id;
  bool force_identity_renewal = false;
  std::optional<schema::node_event> node_event;
  int64_t updated_at = 0;
  DROVER_RECORD(node_update_status_request);
};

struct single_node_pool_response : query_meta {
  ref<schema::node_pool> node_pool;
  DROVER_RECORD(single_node_pool_response);
};

struct single_node_response : query_meta {
  ref<schema::node> node;
  DROVER_RECORD(single_node_response);
};

}  // namespace drover::schema
