// Byte streams and how to get them: listen and dial on TCP ("127.0.0.1:4646", "[::1]:4646") and Unix sockets ("unix:///run/x.sock").
// Loop thread only. One read and one write may be under way at a time, at the same time. The destructor closes; nobody may be waiting then.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "net/loop.h"

namespace drover::net {

class tls_context;

// Where to listen or dial. `path` for a Unix socket, otherwise host and port; host is a literal address or a name, without brackets.
struct endpoint {
  std::string host{};
  uint16_t port = 0;
  std::string path{};
  bool is_unix() const { return !path.empty(); }
  friend bool operator==(const endpoint&, const endpoint&) = default;
};
// "host:port", "[v6]:port", "tcp://host:port", "unix:///path" or "unix:path".
result<endpoint> parse_endpoint(std::string_view text);
// "127.0.0.1:4646", "[::1]:4646", "unix:///path".
std::string to_string(const endpoint& e);

class byte_stream {
 public:
  virtual ~byte_stream() = default;
  // At least one byte, or 0: the other side ended. Cancellable without loss.
  virtual awaitable<result<size_t>> read_some(std::span<char> into) = 0;
  // All of it. After an error or cancellation the stream can only be closed.
  virtual awaitable<result<>> write_all(std::string_view data) = 0;
  // Returns when read_some would not wait (data, end or error), without holding a buffer meanwhile. Cancellable.
  virtual awaitable<result<>> wait_readable() = 0;
  // Calls `callback` once, from the loop, when there may be something to read, or the stream has ended or was closed: a watch that costs no
  // coroutine. It may call too early. Cannot be cancelled; may be under way beside a read.
  virtual void when_readable(std::function<void()> callback) = 0;
  // Non-blocking attempts: the count, 0 if it would have to wait. try_read: errc::closed at the end of the stream. What try_write did not
  // take must go to write_all next, or the stream be closed.
  virtual result<size_t> try_read(std::span<char> into) = 0;
  virtual result<size_t> try_write(std::string_view data) = 0;
  // Tells the other side that no more will be written; reading goes on.
  virtual awaitable<result<>> shutdown() = 0;
  // Ends everything under way (it gets errc::cancelled or errc::closed). May be called twice.
  virtual void close() = 0;
  // Host and port, or the path of a Unix socket ("" for its clients).
  virtual endpoint remote() const = 0;
  virtual endpoint local() const = 0;
  // The handle for SO_* options and credentials; -1 once closed.
  virtual int native_handle() const = 0;
  // The verified certificate's name on a TLS stream; empty otherwise (see net/tls.h).
  virtual std::string peer_name() const { return {}; }
  virtual bool is_encrypted() const { return false; }

  // Exactly `into.size()` bytes; errc::closed if the stream ends before.
  awaitable<result<>> read_exactly(std::span<char> into);
};

class listener {
 public:
  // A Unix socket file left over from a dead process is replaced; the file gets `unix_mode`. Port 0 picks a free one: see local().
  static result<std::unique_ptr<listener>> listen(loop& l, const endpoint& where, int unix_mode = 0600);
  virtual ~listener() = default;
  virtual awaitable<result<std::unique_ptr<byte_stream>>> accept() = 0;
  virtual endpoint local() const = 0;
  virtual void close() = 0;
};

struct dial_options {
  time_point deadline = never;
};
// Tries every address of the name in order. Literal addresses and "localhost" need no resolver. TCP_NODELAY is set.
awaitable<result<std::unique_ptr<byte_stream>>> dial(endpoint where, dial_options options = {});
// Two connected streams (a socket pair): tests and in-process transports.
result<std::pair<std::unique_ptr<byte_stream>, std::unique_ptr<byte_stream>>> stream_pair(loop& l);

}  // namespace drover::net
