#include "grpc/status.h"

#include "base/ensure.h"

namespace drover::grpc {

std::string_view name(code c) {
  switch (c) {
    case code::ok: return "OK";
    case code::cancelled: return "Canceled";
    case code::unknown: return "Unknown";
    case code::invalid_argument: return "InvalidArgument";
    case code::deadline_exceeded: return "DeadlineExceeded";
    case code::not_found: return "NotFound";
    case code::already_exists: return "AlreadyExists";
    case code::permission_denied: return "PermissionDenied";
    case code::resource_exhausted: return "ResourceExhausted";
    case code::failed_precondition: return "FailedPrecondition";
    case code::aborted: return "Aborted";
    case code::out_of_range: return "OutOfRange";
    case code::unimplemented: return "Unimplemented";
    case code::internal: return "Internal";
    case code::unavailable: return "Unavailable";
    case code::data_loss: return "DataLoss";
    case code::unauthenticated: return "Unauthenticated";
  }
  return "Unknown";
}

namespace {
errc code_of(code c) {
  switch (c) {
    case code::invalid_argument:
    case code::out_of_range:
    case code::failed_precondition: return errc::invalid;
    case code::not_found: return errc::not_found;
    case code::already_exists: return errc::exists;
    case code::permission_denied:
    case code::unauthenticated: return errc::permission_denied;
    case code::unimplemented: return errc::unsupported;
    case code::deadline_exceeded: return errc::timeout;
    case code::unavailable: return errc::unavailable;
    case code::resource_exhausted: return errc::too_large;
    case code::aborted: return errc::conflict;
    case code::data_loss: return errc::corrupt;
    default: return errc::unknown;
  }
}
}  // namespace

error status::error() const {
  ENSURE(!ok(), "only a call that failed has an error");
  return {code_of(code), fmt::format("rpc error: code = {} desc = {}", name(code), message)};
}

}  // namespace drover::grpc
