#include "schema/node_rpc.h"

#include "schema/alloc.h"
#include "schema/describe_macros.h"

namespace drover::schema {

#define SELF emit_node_events_request
DESCRIBE(emit_node_events_request, "EmitNodeEventsRequest", BASES(write_request), FIELD(node_events))
#undef SELF

#define SELF emit_node_events_response
DESCRIBE_EMPTY(emit_node_events_response, "EmitNodeEventsResponse", BASES(write_meta))
#undef SELF

#define SELF node_allocs_response
DESCRIBE(node_allocs_response, "NodeAllocsResponse", BASES(query_meta), FIELD(allocs))
#undef SELF

#define SELF node_batch_deregister_request
DESCRIBE(node_batch_deregister_request, "NodeBatchDeregisterRequest", BASES(write_request), FIELD(node_ids))
#undef SELF

#define SELF node_client_allocs_response
DESCRIBE(node_client_allocs_response, "NodeClientAllocsResponse", BASES(query_meta), FIELD(allocs), FIELD(migrate_tokens))
#undef SELF

#define SELF node_conn_query_response
DESCRIBE(node_conn_query_response, "NodeConnQueryResponse", BASES(query_meta), FIELD(connected), FIELD(established))
#undef SELF

#define SELF node_deregister_request
DESCRIBE(node_deregister_request, "NodeDeregisterRequest", BASES(write_request), FIELD(node_id))
#undef SELF

#define SELF node_drain_update_response
DESCRIBE(node_drain_update_response, "NodeDrainUpdateResponse", BASES(write_meta), FIELD(node_modify_index), FIELD(eval_ids), FIELD(eval_create_index))
#undef SELF

#define SELF node_eligibility_update_response
DESCRIBE(node_eligibility_update_response, "NodeEligibilityUpdateResponse", BASES(write_meta), FIELD(node_modify_index), FIELD(eval_ids),
         FIELD(eval_create_index))
#undef SELF

#define SELF node_evaluate_request
DESCRIBE(node_evaluate_request, "NodeEvaluateRequest", BASES(write_request), FIELD(node_id))
#undef SELF

#define SELF node_stub_fields
DESCRIBE(node_stub_fields, "NodeStubFields", BASES(), FIELD(resources), FIELD(os))
#undef SELF

#define SELF node_list_request
DESCRIBE(node_list_request, "NodeListRequest", BASES(query_options), FIELD(fields))
#undef SELF

#define SELF node_list_response
DESCRIBE(node_list_response, "NodeListResponse", BASES(query_meta), FIELD(nodes))
#undef SELF

#define SELF node_meta_apply_request
DESCRIBE(node_meta_apply_request, "NodeMetaApplyRequest", BASES(query_options), FIELD(node_id), FIELD(meta))
#undef SELF

#define SELF node_meta_response
DESCRIBE(node_meta_response, "NodeMetaResponse", BASES(), FIELD(meta), FIELD(dynamic), FIELD(static_))
#undef SELF

#define SELF node_pool_delete_request
DESCRIBE(node_pool_delete_request, "NodePoolDeleteRequest", BASES(write_request), FIELD(names))
#undef SELF

#define SELF node_pool_jobs_request
DESCRIBE(node_pool_jobs_request, "NodePoolJobsRequest", BASES(query_options), FIELD(name), FIELD(fields))
#undef SELF

#define SELF node_pool_jobs_response
DESCRIBE(node_pool_jobs_response, "NodePoolJobsResponse", BASES(query_meta), FIELD(jobs))
#undef SELF

#define SELF node_pool_list_request
DESCRIBE_EMPTY(node_pool_list_request, "NodePoolListRequest", BASES(query_options))
#undef SELF

#define SELF node_pool_list_response
DESCRIBE(node_pool_list_response, "NodePoolListResponse", BASES(query_meta), FIELD(node_pools))
#undef SELF

#define SELF node_pool_nodes_request
DESCRIBE(node_pool_nodes_request, "NodePoolNodesRequest", BASES(query_options), FIELD(name), FIELD(fields))
#undef SELF

#define SELF node_pool_nodes_response
DESCRIBE(node_pool_nodes_response, "NodePoolNodesResponse", BASES(query_meta), FIELD(nodes))
#undef SELF

#define SELF node_pool_specific_request
DESCRIBE(node_pool_specific_request, "NodePoolSpecificRequest", BASES(query_options), FIELD(name))
#undef SELF

#define SELF node_pool_upsert_request
DESCRIBE(node_pool_upsert_request, "NodePoolUpsertRequest", BASES(write_request), FIELD(node_pools))
#undef SELF

#define SELF node_register_request
DESCRIBE(node_register_request, "NodeRegisterRequest", BASES(write_request), FIELD(node), FIELD(node_event), FIELD(create_node_pool))
#undef SELF

#define SELF node_specific_request
DESCRIBE(node_specific_request, "NodeSpecificRequest", BASES(query_options), FIELD(node_id), FIELD_FLAGS(secret_id, redacted))
#undef SELF

#define SELF node_update_drain_request
DESCRIBE(node_update_drain_request, "NodeUpdateDrainRequest", BASES(write_request), FIELD(node_id), FIELD(drain_strategy), FIELD(mark_eligible),
         FIELD(node_event), FIELD(updated_at), FIELD(meta), FIELD(updated_by), FIELD_FLAGS(drain_spec, json_omit_empty | json_only))
#undef SELF

#define SELF node_update_eligibility_request
DESCRIBE(node_update_eligibility_request, "NodeUpdateEligibilityRequest", BASES(write_request), FIELD(node_id), FIELD(eligibility), FIELD(node_event),
         FIELD(updated_at))
#undef SELF

#define SELF node_update_response
DESCRIBE(node_update_response, "NodeUpdateResponse", BASES(query_meta), FIELD(heartbeat_ttl), FIELD(eval_ids), FIELD(eval_create_index),
         FIELD(node_modify_index), FIELD(features), FIELD(leader_rpc_addr), FIELD(num_nodes), FIELD(servers), FIELD(scheduling_eligibility),
         FIELD(signed_identity))
#undef SELF

#define SELF node_update_status_request
DESCRIBE(node_update_status_request, "NodeUpdateStatusRequest", BASES(write_request), FIELD(node_id), FIELD(status), FIELD(identity_signing_key_id),
         FIELD(force_identity_renewal), FIELD(node_event), FIELD(updated_at))
#undef SELF

#define SELF single_node_pool_response
DESCRIBE(single_node_pool_response, "SingleNodePoolResponse", BASES(query_meta), FIELD(node_pool))
#undef SELF

#define SELF single_node_response
DESCRIBE(single_node_response, "SingleNodeResponse", BASES(query_meta), FIELD(node))
#undef SELF

}  // namespace drover::schema
