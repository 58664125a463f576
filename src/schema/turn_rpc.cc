#include "schema/turn_rpc.h"

#include "schema/describe_macros.h"

namespace drover::schema {

#define SELF restart_turn_request
DESCRIBE(restart_turn_request, "RestartTurnRequest", BASES(write_request), FIELD(alloc_id), FIELD(task), FIELD(held), FIELD(leave))
#undef SELF

#define SELF restart_turn_response
DESCRIBE(restart_turn_response, "RestartTurnResponse", BASES(write_meta), FIELD(granted), FIELD(reason), FIELD(lease))
#undef SELF

}  // namespace drover::schema
