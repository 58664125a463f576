// WebSocket (RFC 6455), both sides, over any byte_stream. Loop thread only. One coroutine reads; any number send (whole messages never mix).
// Reading also answers pings and the close handshake, so somebody should always be in read(). Destroying it closes the connection.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "net/http.h"
#include "net/limits.h"
#include "net/loop.h"
#include "net/tls.h"

namespace drover::net {

struct websocket_message {
  bool text = false;
  std::string data;
};

struct websocket_options {
  websocket_limits limits{};
  // Server: answered if the client offers it. Client: offered.
  std::string subprotocol{};
};

// RFC 6455 section 7.4.1.
namespace close_code {
inline constexpr uint16_t normal = 1000, going_away = 1001, protocol_error = 1002, unsupported_data = 1003, no_status = 1005, abnormal = 1006,
                          invalid_payload = 1007, policy_violation = 1008, too_big = 1009, internal_error = 1011;
}

class websocket {
 public:
  virtual ~websocket() = default;
  // The next whole message. errc::closed when either side closed (see close_code()); cancellable without loss.
  virtual awaitable<result<websocket_message>> read() = 0;
  virtual awaitable<result<>> send_text(std::string data) = 0;
  virtual awaitable<result<>> send_binary(std::string data) = 0;
  // At most 125 bytes.
  virtual awaitable<result<>> ping(std::string data = {}) = 0;
  // Sends the close frame and waits for the other side's until the deadline, then closes the connection. Reason: at most 123 bytes (cut).
  // If another coroutine is in read(), that one takes the other side's close frame.
  virtual awaitable<result<>> close(uint16_t code = close_code::normal, std::string reason = {}, duration wait = seconds(5)) = 0;
  // What the other side said: 1005 if it gave no code, 1006 if the connection broke; 0 while open.
  virtual uint16_t closed_with() const = 0;
  virtual const std::string& closed_reason() const = 0;
};

struct websocket_connect_options {
  websocket_options websocket{};
  http_headers headers{};
  std::shared_ptr<const tls_context> tls{};
  duration timeout = seconds(10);
  // Dial this instead of the URL's host ("unix:///run/drover.sock").
  std::string dial_address{};
};
// ws://, wss://, http:// or https:// URL. A refusal carries the status and the body's first line in its message: errc by status
// (403 permission_denied, 404 not_found, else unavailable).
awaitable<result<std::unique_ptr<websocket>>> websocket_connect(std::string url, websocket_connect_options options = {});

}  // namespace drover::net
