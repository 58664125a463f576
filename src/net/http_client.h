// HTTP/1.1 client to one address (http, https, unix socket), connections kept for reuse. Loop thread only; with a private loop and
// net/blocking.h it serves a command line. Destroy it when no request is under way.
//
//   TRY_ASSIGN(auto client, http_client::create({.address = "http://127.0.0.1:4646"}));
//   auto answer = run_to_completion(loop, client->request({.target = "/v1/jobs"}));
#pragma once

#include <memory>
#include <string>

#include "net/http.h"
#include "net/limits.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/tls.h"

namespace drover::net {

struct http_client_options {
  std::string address{};                     // see parse_url; a path in it is put before every target
  std::shared_ptr<const tls_context> tls{};  // https without one: the system's CAs
  duration connect_timeout = seconds(10);
  http_headers headers{};  // sent with every request
};

struct http_client_request {
  std::string method = "GET";
  std::string target = "/";  // encoded, with query
  http_headers headers{};
  std::string body{};
  // To the end of the answer (request) or to its head (open); zero: none.
  duration timeout{};
  size_t response_bytes_max = http_response_body_bytes_max;
  // Asks for gzip and decodes it.
  bool accept_gzip = false;
};

// An answer whose body arrives bit by bit. Destroying it early closes the connection.
class http_body_reader {
 public:
  virtual ~http_body_reader() = default;
  virtual int status() const = 0;
  virtual const http_headers& headers() const = 0;
  // The next bytes as they arrive (at most 64 KiB); empty: the end. An answer cut short is errc::closed.
  virtual awaitable<result<std::string>> read() = 0;
  // The rest as one string.
  virtual awaitable<result<std::string>> read_all(size_t bytes_max) = 0;
};

class http_client {
 public:
  static result<std::unique_ptr<http_client>> create(http_client_options options);
  virtual ~http_client() = default;
  // Any status is a success here. errc::unavailable: could not connect; errc::timeout; errc::closed; errc::too_large.
  // A kept connection that turns out dead before any byte came back is replaced and the request sent again, once, if it is idempotent.
  virtual awaitable<result<http_response>> request(http_client_request request) = 0;
  virtual awaitable<result<std::unique_ptr<http_body_reader>>> open(http_client_request request) = 0;
  virtual const http_url& address() const = 0;
};

}  // namespace drover::net
