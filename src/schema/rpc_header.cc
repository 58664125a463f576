#include "schema/rpc_header.h"

#include "schema/describe_macros.h"

namespace drover::schema {

#define SELF rpc_request_header
DESCRIBE(rpc_request_header, "Request", BASES(), FIELD(seq), FIELD(service_method))
#undef SELF

#define SELF rpc_response_header
DESCRIBE(rpc_response_header, "Response", BASES(), FIELD(error), FIELD(seq), FIELD(service_method))
#undef SELF

}  // namespace drover::schema
