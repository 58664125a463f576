// The RPC port and the pool against each other, and the port against bytes as other agents send them.
#include <gtest/gtest.h>

#include "codec/msgpack.h"
#include "net/test_loop.h"
#include "rpc/framing.h"
#include "rpc/limits.h"
#include "rpc/pool.h"
#include "rpc/test_support.h"
#include "rpc/wire_server.h"

namespace drover::rpc {
namespace {

using net::must;
using net::run_test;

TEST(Wire, CallsThroughThePool) {
  net::loop l;
  run_test(l, [](net::loop& l) -> awaitable<void> {
    rpc_world w(l);
    auto through = w.channel();
    schema::generic_request request;
    for (uint64_t n = 0; n < 10; ++n) {
      request.min_query_index = n;
      EXPECT_EQ(must(co_await call<schema::generic_response>(*through, "Test.Answer", request)).index, n + 1);
    }
    EXPECT_FALSE(w.last_context.in_process);
    EXPECT_TRUE(w.last_context.remote_address.starts_with("127.0.0.1:"));
    EXPECT_TRUE(w.last_context.tls_names.empty());
    request.prefix = "refuse";
    auto refused = co_await call<schema::generic_response>(*through, "Test.Answer", request);
    EXPECT_EQ(refused.error().code(), errc::permission_denied);
    EXPECT_EQ(refused.error().text(), "Permission denied");
    request.prefix = "throw";
    EXPECT_EQ((co_await call<schema::generic_response>(*through, "Test.Answer", request)).error().text(), "internal error: out of luck");
    EXPECT_EQ(must(co_await call<std::string>(*through, "Status.Leader", request)), "127.0.0.1:4647");
    EXPECT_EQ(must(co_await call<std::vector<std::string>>(*through, "Region.List", request)), (std::vector<std::string>{"global", "west"}));
    EXPECT_EQ((co_await call<std::string>(*through, "Status.Nothing", request)).error().text(), "rpc: can't find method Status.Nothing");
    EXPECT_EQ((co_await call<std::string>(*through, "No.Such", request)).error().text(), "rpc: can't find service No.Such");
    EXPECT_EQ((co_await call<std::string>(*through, "Nothing", request)).error().text(), "rpc: service/method request ill-formed: Nothing");
    // All of it on one stream of one session.
    EXPECT_EQ(w.pool->stats().sessions, 1u);
    EXPECT_EQ(w.pool->stats().streams, 1u);
    EXPECT_EQ(w.pool->stats().dialled, 1u);
    EXPECT_EQ(w.server->stats().sessions, 1u);
    co_await w.stop();
  }(l));
}

TEST(Wire, AThousandCallsAtOnceOnOneSession) {
  net::loop l;
  run_test(l, [](net::loop& l) -> awaitable<void> {
    rpc_world w(l);
    auto through = w.channel();
    net::task_scope callers(l, log::logger("test"));
    size_t right = 0;
    for (uint64_t n = 0; n < 1000; ++n) {
      callers.spawn([](std::shared_ptr<channel> through, uint64_t n, size_t* right) -> awaitable<void> {
        schema::generic_request request;
        request.prefix = "wait";
        request.min_query_index = n;
        auto answer = co_await call<schema::generic_response>(*through, "Test.Answer", request);
        if (answer && answer->index == n + 1) ++*right;
      }(through, n, &right));
    }
    co_await w.until_waiting(1000);
    w.release.set();
    co_await callers.join();
    EXPECT_EQ(right, 1000u);
    EXPECT_EQ(w.pool->stats().sessions, 1u);
    // The others were closed when their call was done.
    EXPECT_EQ(w.pool->stats().streams, 2u);
    co_await w.stop();
  }(l));
}

TEST(Wire, LargeBodies) {
  net::loop l;
  run_test(l, [](net::loop& l) -> awaitable<void> {
    rpc_world w(l);
    auto through = w.channel();
    schema::generic_request request;
    request.filter.assign(10'000'000, 'x');
    EXPECT_EQ(must(co_await call<std::string>(*through, "Test.Filter", request)), request.filter);
    request.filter.assign(body_bytes_max, 'x');
    EXPECT_EQ((co_await call<std::string>(*through, "Test.Filter", request)).error().code(), errc::too_large);
    request.filter = "small";
    EXPECT_EQ(must(co_await call<std::string>(*through, "Test.Filter", request)), "small");
    co_await w.stop();
  }(l));
}

TEST(Wire, TheCalleeCallsBack) {
  net::loop l;
  run_test(l, [](net::loop& l) -> awaitable<void> {
    method_table node;
    node.add<schema::generic_request, std::string>(
        "Node.Who", [](call_context c, schema::generic_request) -> awaitable<result<std::string>> { co_return c.remote_address; });
    node.add_stream<schema::fs_logs_request>("Node.Logs", stream_numbers);
    rpc_world w(l, {.serve = &node});
    schema::generic_request request;
    must(co_await call<schema::generic_response>(*w.channel(), "Test.Answer", request));
    auto back = w.last_context.back;
    EXPECT_TRUE(back->is_open());
    EXPECT_EQ(must(co_await call<std::string>(*back, "Node.Who", request)), w.address);
    EXPECT_EQ(must(co_await call<std::string>(*back, "Node.Who", request)), w.address);
    {
      auto stream = must(co_await open(*back, "Node.Logs", schema::fs_logs_request{}));
      EXPECT_EQ(must(co_await stream->read()), text_message("0"));
    }
    w.pool->drop(w.address);
    EXPECT_EQ((co_await call<std::string>(*back, "Node.Who", request)).error().code(), errc::closed);
    EXPECT_FALSE(back->is_open());
    // The pool dials again, and that is another way back.
    must(co_await call<schema::generic_response>(*w.channel(), "Test.Answer", request));
    EXPECT_NE(w.last_context.back, back);
    EXPECT_EQ(w.pool->stats().dialled, 2u);
    w.last_context = {};
    co_await w.stop();
  }(l));
}

TEST(Wire, StreamsBothWays) {
  net::loop l;
  run_test(l, [](net::loop& l) -> awaitable<void> {
    rpc_world w(l);
    auto through = w.channel();
    auto stream = must(co_await open(*through, "Test.Echo", schema::fs_logs_request{}));
    for (std::string text : {"a", "bc", "", "the rest"}) {
      must(co_await stream->write(text_message(text)));
      EXPECT_EQ(must(co_await stream->read()), text_message("echo " + text));
    }
    auto big = text_message(std::string(message_stream::message_bytes_max - 100, 'x'));
    must(co_await stream->write(big));
    EXPECT_EQ(must(co_await stream->read())->size(), big.size() + 5);
    EXPECT_EQ((co_await stream->write("\x93\x01")).error().code(), errc::invalid);
    EXPECT_EQ((co_await stream->write(std::string(message_stream::message_bytes_max + 1, '\x01'))).error().code(), errc::too_large);
    stream->close_write();
    stream->close_write();
    // The handler fails at the end of its input; its error is the last message.
    auto last = must(codec::from_msgpack<schema::stream_err_wrapper>(must(co_await stream->read()).value()));
    EXPECT_EQ(last.error->message, "no more");
    EXPECT_EQ(last.error->code, 404);
    EXPECT_EQ(must(co_await stream->read()), std::nullopt);
    stream.reset();
    auto unknown = co_await open(*through, "No.Such", schema::fs_logs_request{});
    EXPECT_EQ(unknown.error().text(), "Unknown rpc method: \"No.Such\"");
    EXPECT_EQ(unknown.error().code(), errc::not_found);
    co_await w.stop();
  }(l));
}

TEST(Wire, ASlowReaderOfAStreamHoldsOnlyItsWriter) {
  net::loop l;
  run_test(l, [](net::loop& l) -> awaitable<void> {
    rpc_world w(l);
    auto through = w.channel();
    auto stream = must(co_await open(*through, "Test.Numbers", schema::fs_logs_request{}));
    // The handler writes for ever; without a reader it comes to a stop, and calls go on beside it.
    schema::generic_request request;
    for (int i = 0; i < 500; ++i) must(co_await call<schema::generic_response>(*through, "Test.Answer", request));
    auto before = numbers_written();
    for (int i = 0; i < 500; ++i) must(co_await call<schema::generic_response>(*through, "Test.Answer", request));
    EXPECT_EQ(numbers_written(), before);
    for (int i = 0; i < 60'000; ++i) EXPECT_EQ(must(co_await stream->read()), text_message(std::to_string(i)));
    EXPECT_GT(numbers_written(), before);
    // Leaving it stops the handler.
    auto running = w.server->stats().streams;
    stream.reset();
    while (w.server->stats().streams >= running) must(co_await call<schema::generic_response>(*through, "Test.Answer", request));
    co_await w.stop();
  }(l));
}

TEST(Wire, ACallerThatGivesUpLeavesNothingBehind) {
  net::loop l;
  run_test(l, [](net::loop& l) -> awaitable<void> {
    rpc_world w(l);
    auto through = w.channel();
    schema::generic_request request;
    must(co_await call<schema::generic_response>(*through, "Test.Answer", request));
    request.prefix = "wait";
    for (int i = 0; i < 20; ++i) {
      auto given_up = co_await net::with_deadline(call<schema::generic_response>(*through, "Test.Answer", request), net::after(milliseconds(2)));
      EXPECT_EQ(given_up.error().code(), errc::timeout);
    }
    request.prefix.clear();
    request.min_query_index = 41;
    EXPECT_EQ(must(co_await call<schema::generic_response>(*through, "Test.Answer", request)).index, 42u);
    EXPECT_EQ(w.pool->stats().dialled, 1u);
    // The handlers were cancelled with their streams.
    EXPECT_EQ(w.waiting, 0u);
    EXPECT_LE(w.server->stats().streams, 2u);
    co_await w.stop();
  }(l));
}

TEST(Wire, TheOtherSideDiesInTheMiddle) {
  net::loop l;
  run_test(l, [](net::loop& l) -> awaitable<void> {
    rpc_world w(l);
    auto through = w.channel();
    auto stream = must(co_await open(*through, "Test.Echo", schema::fs_logs_request{}));
    net::task_scope callers(l, log::logger("test"));
    result<schema::generic_response> answer;
    callers.spawn([](std::shared_ptr<channel> through, result<schema::generic_response>* out) -> awaitable<void> {
      schema::generic_request request;
      request.prefix = "wait";
      *out = co_await call<schema::generic_response>(*through, "Test.Answer", request);
    }(through, &answer));
    co_await w.until_waiting(1);
    co_await w.server->stop();
    co_await callers.join();
    EXPECT_EQ(answer.error().code(), errc::closed);
    EXPECT_EQ((co_await stream->read()).error().code(), errc::closed);
    EXPECT_EQ((co_await stream->write(text_message("x"))).error().code(), errc::closed);
    stream.reset();
    // Nobody listens there any more.
    auto refused = co_await call<schema::generic_response>(*through, "Test.Answer", schema::generic_request{});
    EXPECT_EQ(refused.error().code(), errc::unavailable);
    EXPECT_EQ(w.pool->stats().dial_failures, 1u);
    EXPECT_TRUE(through->is_open());
    co_await w.pool->stop();
    EXPECT_FALSE(through->is_open());
    EXPECT_EQ((co_await call<schema::generic_response>(*through, "Test.Answer", schema::generic_request{})).error().code(), errc::closed);
  }(l));
}

TEST(Wire, SessionsEndWhenNobodyUsesThem) {
  net::loop l;
  run_test(l, [](net::loop& l) -> awaitable<void> {
    rpc_world w(l, {.idle = milliseconds(5)});
    auto through = w.channel();
    must(co_await call<schema::generic_response>(*through, "Test.Answer", schema::generic_request{}));
    while (w.server->stats().connections > 0) co_await net::yield();
    EXPECT_EQ(w.pool->stats().sessions, 0u);
    must(co_await call<schema::generic_response>(*through, "Test.Answer", schema::generic_request{}));
    EXPECT_EQ(w.pool->stats().dialled, 2u);
    co_await w.stop();
  }(l));
}

TEST(Wire, CallersShareOneDial) {
  net::loop l;
  run_test(l, [](net::loop& l) -> awaitable<void> {
    rpc_world w(l);
    net::task_scope callers(l, log::logger("test"));
    size_t right = 0;
    for (int i = 0; i < 50; ++i) {
      callers.spawn([](std::shared_ptr<channel> through, size_t* right) -> awaitable<void> {
        if (co_await call<schema::generic_response>(*through, "Test.Answer", schema::generic_request{})) ++*right;
      }(w.channel(), &right));
    }
    co_await callers.join();
    EXPECT_EQ(right, 50u);
    EXPECT_EQ(w.pool->stats().dialled, 1u);
    co_await w.stop();
  }(l));
}

}  // namespace
}  // namespace drover::rpc
