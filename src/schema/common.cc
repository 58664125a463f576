#include "schema/common.h"

#include "schema/describe_macros.h"

namespace drover::schema {

#define SELF internal_rpc_info
DESCRIBE(internal_rpc_info, "InternalRpcInfo", BASES(), FIELD(forwarded))
#undef SELF

#define SELF query_options
DESCRIBE(query_options, "QueryOptions", BASES(internal_rpc_info), FIELD(region), FIELD(namespace_), FIELD(min_query_index), FIELD(max_query_time),
         FIELD(allow_stale), FIELD(prefix), FIELD_FLAGS(auth_token, redacted), FIELD(filter), FIELD(per_page), FIELD(next_token), FIELD(reverse))
#undef SELF

#define SELF generic_request
DESCRIBE_EMPTY(generic_request, "GenericRequest", BASES(query_options))
#undef SELF

#define SELF write_meta
DESCRIBE(write_meta, "WriteMeta", BASES(), FIELD(index))
#undef SELF

#define SELF generic_response
DESCRIBE_EMPTY(generic_response, "GenericResponse", BASES(write_meta))
#undef SELF

#define SELF namespaced_id
DESCRIBE(namespaced_id, "NamespacedID", BASES(), FIELD(id), FIELD(namespace_))
#undef SELF

#define SELF query_meta
DESCRIBE(query_meta, "QueryMeta", BASES(), FIELD(index), FIELD(last_contact), FIELD(known_leader), FIELD(next_token))
#undef SELF

#define SELF rpc_error
DESCRIBE(rpc_error, "RpcError", BASES(), FIELD(message), FIELD(code))
#undef SELF

#define SELF stream_err_wrapper
DESCRIBE(stream_err_wrapper, "StreamErrWrapper", BASES(), FIELD(error), FIELD(payload))
#undef SELF

#define SELF streaming_rpc_ack
DESCRIBE(streaming_rpc_ack, "StreamingRpcAck", BASES(), FIELD(error))
#undef SELF

#define SELF streaming_rpc_header
DESCRIBE(streaming_rpc_header, "StreamingRpcHeader", BASES(), FIELD(method))
#undef SELF

#define SELF write_request
DESCRIBE(write_request, "WriteRequest", BASES(internal_rpc_info), FIELD(region), FIELD(namespace_), FIELD_FLAGS(auth_token, redacted), FIELD(idempotency_token))
#undef SELF

}  // namespace drover::schema
