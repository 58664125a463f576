#include "grpc/channel.h"

#include "grpc/limits.h"
#include "grpc/test_server.h"
#include "net/test_loop.h"

namespace drover::grpc {
namespace {

using net::must;

// A channel with the server of the tests at its other end.
struct both {
  explicit both(net::loop& l) {
    auto [here, there] = must(net::stream_pair(l));
    server = std::make_unique<test_server>(l, std::move(there));
    way = must(channel::over(l, std::move(here)));
  }
  awaitable<void> stop() {
    co_await way->stop();
    co_await server->stop();
  }
  std::unique_ptr<test_server> server;
  std::shared_ptr<channel> way;
};

void with_server(std::function<awaitable<void>(both&)> body) {
  net::loop l;
  net::run_test(l, [](net::loop& loop, std::function<awaitable<void>(both&)> inner) -> awaitable<void> {
    both b(loop);
    co_await inner(b);
    co_await b.stop();
  }(l, std::move(body)));
}

TEST(grpc_channel, a_message_there_and_one_back) {
  with_server([](both& b) -> awaitable<void> {
    EXPECT_EQ(must(co_await b.way->call("/t/echo", "hello")), "hello");
    EXPECT_EQ(must(co_await b.way->call("/t/echo", "")), "");
    // More than a window, so that both sides must give room again.
    std::string large(3 * 1024 * 1024, 'x');
    EXPECT_EQ(must(co_await b.way->call("/t/echo", large)).size(), large.size());
  });
}

TEST(grpc_channel, what_the_server_refuses_is_an_error_with_its_words) {
  with_server([](both& b) -> awaitable<void> {
    auto answer = co_await b.way->ask("/t/refuse", "");
    EXPECT_EQ(answer.status.code, code::not_found);
    EXPECT_EQ(answer.status.message, "no such täsk");
    EXPECT_EQ(answer.status.details, "\x08\x05");
    EXPECT_EQ(answer.status.error().code(), errc::not_found);
    EXPECT_EQ(answer.status.error().text(), "rpc error: code = NotFound desc = no such täsk");
  });
}

TEST(grpc_channel, messages_until_the_end) {
  with_server([](both& b) -> awaitable<void> {
    auto c = must(b.way->open("/t/count"));
    c->finish_sending();
    std::string all;
    while (auto m = co_await c->receive()) all += *m;
    EXPECT_EQ(all, "123");
    EXPECT_TRUE(c->ended().ok());
  });
}

TEST(grpc_channel, messages_both_ways) {
  with_server([](both& b) -> awaitable<void> {
    auto c = must(b.way->open("/t/echo"));
    for (int i = 0; i < 100; ++i) {
      must(co_await c->send(std::to_string(i)));
      EXPECT_EQ(co_await c->receive(), std::to_string(i));
    }
    c->finish_sending();
    EXPECT_EQ(co_await c->receive(), std::nullopt);
    EXPECT_TRUE(c->ended().ok());
  });
}

TEST(grpc_channel, nonsense_is_an_error_of_that_call_only) {
  with_server([](both& b) -> awaitable<void> {
    EXPECT_EQ((co_await b.way->ask("/t/broken", "")).status.code, code::internal);
    EXPECT_EQ((co_await b.way->ask("/t/html", "")).status.code, code::unimplemented);
    auto large = co_await b.way->call("/t/echo", std::string(limits::message_bytes_max + 1, 'x'));
    EXPECT_FALSE(large);
    EXPECT_EQ(must(co_await b.way->call("/t/echo", "still there")), "still there");
  });
}

TEST(grpc_channel, a_deadline_cancels_the_call) {
  with_server([](both& b) -> awaitable<void> {
    auto late = co_await b.way->ask("/t/hold", "", net::after(milliseconds(20)));
    EXPECT_EQ(late.status.code, code::deadline_exceeded);
    // The server is told.
    EXPECT_TRUE(co_await b.server->cancelled.wait(net::after(seconds(10))));
  });
}

TEST(grpc_channel, a_connection_that_breaks_ends_its_calls) {
  with_server([](both& b) -> awaitable<void> {
    auto c = must(b.way->open("/t/hold"));
    EXPECT_EQ(must(co_await b.way->call("/t/echo", "x")), "x");
    b.server->close();
    EXPECT_EQ(co_await c->receive(), std::nullopt);
    EXPECT_EQ(c->ended().code, code::unavailable);
    EXPECT_TRUE(b.way->closed());
    EXPECT_EQ((co_await b.way->ask("/t/echo", "")).status.code, code::unavailable);
  });
}

TEST(grpc_channel, somebody_who_speaks_something_else) {
  net::loop l;
  net::run_test(l, [](net::loop& loop) -> awaitable<void> {
    auto [here, there] = must(net::stream_pair(loop));
    must(co_await there->write_all("HTTP/1.1 400 Bad Request\r\n\r\n"));
    auto way = must(channel::over(loop, std::move(here)));
    auto answer = co_await way->ask("/t/echo", "");
    EXPECT_EQ(answer.status.code, code::unavailable);
    co_await way->stop();
  }(l));
}

}  // namespace
}  // namespace drover::grpc
