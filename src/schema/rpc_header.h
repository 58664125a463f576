// What stands before the body of a call and of its answer (Go's net/rpc).
// Plain values; wire names and kinds are in the .cc beside this file.
#pragma once

#include "schema/describe.h"

namespace drover::schema {

struct rpc_request_header {
  uint64_t seq = 0;
  std::string service_method;
  DROVER_RECORD(rpc_request_header);
};

// An error that is not empty comes with an empty body.
struct rpc_response_header {
  std::string error;
  uint64_t seq = 0;
  std::string service_method;
  DROVER_RECORD(rpc_response_header);
};

}  // namespace drover::schema
