#include "net/datagram.h"

#include "net/test_loop.h"

namespace drover::net {
namespace {

TEST(net_datagram, packets_arrive_with_their_sender_and_a_closed_socket_ends_the_wait) {
  loop l;
  run_test(l, [](loop& l) -> awaitable<void> {
    auto a = must(datagram_socket::bind(l, {.host = "127.0.0.1"}));
    auto b = must(datagram_socket::bind(l, {.host = "127.0.0.1"}));
    EXPECT_NE(a->local().port, 0);
    must(a->send(b->local(), "hello"));
    must(a->send(b->local(), ""));
    char buffer[16];
    endpoint from;
    EXPECT_EQ(must(co_await b->receive(buffer, from)), 5u);
    EXPECT_EQ(std::string_view(buffer, 5), "hello");
    EXPECT_EQ(from, a->local());
    EXPECT_EQ(must(co_await b->receive(buffer, from)), 0u);
    // To nobody: the refusal that comes back is no error of this socket.
    auto gone = b->local();
    b->close();
    must(a->send(gone, "x"));
    must(a->send(a->local(), "self"));
    EXPECT_EQ(must(co_await a->receive(buffer, from)), 4u);
    task_scope scope(l, log::logger("test"));
    bool ended = false;
    scope.spawn([](datagram_socket& s, bool& ended) -> awaitable<void> {
      char buffer[1];
      endpoint from;
      auto got = co_await s.receive(buffer, from);
      ended = !got && got.error().code() == errc::closed;
    }(*a, ended));
    a->close();
    co_await scope.join();
    EXPECT_TRUE(ended);
    EXPECT_FALSE(datagram_socket::bind(l, {.host = "not an address"}));
    EXPECT_FALSE(a->send(gone, "x"));
  }(l));
}

}  // namespace
}  // namespace drover::net
