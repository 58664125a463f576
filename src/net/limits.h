// The limits of net/. Each is enforced where it is named; reaching one gives the error that stands beside it.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/time.h"

namespace drover::net {

struct http_limits {
  size_t header_bytes_max = 16 * 1024;               // 431
  size_t request_body_bytes_max = 32 * 1024 * 1024;  // 413
  std::string_view large_body_path{};                // requests for this path may have a body of ...
  size_t large_body_bytes_max = 0;                   // ... so much; 413
  duration handshake_timeout = seconds(5);           // TLS, from the connection on: closed
  duration header_timeout = seconds(10);             // first byte of a request to the end of its header: 408, closed
  duration body_timeout = seconds(60);               // no byte of the body for so long: 408, closed
  duration idle_timeout = minutes(5);                // between requests: closed
  duration write_timeout = minutes(2);               // the client takes no byte for so long: closed
  size_t connections_max = 200'000;                  // 503, closed
  size_t connections_per_ip_max = 100;               // 429, closed; 0: no limit
  size_t gzip_threshold_bytes = 2048;                // smaller bodies are sent plain
};

struct websocket_limits {
  size_t message_bytes_max = 16 * 1024 * 1024;  // close code 1009
};

inline constexpr size_t http_response_body_bytes_max = 512 * 1024 * 1024;  // client: error
inline constexpr size_t http_idle_connections_max = 8;                     // client: kept for reuse per address
inline constexpr size_t http_pipelined_bytes_max = 64 * 1024;              // read ahead while a handler runs; then TCP pushes back

}  // namespace drover::net
