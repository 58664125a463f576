#include "net/http_client.h"

#include "net/event.h"
#include "net/http_test_server.h"

namespace drover::net {
namespace {

struct net_http_client : testing::Test {
  loop l;
};

TEST_F(net_http_client, bodies_of_all_sizes_both_ways_on_one_connection) {
  run_test(l, [](loop& l) -> awaitable<void> {
    test_server s(l, [](http_exchange& x) -> awaitable<void> { co_await x.respond({200, {}, std::move(x.request().body)}); });
    auto c = s.client();
    for (size_t size : {0u, 1u, 4095u, 65'536u, 65'537u, 5'000'000u}) {
      std::string body(size, 'x');
      for (size_t i = 0; i < size; i += 7) body[i] = static_cast<char>(i);
      auto answer = must(co_await c->request({.method = "PUT", .target = "/", .body = body}));
      EXPECT_TRUE(answer.body == body) << size;
    }
    EXPECT_EQ(s.server.stats().connections, 1u);
    auto head = must(co_await c->request({.method = "HEAD"}));
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.body, "");
    auto small = co_await c->request({.method = "PUT", .body = std::string(1000, 'x'), .response_bytes_max = 999});
    EXPECT_EQ(small.error().code(), errc::too_large);
    co_await s.stop();
  }(l));
}

TEST_F(net_http_client, streams_piece_by_piece) {
  run_test(l, [](loop& l) -> awaitable<void> {
    event next, gone;
    test_server s(l, [&](http_exchange& x) -> awaitable<void> {
      struct at_end {
        event& e;
        ~at_end() { e.set(); }
      } guard{gone};
      co_await x.start_stream(200, {{"Content-Type", "application/x-ndjson"}});
      for (int i = 0; x.request().target == "/endless" || i < 3; ++i) {
        co_await next.wait();
        next.reset();
        if (!co_await x.write(fmt::format("{{\"n\":{}}}\n", i))) co_return;
      }
      co_await x.finish();
    });
    auto c = s.client();
    auto reader = must(co_await c->open({.target = "/three"}));
    EXPECT_EQ(reader->status(), 200);
    EXPECT_EQ(reader->headers().get("content-type"), "application/x-ndjson");
    for (int i = 0; i < 3; ++i) {
      next.set();
      EXPECT_EQ(must(co_await reader->read()), fmt::format("{{\"n\":{}}}\n", i));
    }
    EXPECT_EQ(must(co_await reader->read()), "");
    gone.reset();
    auto endless = must(co_await c->open({.target = "/endless"}));
    next.set();
    EXPECT_EQ(must(co_await endless->read()), "{\"n\":0}\n");
    endless.reset();
    EXPECT_TRUE(co_await gone.wait());
    co_await s.stop();
  }(l));
}

TEST_F(net_http_client, errors_say_what_happened) {
  run_test(l, [](loop& l) -> awaitable<void> {
    event never_set;
    test_server s(l, [&](http_exchange&) -> awaitable<void> { co_await never_set.wait(); });
    auto c = s.client();
    auto late = co_await c->request({.target = "/slow", .timeout = milliseconds(10)});
    EXPECT_EQ(late.error().code(), errc::timeout);
    EXPECT_EQ(late.error().message(), fmt::format("GET /slow at {}: no answer within 10ms", s.url()));
    while (s.server.stats().connections > 0) co_await yield();
    co_await s.stop();
    auto refused = co_await c->request({});
    EXPECT_EQ(refused.error().code(), errc::unavailable);
    EXPECT_EQ(refused.error().message(), fmt::format("dial {}: Connection refused", to_string(s.where)));
    EXPECT_FALSE(http_client::create({.address = "gopher://x"}));
  }(l));
}

TEST_F(net_http_client, a_connection_closed_by_the_server_is_replaced) {
  run_test(l, [](loop& l) -> awaitable<void> {
    http_handler ok = [](http_exchange& x) -> awaitable<void> { co_await x.respond({200, {}, "ok"}); };
    auto first = std::make_unique<test_server>(l, ok);
    auto c = first->client();
    EXPECT_EQ(must(co_await c->request({})).body, "ok");
    auto where = first->where;
    co_await first->stop();
    first.reset();
    http_server second(l, {.handler = ok});
    must(second.listen(where));
    EXPECT_EQ(must(co_await c->request({.method = "POST"})).body, "ok");
    co_await second.stop();
  }(l));
}

TEST_F(net_http_client, interim_answers_and_bodies_until_close) {
  run_test(l, [](loop& l) -> awaitable<void> {
    auto listening = must(listener::listen(l, {.host = "127.0.0.1", .port = 0, .path = {}}));
    task_scope scope(l, log::logger("test"));
    scope.spawn([](listener& from) -> awaitable<void> {
      auto stream = must(co_await from.accept());
      co_await read_until(*stream, "\r\n\r\n");
      must(co_await stream->write_all("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nX: y\r\n\r\nuntil the end"));
      must(co_await stream->shutdown());
      auto garbage = must(co_await from.accept());
      co_await read_until(*garbage, "\r\n\r\n");
      must(co_await garbage->write_all("220 smtp ready\r\n"));
    }(*listening));
    auto c = must(http_client::create({.address = to_string(listening->local()), .headers = {{"X-Nomad-Token", "t"}}}));
    auto answer = must(co_await c->request({}));
    EXPECT_EQ(answer.body, "until the end");
    EXPECT_EQ(answer.headers.get("X"), "y");
    EXPECT_FALSE(answer.headers.has("Link"));
    auto bad = co_await c->request({});
    EXPECT_EQ(bad.error().code(), errc::invalid);
    co_await scope.join();
  }(l));
}

TEST_F(net_http_client, works_synchronously_for_commands) {
  // A command line has no loop of its own: everything runs inside run_to_completion.
  auto s = std::make_unique<test_server>(l, [](http_exchange& x) -> awaitable<void> { co_await x.respond({200, {}, x.request().query.text()}); });
  auto c = s->client();
  EXPECT_EQ(must(run_to_completion(l, c->request({.target = "/v1/jobs?prefix=a&stale"}))).body, "prefix=a&stale");
  EXPECT_EQ(must(run_to_completion(l, c->request({.target = "/?x"}))).body, "x");
  run_to_completion(l, s->stop());
}

}  // namespace
}  // namespace drover::net
