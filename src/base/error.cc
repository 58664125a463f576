#include "base/error.h"

#include <cstring>

namespace drover {

std::string error::text() const {
  std::string out = message_;
  for (const error* cause = cause_.get(); cause != nullptr; cause = cause->cause_.get()) {
    out += ": ";
    out += cause->message_;
  }
  return out;
}

int http_status(errc code) {
  switch (code) {
    case errc::invalid: return 400;
    case errc::permission_denied: return 403;
    case errc::not_found: return 404;
    case errc::method_not_allowed: return 405;
    case errc::conflict: return 409;
    case errc::too_large: return 413;
    case errc::unsupported: return 501;
    default: return 500;
  }
}

std::string_view name(errc code) {
  switch (code) {
    case errc::unknown: return "unknown";
    case errc::invalid: return "invalid";
    case errc::not_found: return "not found";
    case errc::permission_denied: return "permission denied";
    case errc::conflict: return "conflict";
    case errc::too_large: return "too large";
    case errc::unsupported: return "unsupported";
    case errc::method_not_allowed: return "method not allowed";
    case errc::unavailable: return "unavailable";
    case errc::timeout: return "timeout";
    case errc::cancelled: return "cancelled";
    case errc::io: return "io";
    case errc::corrupt: return "corrupt";
    case errc::closed: return "closed";
    case errc::exists: return "exists";
  }
  return "unknown";
}

error system_error(int number, std::string_view what) {
  char buffer[128];
  const char* reason = strerror_r(number, buffer, sizeof buffer);
  return error(number == ENOENT ? errc::not_found : errc::io, fmt::format("{}: {}", what, reason));
}

}  // namespace drover
