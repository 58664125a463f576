// HTTP/1.1 server: keep-alive, pipelining, chunked bodies, 100-continue, gzip, streaming responses, WebSocket upgrade.
// Loop thread only. Life: create, listen() any number of times, co_await stop(), destroy.
//
// The handler runs once per request, one at a time per connection, after the whole body was read. It answers through the exchange:
// respond(), or start_stream() + write()... + finish(), or upgrade_websocket(). If it returns without an answer, or throws, the client gets
// 500. When the client goes away while the handler waits, the handler's task is cancelled (net/loop.h): a held query costs nothing more.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/log.h"
#include "net/http.h"
#include "net/limits.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/tls.h"

namespace drover::net {

class websocket;
struct websocket_options;

class http_exchange {
 public:
  virtual ~http_exchange() = default;
  // The body and the strings may be moved out.
  virtual http_request& request() = 0;
  // The whole answer. HEAD is answered without the body. Requires: nothing was answered yet. errc::closed: the client is gone.
  virtual awaitable<result<>> respond(http_response response) = 0;
  // Sends the head; then write() any number of times and finish(). Chunked (HTTP/1.0 clients: until close). Every write reaches the socket
  // before it returns. Not compressed unless `gzip`, and then only if the client accepts it.
  virtual awaitable<result<>> start_stream(int status, http_headers headers, bool gzip = false) = 0;
  virtual awaitable<result<>> write(std::string data) = 0;
  virtual awaitable<result<>> finish() = 0;
  // Is the request a WebSocket handshake?
  virtual bool is_websocket() const = 0;
  // Answers the handshake; from then on the connection is the WebSocket's, which must end before the handler returns.
  virtual awaitable<result<std::unique_ptr<websocket>>> upgrade_websocket(const websocket_options& options) = 0;
  // Was anything sent?
  virtual bool answered() const = 0;
};

using http_handler = std::function<awaitable<void>(http_exchange&)>;

struct http_server_options {
  http_handler handler{};
  http_limits limits{};
  log::logger logger{"http"};
  // Later listeners speak TLS.
  std::shared_ptr<const tls_context> tls{};
};

struct http_server_stats {
  size_t connections = 0;  // open now
  size_t running = 0;      // handlers that run now
  uint64_t requests = 0;   // since start, as all below
  uint64_t refused_connections = 0;
  uint64_t bad_requests = 0;  // answered by the server itself: 400, 408, 413, 431
  uint64_t disconnects = 0;   // handlers cancelled because their client went away
};

class http_server {
 public:
  http_server(loop& l, http_server_options options);
  ~http_server();
  http_server(const http_server&) = delete;
  http_server& operator=(const http_server&) = delete;

  // Listens and accepts from now on; gives the address with its real port.
  result<endpoint> listen(const endpoint& where);
  // Serves a connection that something else accepted.
  void serve(std::unique_ptr<byte_stream> stream);
  // New TLS connections use it from now on (reload).
  void set_tls(std::shared_ptr<const tls_context> tls);
  // No new connections or requests; running handlers get `grace` to end, then they are cancelled. Finishes even when the caller is
  // cancelled while it waits (that ends the grace).
  awaitable<void> stop(duration grace = seconds(0));
  http_server_stats stats() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace drover::net
