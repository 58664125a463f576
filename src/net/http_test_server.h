// For tests: a server on a loopback port with one handler, and raw dialogues with it.
#pragma once

#include "net/http_client.h"
#include "net/http_server.h"
#include "net/test_loop.h"

namespace drover::net {

// Made on the loop; `co_await stop()` at the end of the test.
struct test_server {
  test_server(loop& l, http_handler handler, http_limits limits = {}, std::shared_ptr<const tls_context> tls = nullptr)
      : server(l, {.handler = std::move(handler), .limits = limits, .logger = log::logger("test"), .tls = std::move(tls)}),
        where(must(server.listen({.host = "127.0.0.1", .port = 0, .path = {}}))) {}
  awaitable<void> stop() { return server.stop(); }
  std::string url() const { return "http://" + to_string(where); }
  std::unique_ptr<http_client> client() const { return must(http_client::create({.address = url()})); }

  http_server server;
  endpoint where;
};

// Everything that comes until the server closes.
inline awaitable<std::string> read_to_end(byte_stream& stream) {
  std::string all;
  char buffer[4096];
  for (;;) {
    auto count = co_await stream.read_some(buffer);
    if (!count || *count == 0) co_return all;
    all.append(buffer, *count);
  }
}

// Reads until `all` ends with or contains `mark`.
inline awaitable<std::string> read_until(byte_stream& stream, std::string mark) {
  std::string all;
  char buffer[4096];
  while (all.find(mark) == all.npos) {
    auto count = co_await stream.read_some(buffer);
    if (!count || *count == 0) co_return all + "<end>";
    all.append(buffer, *count);
  }
  co_return all;
}

inline awaitable<std::string> raw_dialogue(endpoint where, std::string request) {
  auto stream = must(co_await dial(where));
  must(co_await stream->write_all(request));
  co_return co_await read_to_end(*stream);
}

}  // namespace drover::net
