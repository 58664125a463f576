// Records to and from msgpack as Nomad's RPC has it: the old specification (raw for text and bytes), maps keyed by Go field names, the
// smallest integer encoding, durations as int64 nanoseconds, times as Go's 15 binary bytes, absent as nil. Input may also use the newer
// str8, bin and timestamp forms. Unknown keys are skipped. Pure and thread-safe. Source: shared wire facts, "Codec".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "schema/describe.h"

namespace drover::codec {

std::string to_msgpack(schema::record_view record);
void append_msgpack(std::string& out, schema::record_view record);
template <class T>
  requires requires { schema::type_of<T>(); }
std::string to_msgpack(const T& record) {
  return to_msgpack(schema::view(record));
}

// Without the fields that are as a new record has them: decoding gives the same record from a fraction of the bytes. For what only we read
// (the log, snapshots); on the wire every field is written.
void append_lean_msgpack(std::string& out, schema::record_view record);

// Sets what the bytes have. The whole of `data` must be one object; a truncated or oversized count is an error, never a large allocation.
result<> from_msgpack(std::string_view data, schema::record_slot record);
template <class T>
result<T> from_msgpack(std::string_view data) {
  T out{};
  if (auto done = from_msgpack(data, schema::slot(out)); !done) return std::unexpected(std::move(done).error());
  return out;
}

// Length of the first object in `data`, nothing if more bytes are needed; an error for bytes that no msgpack has or nesting past
// depth_max. For streams without length prefixes.
result<std::optional<size_t>> msgpack_length(std::string_view data);

}  // namespace drover::codec
