// Inside net/ only: incremental parsing of HTTP/1.1 messages straight into our values. Beast is behind these classes.
// A parser serves one message and is then thrown away, so that an idle or waiting connection holds none.
#pragma once

#include <memory>
#include <string_view>

#include "net/http.h"
#include "net/limits.h"

namespace drover::net {

class http_parser {
 public:
  struct implementation;
  // The request or response must outlive the parser, and so must the limits.
  static http_parser for_request(http_request& into, const http_limits& limits);
  // `to_head`: an answer to HEAD, which has no body whatever its headers say. Body bytes are appended to into.body as they come, and may be
  // taken out between feeds.
  static http_parser for_response(http_response& into, bool to_head);
  http_parser(http_parser&&) noexcept;
  http_parser& operator=(http_parser&&) noexcept;
  ~http_parser();

  // Takes what it can use from `data`; the rest must be given again with more behind it. Errors: invalid, too_large (see status()).
  result<size_t> feed(std::string_view data);
  // The stream ended: fine for a response that is delimited by it, otherwise errc::closed.
  result<> end_of_stream();
  bool header_done() const;
  bool done() const;
  bool keep_alive() const;
  // HTTP/1.0 knows no chunks.
  bool is_http_1_0() const;
  // Does the sender wait for "100 Continue"?
  bool expects_continue() const;
  // The status for the refusal after feed() failed: 400, 413 or 431.
  int failure_status() const;

 private:
  explicit http_parser(std::unique_ptr<implementation> impl);
  std::unique_ptr<implementation> impl_;
};

}  // namespace drover::net
