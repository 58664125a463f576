// How one part of the cluster calls another: by Nomad's method names with schema records, whatever carries them. In one process (dev mode,
// the HTTP API of a server) the records pass as they are; between machines they are msgpack-RPC over yamux. Callers cannot tell.
//
// Thread rule: everything here lives on the loop (the one io_context thread).
#pragma once

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "schema/describe.h"

namespace drover::rpc {

template <class T>
using awaitable = boost::asio::awaitable<T>;

// A two-way stream of messages (logs, files, exec, monitor). Messages are bounded by message_bytes_max; writing waits while the other side
// is behind. Reading gives nothing at the other side's clean end; closed or cancelled errors otherwise.
class message_stream {
 public:
  static constexpr size_t message_bytes_max = 1 << 20;
  virtual ~message_stream() = default;
  virtual awaitable<result<std::optional<std::string>>> read() = 0;
  virtual awaitable<result<>> write(std::string message) = 0;
  // Says that nothing more will be written; the other side may go on writing. Idempotent. Destroying the stream ends both directions.
  virtual void close_write() = 0;
};

class channel {
 public:
  virtual ~channel() = default;
  // Requires: request and response stay alive until the call ends; the caller awaits in the same expression (use rpc::call).
  virtual awaitable<result<>> call(std::string method, schema::record_view request, schema::record_slot response) = 0;
  virtual awaitable<result<std::unique_ptr<message_stream>>> open(std::string method, schema::record_view request) = 0;
  // False once the connection behind it has ended: every call from now on fails with errc::closed.
  virtual bool is_open() const { return true; }
};

// auto answer = co_await rpc::call<schema::single_node_response>(channel, "Node.GetNode", request);
template <class Response, class Request>
awaitable<result<Response>> call(channel& through, std::string method, Request request) {
  Response response{};
  auto done = co_await through.call(std::move(method), schema::view(request), schema::slot(response));
  if (!done) co_return std::unexpected(std::move(done).error());
  co_return std::move(response);
}
template <class Request>
awaitable<result<std::unique_ptr<message_stream>>> open(channel& through, std::string method, Request request) {
  co_return co_await through.open(std::move(method), schema::view(request));
}

// Who calls and what was asked of the transport. Filled by the carrier, never by the request's own fields.
struct call_context {
  bool in_process = true;
  // Asked by the callee's own process for its own duties: nobody's permissions are looked at.
  bool internal = false;
  std::string remote_address;            // empty in process
  std::vector<std::string> tls_names{};  // of the peer's certificate (net::peer_names), empty without TLS
  // The caller's own methods, called over the connection by which this call came; null when that is not possible. Whoever keeps it asks
  // is_open() before each use: the connection may end at any time.
  std::shared_ptr<channel> back = nullptr;
};

// The methods that this process answers, as data: one row a method.
class method_table {
 public:
  using erased_handler = std::function<awaitable<result<>>(call_context, schema::record_view, schema::record_slot)>;
  using stream_handler = std::function<awaitable<result<>>(call_context, schema::record_view, std::unique_ptr<message_stream>)>;
  struct method {
    const schema::type_info* request;
    const schema::type_info* response;
    erased_handler handle;
  };
  struct stream_method {
    const schema::type_info* request;
    // Runs until the stream ends; the result's error is sent to the caller as the stream's error.
    stream_handler handle;
  };

  template <class Request, class Response>
  void add(std::string name, std::function<awaitable<result<Response>>(call_context, Request)> handler) {
    methods_[std::move(name)] = {&schema::type_of<Request>(), &schema::type_of<Response>(),
                                 [handler = std::move(handler)](call_context context, schema::record_view request, schema::record_slot response) {
                                   return run<Request, Response>(handler, std::move(context), request, response);
                                 }};
  }
  // For methods that may wait long (blocking queries): request and response stay where the carrier has them and live until the call ends,
  // nothing is copied. The response is fresh; after an error nobody looks at it.
  template <class Request, class Response>
  void add_in_place(std::string name, std::function<awaitable<result<>>(call_context, const Request&, Response&)> handler) {
    methods_[std::move(name)] = {&schema::type_of<Request>(), &schema::type_of<Response>(),
                                 [handler = std::move(handler)](call_context context, schema::record_view request, schema::record_slot response) {
                                   return handler(std::move(context), *static_cast<const Request*>(request.data), *static_cast<Response*>(response.data));
                                 }};
  }
  template <class Request>
  void add_stream(std::string name, std::function<awaitable<result<>>(call_context, Request, std::unique_ptr<message_stream>)> handler) {
    streams_[std::move(name)] = {&schema::type_of<Request>(),
                                 [handler = std::move(handler)](call_context context, schema::record_view request, std::unique_ptr<message_stream> stream) {
                                   return handler(std::move(context), *static_cast<const Request*>(request.data), std::move(stream));
                                 }};
  }
  const method* find(const std::string& name) const {
    auto it = methods_.find(name);
    return it == methods_.end() ? nullptr : &it->second;
  }
  const stream_method* find_stream(const std::string& name) const {
    auto it = streams_.find(name);
    return it == streams_.end() ? nullptr : &it->second;
  }
  const auto& methods() const { return methods_; }
  const auto& streams() const { return streams_; }

 private:
  template <class Request, class Response>
  static awaitable<result<>> run(const std::function<awaitable<result<Response>>(call_context, Request)>& handler, call_context context,
                                 schema::record_view request, schema::record_slot response) {
    auto answer = co_await handler(std::move(context), *static_cast<const Request*>(request.data));
    if (!answer) co_return std::unexpected(std::move(answer).error());
    *static_cast<Response*>(response.data) = *std::move(answer);
    co_return result<>{};
  }

  std::unordered_map<std::string, method> methods_;
  std::unordered_map<std::string, stream_method> streams_;
};

}  // namespace drover::rpc
