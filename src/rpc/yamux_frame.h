// The header of a yamux frame: 12 bytes, big endian: version (0), type, flags (2), stream (4), length (4). After a data header follow `length`
// bytes; in a window update `length` is the credit, in a ping an opaque value, in a go-away the reason. Pure.
// Source: the public yamux specification, and what Nomad's agents send (shared wire facts, "yamux settings").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace drover::rpc {

inline constexpr size_t yamux_header_bytes = 12;

struct yamux_header {
  enum type_of : uint8_t { data = 0, window_update = 1, ping = 2, go_away = 3 };
  enum flag : uint16_t { syn = 1, ack = 2, fin = 4, rst = 8 };
  enum reason : uint32_t { normal = 0, protocol_error = 1, internal_error = 2 };

  type_of type = data;
  uint16_t flags = 0;
  uint32_t stream = 0;  // odd: opened by the side that dialled; 0: the session
  uint32_t length = 0;
  bool is(flag f) const { return (flags & f) != 0; }
};

void append(std::string& out, const yamux_header& header);
// Requires: exactly yamux_header_bytes. Refuses other versions, types and flags, and stream 0 (or another) where the type has none.
result<yamux_header> parse_yamux_header(std::string_view bytes);

}  // namespace drover::rpc
