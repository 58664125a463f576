// Requests and answers that only servers of one region send each other and that Nomad does not have.
// Plain values; wire names and kinds are in the .cc beside this file.
#pragma once

#include "schema/common.h"
#include "schema/describe.h"

namespace drover::schema {

// A leader asks: has a later term begun as far as you know?
struct leader_check_request : query_options {
  uint64_t term = 0;
  DROVER_RECORD(leader_check_request);
};

struct leader_check_response {
  uint64_t term = 0;
  DROVER_RECORD(leader_check_response);
};

}  // namespace drover::schema
