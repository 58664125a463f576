#include <gtest/gtest.h>

#include "codec/msgpack.h"
#include "net/test_loop.h"
#include "rpc/framing.h"
#include "rpc/pool.h"
#include "rpc/serving.h"
#include "rpc/wire_server.h"
#include "schema/alloc_rpc.h"
#include "schema/common.h"
#include "schema/operator_rpc.h"

namespace drover::rpc {
namespace {

using net::must;
using net::run_test;

// A server with a few methods, and a pool that calls it over loopback.
struct fixture {
  explicit fixture(net::loop& l, pool_options pool_o = {}, wire_server_options server_o = {}) {
    table.add<schema::generic_request, schema::generic_response>("Test.Answer", [this](call_context c, schema::generic_request r) {
      return answer(std::move(c), std::move(r));
    });
    table.add<schema::generic_request, std::string>("Status.Leader", [](call_context, schema::generic_request) -> awaitable<result<std::string>> {
      co_return "127.0.0.1:4647";
    });
    server_o.table = &table;
    server = std::make_unique<wire_server>(l, std::move(server_o));
    address = net::to_string(must(server->listen({.host = "127.0.0.1"})));
    pool = std::make_unique<connection_pool>(l, std::move(pool_o));
  }
  awaitable<void> stop() {
    co_await pool->stop();
    co_await server->stop();
  }
  awaitable<result<schema::generic_response>> answer(call_context context, schema::generic_request request) {
    last_context = std::move(context);
    if (request.prefix == "refuse") co_return fail(errc::permission_denied, "Permission denied");
    schema::generic_response out;
    out.index = request.min_query_index + 1;
    co_return out;
  }

  method_table table;
  call_context last_context;
  std::unique_ptr<wire_server> server;
  std::unique_ptr<connection_pool> pool;
  std::string address;
};

TEST(Wire, CallsThroughThePool) {
  net::loop l;
  run_test(l, [](net::loop& l) -> awaitable<void> {
    fixture f(l);
    auto through = f.pool->to(f.address, "global");
    schema::generic_request request;
    for (uint64_t n = 0; n < 10; ++n) {
      request.min_query_index = n;
      EXPECT_EQ(must(co_await call<schema::generic_response>(*through, "Test.Answer", request)).index, n + 1);
    }
    EXPECT_FALSE(f.last_context.in_process);
    EXPECT_TRUE(f.last_context.remote_address.starts_with("127.0.0.1:"));
    EXPECT_TRUE(f.last_context.back != nullptr);
    request.prefix = "refuse";
    auto refused = co_await call<schema::generic_response>(*through, "Test.Answer", request);
    EXPECT_EQ(refused.error().code(), errc::permission_denied);
    EXPECT_EQ(must(co_await call<std::string>(*through, "Status.Leader", request)), "127.0.0.1:4647");
    auto unknown = co_await call<std::string>(*through, "Status.Nothing", request);
    EXPECT_EQ(unknown.error().text(), "rpc: can't find method Status.Nothing");
    EXPECT_EQ(f.pool->stats().sessions, 1u);
    EXPECT_EQ(f.pool->stats().streams, 1u);
    EXPECT_EQ(f.pool->stats().dialled, 1u);
    co_await f.stop();
  }(l));
}

}  // namespace
}  // namespace drover::rpc
