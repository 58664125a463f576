// What the streaming methods of a node carry, for whoever reads them (the HTTP API, other servers). Pure.
//
// FileSystem.Logs (fs_logs_request), FileSystem.Stream (fs_stream_request): only the node writes. Each message is one msgpack-encoded
// schema::stream_err_wrapper. `error` set: the stream has failed and ends; `code` is an HTTP status. Otherwise `payload` is
//   plain_text = true:  bytes of the file as they are;
//   plain_text = false: one schema::stream_frame as JSON ({"Data": base64, "File": name, "Offset": n}; an empty object is a heartbeat).
// A stream without `follow` ends after the last byte; one with `follow` ends when the task is dead and everything was read, or when the
// reader goes: it writes nothing, so the end of what it writes says that.
//
// Allocations.Exec (alloc_exec_request): the caller writes msgpack-encoded schema::exec_node_input messages; the node writes
// stream_err_wrapper messages whose payload is one schema::exec_streaming_output as JSON. The last one has exited = true and the result.
// A command that does not exist gives exit code 127, one that may not be run 126.
#pragma once

#include <string>

#include "base/result.h"
#include "codec/json.h"
#include "codec/msgpack.h"
#include "schema/common.h"
#include "schema/stats.h"

namespace drover::client {

inline std::string stream_payload(std::string payload) {
  schema::stream_err_wrapper message;
  message.payload = bytes(std::move(payload));
  return codec::to_msgpack(message);
}

inline std::string stream_error(const error& e) {
  schema::stream_err_wrapper message;
  message.error = schema::rpc_error{e.text(), http_status(e.code())};
  return codec::to_msgpack(message);
}

}  // namespace drover::client
