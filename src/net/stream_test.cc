#include "net/stream.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "net/event.h"
#include "net/http_test_server.h"
#include "net/silence.h"

namespace drover::net {
namespace {

struct net_stream : testing::Test {
  loop l;
};

awaitable<void> pump(byte_stream& stream, size_t bytes) {
  std::string piece(100'000, 'p');
  for (size_t sent = 0; sent < bytes; sent += piece.size()) must(co_await stream.write_all(piece));
  must(co_await stream.shutdown());
}

TEST_F(net_stream, carries_more_than_the_kernel_buffers) {
  run_test(l, [](loop& l) -> awaitable<void> {
    auto [a, b] = must(stream_pair(l));
    task_scope scope(l, log::logger("test"));
    scope.spawn(pump(*a, 20'000'000));
    EXPECT_EQ((co_await read_to_end(*b)).size(), 20'000'000u);
    co_await scope.join();
  }(l));
}

TEST_F(net_stream, a_silent_peer_is_given_up) {
  run_test(l, [](loop& l) -> awaitable<void> {
    auto server = must(listener::listen(l, {.host = "127.0.0.1"}));
    auto stream = must(co_await dial(server->local()));
    give_up_when_silent(*stream, milliseconds(1500));
    auto option = [&](int name) {
      int value = 0;
      socklen_t size = sizeof value;
      EXPECT_EQ(::getsockopt(stream->native_handle(), IPPROTO_TCP, name, &value, &size), 0);
      return value;
    };
    EXPECT_EQ(option(TCP_USER_TIMEOUT), 1500);
    EXPECT_EQ(option(TCP_KEEPIDLE), 2);
    // No TCP connection: nothing happens.
    auto [a, b] = must(stream_pair(l));
    give_up_when_silent(*a, seconds(1));
    must(co_await a->write_all("x"));
  }(l));
}

TEST_F(net_stream, cancelled_reads_lose_nothing) {
  run_test(l, [](loop& l) -> awaitable<void> {
    auto [a, b] = must(stream_pair(l));
    char buffer[8];
    auto late = co_await with_deadline(b->read_some(buffer), after(milliseconds(1)));
    EXPECT_EQ(late.error().code(), errc::timeout);
    must(co_await a->write_all("12345678"));
    must(co_await b->read_exactly(std::span(buffer, 3)));
    must(co_await b->read_exactly(std::span(buffer, 5)));
    EXPECT_EQ(std::string_view(buffer, 5), "45678");
    must(co_await a->shutdown());
    EXPECT_EQ((co_await b->read_exactly(std::span(buffer, 1))).error().code(), errc::closed);
  }(l));
}

TEST_F(net_stream, close_ends_what_is_under_way) {
  run_test(l, [](loop& l) -> awaitable<void> {
    auto [a, b] = must(stream_pair(l));
    task_scope scope(l, log::logger("test"));
    errc ended = errc::unknown;
    scope.spawn([](byte_stream& s, errc& ended) -> awaitable<void> {
      auto waited = co_await s.wait_readable();
      ended = waited.error().code();
    }(*a, ended));
    co_await yield();
    a->close();
    co_await scope.join();
    EXPECT_EQ(ended, errc::closed);
    EXPECT_EQ((co_await a->write_all("x")).error().code(), errc::closed);
    EXPECT_EQ(a->native_handle(), -1);
  }(l));
}

TEST_F(net_stream, dial_errors_and_deadline) {
  run_test(l, [](loop& l) -> awaitable<void> {
    auto v6 = listener::listen(l, {.host = "::1", .port = 0});
    if (v6) {
      auto dialled = must(co_await dial((*v6)->local()));
      auto accepted = must(co_await (*v6)->accept());
      EXPECT_EQ(accepted->remote(), dialled->local());
      EXPECT_EQ(dialled->remote(), (*v6)->local());
      auto by_name = must(co_await dial({.host = "localhost", .port = (*v6)->local().port}));
      EXPECT_EQ(by_name->remote().port, (*v6)->local().port);
    }
    auto missing = co_await dial({.path = "/nonexistent/socket"});
    EXPECT_EQ(missing.error().message(), "dial unix:///nonexistent/socket: No such file or directory");
    auto too_long = co_await dial({.path = "/" + std::string(200, 'x')});
    EXPECT_EQ(too_long.error().code(), errc::invalid);
    EXPECT_EQ((co_await dial({.host = "127.0.0.1", .port = 1}, {.deadline = after(seconds(5))})).error().code(), errc::unavailable);
  }(l));
}

TEST_F(net_stream, unix_listener_replaces_dead_sockets_only) {
  auto path = (std::filesystem::temp_directory_path() / fmt::format("drover-stream-test-{}", ::getpid())).string();
  std::ofstream(path) << "a file";
  auto refused = listener::listen(l, {.path = path});
  EXPECT_EQ(refused.error().message(), path + " exists and is not a socket; choose another path or remove it");
  std::filesystem::remove(path);
  int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  EXPECT_EQ(::bind(dead, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ::close(dead);
  auto taken_over = listener::listen(l, {.path = path});
  EXPECT_TRUE(taken_over);
  EXPECT_EQ(listener::listen(l, {.path = path}).error().code(), errc::exists);
}

TEST_F(net_stream, port_in_use_is_said) {
  auto first = must(listener::listen(l, {.host = "127.0.0.1"}));
  auto second = listener::listen(l, first->local());
  EXPECT_EQ(second.error().text(), fmt::format("listen on {}: Address already in use", to_string(first->local())));
  EXPECT_EQ(listener::listen(l, {.host = "not-an-ip", .port = 1}).error().code(), errc::invalid);
}

}  // namespace
}  // namespace drover::net
