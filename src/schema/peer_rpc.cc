#include "schema/peer_rpc.h"

#include "schema/describe_macros.h"

namespace drover::schema {

#define SELF leader_check_request
DESCRIBE(leader_check_request, "LeaderCheckRequest", BASES(query_options), FIELD(term))
#undef SELF

#define SELF leader_check_response
DESCRIBE(leader_check_response, "LeaderCheckResponse", BASES(), FIELD(term))
#undef SELF

}  // namespace drover::schema
