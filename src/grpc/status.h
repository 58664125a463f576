// How a gRPC call ended. Values, pure.
#pragma once

#include <string>

#include "base/error.h"

namespace drover::grpc {

// The numbers are those of the protocol.
enum class code : int {
  ok = 0,
  cancelled = 1,
  unknown = 2,
  invalid_argument = 3,
  deadline_exceeded = 4,
  not_found = 5,
  already_exists = 6,
  permission_denied = 7,
  resource_exhausted = 8,
  failed_precondition = 9,
  aborted = 10,
  out_of_range = 11,
  unimplemented = 12,
  internal = 13,
  unavailable = 14,
  data_loss = 15,
  unauthenticated = 16,
};
std::string_view name(code c);

struct status {
  grpc::code code = code::ok;
  std::string message{};
  // grpc-status-details-bin: a google.rpc.Status, if the other side gave one.
  std::string details{};
  bool ok() const { return code == code::ok; }
  // "rpc error: code = NotFound desc = no such task", as other gRPC clients say it. Requires: not ok.
  drover::error error() const;
};

}  // namespace drover::grpc
