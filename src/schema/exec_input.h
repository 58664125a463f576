// What a caller of Allocations.Exec sends to the node, as msgpack with Go field names. The same things as JSON, with lower-case names, are
// exec_streaming_input (schema/stats.h), which the HTTP API takes.
// Plain values; wire names and kinds are in the .cc beside this file.
#pragma once

#include "schema/stats.h"

namespace drover::schema {

struct exec_node_data {
  bytes data;
  bool close = false;
  DROVER_RECORD(exec_node_data);
};

struct exec_node_size {
  int64_t height = 0;
  int64_t width = 0;
  DROVER_RECORD(exec_node_size);
};

struct exec_node_input {
  std::optional<schema::exec_node_data> stdin;
  std::optional<schema::exec_node_size> tty_size;
  DROVER_RECORD(exec_node_input);
};

exec_node_input node_input(exec_streaming_input from);

}  // namespace drover::schema
