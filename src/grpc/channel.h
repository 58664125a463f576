// A gRPC channel to one server: calls over one HTTP/2 connection (libnghttp2 does the frames).
//
// Loop thread. Lifecycle: connect() gives a channel, which is shared with its calls; close() ends the connection and every call with it, and
// stop() waits until nothing of it runs; it must have returned before the last owner lets go. A connection that broke stays broken:
// whoever wants another makes another channel. Source: github.com/grpc/grpc, "gRPC over HTTP2".
//
// Messages are not compressed, and compressed ones are refused: it is not offered.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "grpc/status.h"
#include "net/event.h"
#include "net/stream.h"
#include "net/task_scope.h"

namespace drover::grpc {

using net::awaitable;

class channel;

// One call with any number of messages either way. Destroying it cancels it. One reader and one writer at a time.
class call {
 public:
  struct state;
  call(std::shared_ptr<channel> owner, std::shared_ptr<state> s);
  ~call();
  call(const call&) = delete;
  call& operator=(const call&) = delete;

  // Waits while the other side takes nothing.
  awaitable<result<>> send(std::string message);
  // No more will be sent.
  void finish_sending();
  // Nothing: the call has ended, ended() says how.
  awaitable<std::optional<std::string>> receive(net::time_point deadline = net::never);
  // Requires: receive() gave nothing without its deadline having passed.
  const status& ended() const;
  bool has_ended() const;

 private:
  std::shared_ptr<channel> owner_;
  std::shared_ptr<state> state_;
};

struct reply {
  grpc::status status;
  std::string message;
};

class channel : public std::enable_shared_from_this<channel> {
 public:
  // `authority` is what the server is told it is called. unavailable: nobody listens there.
  static awaitable<result<std::shared_ptr<channel>>> connect(net::loop& l, net::endpoint where, net::time_point deadline, std::string authority = "localhost");
  // Over a stream that is there already.
  static result<std::shared_ptr<channel>> over(net::loop& l, std::unique_ptr<net::byte_stream> stream, std::string authority = "localhost");
  ~channel();
  channel(const channel&) = delete;
  channel& operator=(const channel&) = delete;

  // One message there and one back. `method` is a path: "/package.Service/Method".
  awaitable<reply> ask(std::string method, std::string request, net::time_point deadline = net::never);
  // The same, with a status other than OK as an error.
  awaitable<result<std::string>> call(std::string method, std::string request, net::time_point deadline = net::never);
  // Any number of messages. unavailable: the connection is gone; too_large: too many calls at once.
  result<std::unique_ptr<grpc::call>> open(std::string method);

  bool closed() const;
  // Set when the connection has ended, whoever ended it.
  net::event& ended();
  void close();
  awaitable<void> stop();

  struct state;

 private:
  friend class grpc::call;
  explicit channel(std::unique_ptr<state> s);
  std::unique_ptr<state> state_;
};

}  // namespace drover::grpc
