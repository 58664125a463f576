#include "rpc/yamux.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "net/test_loop.h"

namespace drover::rpc {
namespace {

using net::must;
using net::run_test;

// Two sessions over a socket pair. What the server side gets is queued.
struct session_pair {
  explicit session_pair(net::loop& l, yamux_options client_o = {}, yamux_options server_o = {}) : scope(l, log::logger("test")) {
    auto ends = must(net::stream_pair(l));
    client_o.client = true;
    server_o.on_stream = [this](std::unique_ptr<yamux_stream> s) { EXPECT_TRUE(opened.try_send(std::move(s))); };
    client = yamux_session::create(l, std::move(ends.first), std::move(client_o));
    server = yamux_session::create(l, std::move(ends.second), std::move(server_o));
    scope.spawn(carry(client, &client_end));
    scope.spawn(carry(server, &server_end));
  }
  static net::awaitable<void> carry(std::shared_ptr<yamux_session> session, result<>* end) { *end = co_await session->run(); }
  net::awaitable<std::pair<std::unique_ptr<yamux_stream>, std::unique_ptr<yamux_stream>>> stream() {
    auto ours = must(co_await client->open());
    auto theirs = co_await opened.receive();
    co_return std::pair(std::move(ours), *std::move(theirs));
  }

  net::task_scope scope;
  net::channel<std::unique_ptr<yamux_stream>> opened{4096};
  std::shared_ptr<yamux_session> client, server;
  result<> client_end, server_end;
};

std::string pattern(size_t size) {
  std::string out(size, '\0');
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i * 31 + i / 251);
  return out;
}

net::awaitable<std::string> read_to_end(net::byte_stream& s) {
  std::string out;
  std::vector<char> piece(50'000);
  for (;;) {
    auto count = must(co_await s.read_some(piece));
    if (count == 0) co_return out;
    out.append(piece.data(), count);
  }
}

net::awaitable<void> write_and_end(net::byte_stream* s, std::string data) {
  must(co_await s->write_all(data));
  must(co_await s->shutdown());
}

TEST(Yamux, BothSidesOpenStreamsThatEndByHalves) {
  net::loop l;
  run_test(l, [](net::loop& l) -> net::awaitable<void> {
    net::channel<std::unique_ptr<yamux_stream>> back(4);
    session_pair p(l, {.on_stream = [&](std::unique_ptr<yamux_stream> s) { EXPECT_TRUE(back.try_send(std::move(s))); }});
    auto [ours, theirs] = co_await p.stream();
    EXPECT_EQ(ours->id(), 1u);
    for (size_t size : {1u, 100u, 300'000u, 5'000'000u}) {
      auto [a, b] = co_await p.stream();
      p.scope.spawn(write_and_end(a.get(), pattern(size)));
      EXPECT_TRUE(co_await read_to_end(*b) == pattern(size)) << size;
      p.scope.spawn(write_and_end(b.get(), pattern(size / 2)));
      EXPECT_TRUE(co_await read_to_end(*a) == pattern(size / 2)) << size;
    }
    // The first one is as it was.
    must(co_await ours->write_all("ping"));
    char four[4];
    must(co_await theirs->read_exactly(four));
    EXPECT_EQ(std::string(four, 4), "ping");
    auto from_server = must(co_await p.server->open());
    EXPECT_EQ(from_server->id(), 2u);
    must(co_await from_server->write_all("hello"));
    auto arrived = *co_await back.receive();
    char five[5];
    must(co_await arrived->read_exactly(five));
    EXPECT_EQ(std::string(five, 5), "hello");
    EXPECT_EQ(p.client->stream_count(), 2u);
    EXPECT_EQ(p.server->stream_count(), 2u);
    ours.reset(), theirs.reset(), from_server.reset(), arrived.reset();
    co_await p.scope.stop();
  }(l));
}

TEST(Yamux, AReaderThatIsBehindStopsOnlyItsOwnWriter) {
  net::loop l;
  run_test(l, [](net::loop& l) -> net::awaitable<void> {
    session_pair p(l);
    auto [slow_writer, slow_reader] = co_await p.stream();
    p.scope.spawn(write_and_end(slow_writer.get(), pattern(3'000'000)));
    for (int i = 0; i < 50; ++i) {
      auto [a, b] = co_await p.stream();
      p.scope.spawn(write_and_end(a.get(), pattern(400'000)));
      EXPECT_TRUE(co_await read_to_end(*b) == pattern(400'000));
      b->close();
      // The writer's task uses it until its last byte was taken.
      EXPECT_EQ((co_await read_to_end(*a)), "");
    }
    EXPECT_TRUE(co_await read_to_end(*slow_reader) == pattern(3'000'000));
    slow_writer.reset(), slow_reader.reset();
    co_await p.scope.stop();
  }(l));
}

TEST(Yamux, ManyStreamsAtOnce) {
  net::loop l;
  run_test(l, [](net::loop& l) -> net::awaitable<void> {
    session_pair p(l);
    std::vector<std::unique_ptr<yamux_stream>> ours, theirs;
    // More than may be unacknowledged.
    for (int i = 0; i < 1000; ++i) {
      auto [a, b] = co_await p.stream();
      must(co_await a->write_all(std::to_string(i)));
      a->end_writing();
      ours.push_back(std::move(a)), theirs.push_back(std::move(b));
    }
    for (size_t i = 0; i < theirs.size(); ++i) EXPECT_EQ(co_await read_to_end(*theirs[i]), std::to_string(i));
    ours.clear(), theirs.clear();
    co_await p.scope.stop();
  }(l));
}

TEST(Yamux, ResetAndCloseReachTheOtherSide) {
  net::loop l;
  run_test(l, [](net::loop& l) -> net::awaitable<void> {
    session_pair p(l);
    {
      auto [a, b] = co_await p.stream();
      bool broken = false;
      b->on_broken([&] { broken = true; });
      a->reset();
      char c;
      auto read = co_await b->read_some({&c, 1});
      EXPECT_EQ(read.error().code(), errc::closed);
      EXPECT_TRUE(broken);
      EXPECT_EQ((co_await a->write_all("x")).error().code(), errc::closed);
      EXPECT_EQ((co_await b->write_all("x")).error().code(), errc::closed);
    }
    {
      // One that is dropped ends for writing; who goes on sending to it is told to stop.
      auto [a, b] = co_await p.stream();
      a.reset();
      EXPECT_EQ(co_await read_to_end(*b), "");
      net::event broken;
      b->on_broken([&] { broken.set(); });
      must(co_await b->write_all("late"));
      co_await broken.wait();
    }
    EXPECT_EQ(p.client->stream_count(), 0u);
    EXPECT_EQ(p.server->stream_count(), 0u);
    co_await p.scope.stop();
  }(l));
}

TEST(Yamux, TheEndOfASessionEndsItsStreams) {
  net::loop l;
  run_test(l, [](net::loop& l) -> net::awaitable<void> {
    session_pair p(l);
    auto [a, b] = co_await p.stream();
    net::event woken;
    a->when_readable([&] { woken.set(); });
    p.server->close();
    EXPECT_EQ((co_await b->write_all("x")).error().code(), errc::closed);
    co_await woken.wait();
    char c;
    auto read = co_await a->read_some({&c, 1});
    EXPECT_EQ(read.error().code(), errc::closed);
    EXPECT_FALSE(p.client->is_open());
    EXPECT_EQ((co_await p.client->open()).error().code(), errc::closed);
    co_await p.scope.join();
    EXPECT_TRUE(p.client_end);
    EXPECT_TRUE(p.server_end);
  }(l));
}

// One session, and the other side by hand.
struct raw_peer {
  explicit raw_peer(net::loop& l, yamux_options o = {}) : scope(l, log::logger("test")) {
    auto ends = must(net::stream_pair(l));
    bytes = std::move(ends.first);
    session = yamux_session::create(l, std::move(ends.second), std::move(o));
    scope.spawn(session_pair::carry(session, &end));
  }
  net::awaitable<yamux_header> next() {
    char raw[yamux_header_bytes];
    must(co_await bytes->read_exactly(raw));
    co_return must(parse_yamux_header({raw, sizeof raw}));
  }
  net::awaitable<void> send(yamux_header header, std::string payload = {}) {
    std::string out;
    append(out, header);
    must(co_await bytes->write_all(out + payload));
  }
  std::unique_ptr<net::byte_stream> bytes;
  std::shared_ptr<yamux_session> session;
  result<> end;
  net::task_scope scope;
};

using h = yamux_header;

TEST(Yamux, FramesAsTheyAre) {
  net::loop l;
  run_test(l, [](net::loop& l) -> net::awaitable<void> {
    std::vector<std::unique_ptr<yamux_stream>> got;
    raw_peer p(l, {.on_stream = [&](std::unique_ptr<yamux_stream> s) { got.push_back(std::move(s)); }});
    co_await p.send({h::ping, h::syn, 0, 0x01020304});
    auto pong = co_await p.next();
    EXPECT_EQ(pong.type, h::ping);
    EXPECT_EQ(pong.flags, h::ack);
    EXPECT_EQ(pong.length, 0x01020304u);
    // Data may come with the frame that opens the stream, and its end with the last data.
    co_await p.send({h::data, h::syn | h::fin, 7, 3}, "abc");
    auto ack = co_await p.next();
    EXPECT_EQ(ack.type, h::window_update);
    EXPECT_EQ(ack.flags, h::ack);
    EXPECT_EQ(ack.stream, 7u);
    EXPECT_EQ(got.size(), 1u);
    EXPECT_EQ(co_await read_to_end(*got[0]), "abc");
    got.clear();
    EXPECT_EQ((co_await p.next()).flags, h::fin);
    // Our own: opened, written, its window grows when half of it was read.
    auto ours = must(co_await p.session->open());
    auto syn = co_await p.next();
    EXPECT_EQ(syn.flags, h::syn);
    EXPECT_EQ(syn.stream, 2u);
    must(co_await ours->write_all("hi"));
    auto data = co_await p.next();
    EXPECT_EQ(data.type, h::data);
    EXPECT_EQ(data.length, 2u);
    char two[2];
    must(co_await p.bytes->read_exactly(two));
    co_await p.send({h::window_update, h::ack, 2, 0});
    co_await p.send({h::data, 0, 2, 200'000}, pattern(200'000));
    std::vector<char> into(200'000);
    must(co_await ours->read_exactly(into));
    auto credit = co_await p.next();
    EXPECT_EQ(credit.type, h::window_update);
    EXPECT_GE(credit.length, stream_window_bytes / 2);
    // After a go-away nothing new is opened, and what is open goes on.
    co_await p.send({h::go_away, 0, 0, h::normal});
    co_await p.send({h::data, h::fin, 2, 4}, "last");
    EXPECT_EQ(co_await read_to_end(*ours), "last");
    EXPECT_EQ((co_await p.session->open()).error().code(), errc::closed);
    ours.reset();
    co_await p.scope.stop();
  }(l));
}

TEST(Yamux, WhatBreaksTheProtocolEndsTheSession) {
  struct row {
    const char* name;
    std::vector<std::string> frames;
  };
  auto frame = [](yamux_header header, std::string payload = {}) {
    std::string out;
    append(out, header);
    return out + payload;
  };
  std::vector<row> rows = {
      {"version", {"\x01" + std::string(11, '\0')}},
      {"type", {std::string("\0\x09", 2) + std::string(10, '\0')}},
      {"flags", {std::string("\0\0\x10\0", 4) + std::string("\0\0\0\x01\0\0\0\0", 8)}},
      {"data on the session", {frame({h::data, 0, 0, 0})}},
      {"a ping with a stream", {frame({h::ping, h::syn, 3, 0})}},
      {"our number", {frame({h::window_update, h::syn, 2, 0})}},
      {"opened twice", {frame({h::window_update, h::syn, 1, 0}), frame({h::window_update, h::syn, 1, 0})}},
      {"beyond the window",
       {frame({h::window_update, h::syn, 1, 0}), frame({h::data, 0, 1, stream_window_bytes}, pattern(stream_window_bytes)), frame({h::data, 0, 1, 1}, "x")}},
      {"a frame beyond any window", {frame({h::data, 0, 9, stream_window_bytes + 1})}},
      {"a window beyond 32 bits", {frame({h::window_update, h::syn, 1, UINT32_MAX}), frame({h::window_update, 0, 1, UINT32_MAX})}},
      {"HTTP", {"GET / HTTP/1.1\r\nHost: x\r\n\r\n"}},
  };
  for (const auto& r : rows) {
    net::loop l;
    run_test(l, [](net::loop& l, const row& r) -> net::awaitable<void> {
      std::vector<std::unique_ptr<yamux_stream>> got;
      raw_peer p(l, {.on_stream = [&](std::unique_ptr<yamux_stream> s) { got.push_back(std::move(s)); }});
      for (const auto& each : r.frames) (void)co_await p.bytes->write_all(each);
      co_await p.scope.join();
      EXPECT_FALSE(p.end) << r.name;
      if (!p.end) EXPECT_EQ(p.end.error().code(), errc::invalid) << r.name;
      std::string last;
      char piece[256];
      for (auto n = co_await p.bytes->read_some(piece); n && *n > 0; n = co_await p.bytes->read_some(piece)) last.append(piece, *n);
      EXPECT_TRUE(last.ends_with(std::string("\0\x03\0\0\0\0\0\0\0\0\0\x01", 12))) << r.name;
      got.clear();
    }(l, r));
  }
}

TEST(Yamux, WhoDoesNotAnswerIsLeft) {
  net::loop l;
  run_test(l, [](net::loop& l) -> net::awaitable<void> {
    raw_peer silent(l, {.keepalive = milliseconds(5), .write_timeout = milliseconds(5)});
    co_await silent.scope.join();
    EXPECT_EQ(silent.end.error().text(), "no answer to a ping within 5ms");
    raw_peer deaf(l, {.keepalive = milliseconds(5), .write_timeout = seconds(9), .open_timeout = milliseconds(1)});
    auto opened = must(co_await deaf.session->open());
    co_await deaf.scope.join();
    EXPECT_EQ(deaf.end.error().text(), "stream 2 was not acknowledged within 1ms");
    opened.reset();
    // Nobody takes streams there.
    raw_peer closed(l);
    co_await closed.send({h::window_update, h::syn, 1, 0});
    EXPECT_EQ((co_await closed.next()).flags, h::rst);
    co_await closed.scope.stop();
    raw_peer idle(l, {.is_idle = [] { return true; }, .keepalive = milliseconds(1)});
    EXPECT_EQ((co_await idle.next()).type, h::go_away);
    co_await idle.scope.join();
    EXPECT_TRUE(idle.end);
  }(l));
}

TEST(Yamux, ABlockedConnectionHoldsWritersAndThenEnds) {
  net::loop l;
  run_test(l, [](net::loop& l) -> net::awaitable<void> {
    raw_peer p(l, {.write_timeout = milliseconds(20)});
    std::vector<std::unique_ptr<yamux_stream>> streams;
    net::task_scope writers(l, log::logger("test"));
    size_t failed = 0;
    for (int i = 0; i < 20; ++i) {
      streams.push_back(must(co_await p.session->open()));
      writers.spawn([](yamux_stream* s, size_t* failed) -> net::awaitable<void> {
        auto done = co_await s->write_all(pattern(250'000));
        if (!done) ++*failed;
      }(streams.back().get(), &failed));
    }
    // Nobody reads the other end.
    co_await p.scope.join();
    EXPECT_EQ(p.end.error().code(), errc::timeout);
    co_await writers.join();
    EXPECT_GT(failed, 0u);
    streams.clear();
  }(l));
}

TEST(Yamux, TheConnectionBreaksWhileClosedStreamsAreGivenUp) {
  net::loop l;
  run_test(l, [](net::loop& l) -> net::awaitable<void> {
    // So many that telling of all of them does not fit into one write.
    constexpr uint32_t streams = 12'000, step = 500;
    raw_peer p(l, {.on_stream = [](std::unique_ptr<yamux_stream>) {}, .keepalive = milliseconds(300), .close_timeout = {}});
    for (uint32_t first = 0; first < streams; first += step) {
      std::string syns;
      for (uint32_t n = first; n < first + step; ++n) append(syns, {h::window_update, h::syn, 2 * n + 1, 0});
      must(co_await p.bytes->write_all(syns));
      std::string answers(2 * step * yamux_header_bytes, '\0');
      must(co_await p.bytes->read_exactly(answers));
    }
    EXPECT_EQ(::shutdown(p.bytes->native_handle(), SHUT_RD), 0);
    co_await p.scope.join();
    EXPECT_FALSE(p.session->is_open());
  }(l));
}

}  // namespace
}  // namespace drover::rpc
