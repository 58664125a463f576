// For tests: an RPC port with a few methods, and a pool that calls it over loopback.
#pragma once

#include <stdexcept>

#include "codec/msgpack.h"
#include "net/event.h"
#include "net/test_loop.h"
#include "rpc/pool.h"
#include "rpc/wire_server.h"
#include "schema/alloc_rpc.h"
#include "schema/common.h"

namespace drover::rpc {

// A message of a stream: text as msgpack.
inline std::string text_message(std::string_view text) { return codec::to_msgpack(std::string(text)); }

inline size_t& numbers_written() {
  static size_t n = 0;
  return n;
}

// Writes 0, 1, 2 ... until nobody reads any more.
inline awaitable<result<>> stream_numbers(call_context, schema::fs_logs_request, std::unique_ptr<message_stream> stream) {
  for (size_t n = 0;; ++n) {
    CO_TRY(co_await stream->write(text_message(std::to_string(n))));
    numbers_written() = n;
  }
}

inline awaitable<result<>> stream_echo(call_context, schema::fs_logs_request, std::unique_ptr<message_stream> stream) {
  for (;;) {
    CO_TRY_ASSIGN(auto message, co_await stream->read());
    if (!message) co_return fail(errc::not_found, "no more");
    CO_TRY_ASSIGN(auto text, codec::from_msgpack<std::string>(*message));
    CO_TRY(co_await stream->write(text_message("echo " + text)));
  }
}

struct rpc_world {
  explicit rpc_world(net::loop& l, pool_options pool_o = {}, wire_server_options server_o = {}) {
    table.add<schema::generic_request, schema::generic_response>(
        "Test.Answer", [this](call_context c, schema::generic_request r) { return answer(std::move(c), std::move(r)); });
    table.add<schema::generic_request, std::string>("Test.Filter",
                                                    [](call_context, schema::generic_request r) -> awaitable<result<std::string>> { co_return r.filter; });
    table.add<schema::generic_request, std::string>(
        "Status.Leader", [](call_context, schema::generic_request) -> awaitable<result<std::string>> { co_return "127.0.0.1:4647"; });
    table.add<schema::generic_request, std::vector<std::string>>(
        "Region.List",
        [](call_context, schema::generic_request) -> awaitable<result<std::vector<std::string>>> { co_return std::vector<std::string>{"global", "west"}; });
    table.add_stream<schema::fs_logs_request>("Test.Echo", stream_echo);
    table.add_stream<schema::fs_logs_request>("Test.Numbers", stream_numbers);
    server_o.table = &table;
    server = std::make_unique<wire_server>(l, std::move(server_o));
    where = net::must(server->listen({.host = "127.0.0.1"}));
    address = net::to_string(where);
    pool = std::make_unique<connection_pool>(l, std::move(pool_o));
  }

  std::shared_ptr<rpc::channel> channel() { return pool->to(address, "global"); }
  awaitable<void> stop() {
    co_await pool->stop();
    co_await server->stop();
  }
  // Until so many calls of Test.Answer wait for `release`.
  awaitable<void> until_waiting(size_t count) {
    while (waiting < count) co_await one_more.wait();
  }

  awaitable<result<schema::generic_response>> answer(call_context context, schema::generic_request request) {
    last_context = std::move(context);
    if (request.prefix == "refuse") co_return fail(errc::permission_denied, "Permission denied");
    if (request.prefix == "throw") throw std::runtime_error("out of luck");
    if (request.prefix == "wait") {
      struct counted {
        size_t& n;
        ~counted() { --n; }
      } counting(++waiting);
      one_more.notify_all();
      co_await release.wait();
    }
    schema::generic_response out;
    out.index = request.min_query_index + 1;
    co_return out;
  }

  method_table table;
  call_context last_context;
  size_t waiting = 0;
  net::event one_more, release;
  std::unique_ptr<wire_server> server;
  std::unique_ptr<connection_pool> pool;
  net::endpoint where;
  std::string address;
};

}  // namespace drover::rpc
