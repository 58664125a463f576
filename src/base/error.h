// The one error type: a code that callers act on, a sentence for people, and what caused it.
// Values; safe to copy and to move between threads.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace drover {

// A new code only if some caller acts on it. http_status() is the one table code -> HTTP status.
enum class errc {
  unknown,             // 500
  invalid,             // 400: the input is wrong; the message says what, where and what would be right
  not_found,           // 404
  permission_denied,   // 403
  conflict,            // 409
  too_large,           // 413
  unsupported,         // 501
  method_not_allowed,  // 405
  unavailable,         // 500: nothing wrong with the request, try again (no leader, not ready)
  timeout,             // 500
  cancelled,           // normal end of an operation whose owner stops; never logged as error
  io,                  // 500: a disk, socket or process failed
  corrupt,             // 500: stored bytes are not what was written
  closed,              // the other side ended
  exists,              // 500
};

class error {
 public:
  error(errc code, std::string message) : code_(code), message_(std::move(message)) {}
  error(errc code, std::string message, error cause) : code_(code), message_(std::move(message)), cause_(std::make_shared<const error>(std::move(cause))) {}

  errc code() const { return code_; }
  // The message alone.
  const std::string& message() const { return message_; }
  const error* cause() const { return cause_.get(); }
  // "message: cause: its cause".
  std::string text() const;

 private:
  errc code_;
  std::string message_;
  std::shared_ptr<const error> cause_;
};

// HTTP status for a code (docs/architecture.md, "errors").
int http_status(errc code);
std::string_view name(errc code);

// The error for a failed system call: "open /x: No such file or directory". `number` is errno.
error system_error(int number, std::string_view what);

}  // namespace drover
