// What Event.Stream sends. Plain values; wire names and kinds are in the .cc beside this file.
#pragma once

#include "schema/common.h"
#include "schema/describe.h"
#include "schema/operator_rpc.h"

namespace drover::schema {

// One message: a line of JSON without its newline, or the error that ends the stream.
struct event_stream_wrapper {
  std::optional<schema::rpc_error> error;
  std::optional<schema::event_json> event;
  DROVER_RECORD(event_stream_wrapper);
};

}  // namespace drover::schema
