#include "schema/exec_input.h"

#include "schema/describe_macros.h"

namespace drover::schema {

#define SELF exec_node_data
DESCRIBE(exec_node_data, "ExecTaskStreamingIOOperation", BASES(), FIELD(data), FIELD(close))
#undef SELF

#define SELF exec_node_size
DESCRIBE(exec_node_size, "ExecTaskStreamingTerminalSize", BASES(), FIELD(height), FIELD(width))
#undef SELF

#define SELF exec_node_input
DESCRIBE(exec_node_input, "ExecTaskStreamingRequest", BASES(), FIELD(stdin), FIELD(tty_size))
#undef SELF

exec_node_input node_input(exec_streaming_input from) {
  exec_node_input out;
  if (from.stdin) out.stdin = exec_node_data{std::move(from.stdin->data), from.stdin->close};
  if (from.tty_size) out.tty_size = exec_node_size{from.tty_size->height, from.tty_size->width};
  return out;
}

}  // namespace drover::schema
