#include "net/http_server.h"

#include <filesystem>

#include "base/text.h"
#include "net/event.h"
#include "net/gzip.h"
#include "net/http_test_server.h"

namespace drover::net {
namespace {

struct net_http_server : testing::Test {
  loop l;
};

// Says what it understood.
awaitable<void> echo(http_exchange& x) {
  auto& r = x.request();
  co_await x.respond({200, {{"Content-Type", "text/plain"}}, fmt::format("{} {} {}", r.method, r.target, r.body)});
}

std::string body_of(std::string_view raw) { return std::string(raw.substr(raw.find("\r\n\r\n") + 4)); }
std::string first_line(std::string_view raw) { return std::string(raw.substr(0, raw.find("\r\n"))); }

TEST_F(net_http_server, answers_requests_of_all_shapes) {
  struct row {
    const char* request;
    const char* first_line;
    const char* body;
  };
  run_test(l, [](loop& l) -> awaitable<void> {
    test_server s(l, echo);
    for (const auto& [request, line, body] : std::initializer_list<row>{
             {"GET /a?b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK", "GET /a?b "},
             {"GET /a HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK", "GET /a "},
             {"HEAD /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK", ""},
             {"PUT /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK", "PUT /b hello"},
             {"POST /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;ext=1\r\ndefg\r\n0\r\nTrailer: x\r\n\r\n",
              "HTTP/1.1 200 OK", "POST /c abcdefg"},
             {"PURGE /d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK", "PURGE /d "},
             {"nonsense\r\n\r\n", "HTTP/1.1 400 Bad Request", nullptr},
             {"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 Bad Request", "invalid URL escape \"%zz\": % must be followed by two hexadecimal digits\n"},
             {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request", "the request has no Host header\n"},
             {"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "HTTP/1.1 400 Bad Request", "the request has more than one Host header\n"},
             {"GET / HTTP/3.0\r\nHost: x\r\n\r\n", "HTTP/1.1 400 Bad Request", nullptr},
             {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 400 Bad Request", nullptr},
             {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 501 Not Implemented", nullptr},
             {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", "HTTP/1.1 501 Not Implemented", nullptr},
             {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", "HTTP/1.1 400 Bad Request", nullptr},
             {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 400 Bad Request", nullptr},
         }) {
      auto raw = co_await raw_dialogue(s.where, request);
      EXPECT_EQ(first_line(raw), line) << request;
      EXPECT_NE(raw.find("\r\nDate: "), raw.npos);
      if (body) EXPECT_EQ(body_of(raw), body) << request;
    }
    EXPECT_EQ(s.server.stats().bad_requests, 10u);
    co_await s.stop();
  }(l));
}

TEST_F(net_http_server, bytes_one_at_a_time_are_the_same_request) {
  run_test(l, [](loop& l) -> awaitable<void> {
    test_server s(l, echo);
    auto stream = must(co_await dial(s.where));
    for (char c : std::string_view("POST /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")) {
      must(co_await stream->write_all({&c, 1}));
      co_await yield();
    }
    EXPECT_EQ(body_of(co_await read_to_end(*stream)), "POST /x hello");
    co_await s.stop();
  }(l));
}

TEST_F(net_http_server, pipelined_requests_are_answered_in_order) {
  run_test(l, [](loop& l) -> awaitable<void> {
    test_server s(l, [](http_exchange& x) -> awaitable<void> {
      // The first ones wait longest.
      if (x.request().target == "/0") co_await sleep_for(milliseconds(5));
      co_await x.respond({200, {}, x.request().target + ";"});
    });
    std::string requests;
    for (int i = 0; i < 200; ++i) requests += fmt::format("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", i);
    auto stream = must(co_await dial(s.where));
    must(co_await stream->write_all(requests + "GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    auto raw = co_await read_to_end(*stream);
    size_t at = 0;
    for (int i = 0; i < 200; ++i) {
      at = raw.find(fmt::format("\r\n\r\n/{};", i), at);
      EXPECT_NE(at, raw.npos) << i;
    }
    EXPECT_NE(raw.find("/last;", at), raw.npos);
    EXPECT_EQ(s.server.stats().requests, 201u);
    co_await s.stop();
  }(l));
}

TEST_F(net_http_server, limits_of_body_and_header) {
  run_test(l, [](loop& l) -> awaitable<void> {
    test_server s(l, echo, {.header_bytes_max = 1000, .request_body_bytes_max = 100, .large_body_path = "/large", .large_body_bytes_max = 200});
    auto head = std::string("POST / HTTP/1.1\r\nHost: x\r\n");
    auto raw = co_await raw_dialogue(s.where, head + "Content-Length: 101\r\n\r\n" + std::string(101, 'x'));
    EXPECT_EQ(first_line(raw), "HTTP/1.1 413 Request Entity Too Large");
    EXPECT_EQ(body_of(raw), "the request body is longer than the limit of 100 bytes\n");
    raw =
        co_await raw_dialogue(s.where, head + "Transfer-Encoding: chunked\r\n\r\n40\r\n" + std::string(64, 'x') + "\r\n40\r\n" + std::string(64, 'x') + "\r\n");
    EXPECT_EQ(first_line(raw), "HTTP/1.1 413 Request Entity Too Large");
    raw = co_await raw_dialogue(s.where, head + "Connection: close\r\nContent-Length: 100\r\n\r\n" + std::string(100, 'x'));
    EXPECT_EQ(first_line(raw), "HTTP/1.1 200 OK");
    raw = co_await raw_dialogue(s.where, "PUT /large?x=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 200\r\n\r\n" + std::string(200, 'x'));
    EXPECT_EQ(first_line(raw), "HTTP/1.1 200 OK");
    raw = co_await raw_dialogue(s.where, "PUT /large HTTP/1.1\r\nHost: x\r\nContent-Length: 201\r\n\r\n" + std::string(201, 'x'));
    EXPECT_EQ(body_of(raw), "the request body is longer than the limit of 200 bytes\n");
    raw = co_await raw_dialogue(s.where, head + "X: " + std::string(1000, 'x') + "\r\n\r\n");
    EXPECT_EQ(first_line(raw), "HTTP/1.1 431 Request Header Fields Too Large");
    std::string many = head;
    for (int i = 0; i < 100; ++i) many += fmt::format("X-{}: some value\r\n", i);
    raw = co_await raw_dialogue(s.where, many + "\r\n");
    EXPECT_EQ(first_line(raw), "HTTP/1.1 431 Request Header Fields Too Large");
    co_await s.stop();
  }(l));
}

TEST_F(net_http_server, slow_clients_are_cut) {
  run_test(l, [](loop& l) -> awaitable<void> {
    test_server s(l, echo, {.header_timeout = milliseconds(100), .body_timeout = milliseconds(100), .idle_timeout = milliseconds(100)});
    EXPECT_EQ(first_line(co_await raw_dialogue(s.where, "GET / HT")), "HTTP/1.1 408 Request Timeout");
    EXPECT_EQ(first_line(co_await raw_dialogue(s.where, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab")), "HTTP/1.1 408 Request Timeout");
    EXPECT_EQ(co_await raw_dialogue(s.where, ""), "");
    auto idle = co_await raw_dialogue(s.where, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(first_line(idle), "HTTP/1.1 200 OK");
    co_await s.stop();
  }(l));
}

TEST_F(net_http_server, expect_continue) {
  run_test(l, [](loop& l) -> awaitable<void> {
    test_server s(l, echo, {.request_body_bytes_max = 10});
    auto stream = must(co_await dial(s.where));
    must(co_await stream->write_all("PUT / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"));
    EXPECT_EQ(co_await read_until(*stream, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    must(co_await stream->write_all("ok"));
    EXPECT_EQ(body_of(co_await read_to_end(*stream)), "PUT / ok");
    auto raw = co_await raw_dialogue(s.where, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(first_line(raw), "HTTP/1.1 413 Request Entity Too Large");
    co_await s.stop();
  }(l));
}

TEST_F(net_http_server, a_client_that_leaves_cancels_its_handler) {
  run_test(l, [](loop& l) -> awaitable<void> {
    event started, unwound, never_set;
    test_server s(l, [&](http_exchange&) -> awaitable<void> {
      struct at_end {
        event& e;
        ~at_end() { e.set(); }
      } guard{unwound};
      started.set();
      co_await never_set.wait();
    });
    for (bool pipelined : {false, true}) {
      auto stream = must(co_await dial(s.where));
      std::string request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
      must(co_await stream->write_all(pipelined ? request + request : request));
      EXPECT_TRUE(co_await started.wait());
      EXPECT_EQ(s.server.stats().running, 1u);
      stream->close();
      EXPECT_TRUE(co_await unwound.wait());
      started.reset();
      unwound.reset();
    }
    while (s.server.stats().connections > 0) co_await yield();
    EXPECT_EQ(s.server.stats().disconnects, 2u);
    EXPECT_EQ(s.server.stats().running, 0u);
    co_await s.stop();
  }(l));
}

TEST_F(net_http_server, a_handler_that_fails_gives_500) {
  run_test(l, [](loop& l) -> awaitable<void> {
    test_server s(l, [](http_exchange& x) -> awaitable<void> {
      if (x.request().target == "/throw") throw std::runtime_error("boom");
      if (x.request().target == "/cut") {
        co_await x.start_stream(200, {});
        co_await x.write("half");
      }
    });
    auto c = s.client();
    EXPECT_EQ(must(co_await c->request({.target = "/throw"})).status, 500);
    EXPECT_EQ(must(co_await c->request({.target = "/nothing"})).status, 500);
    auto cut = co_await c->request({.target = "/cut"});
    EXPECT_FALSE(cut);
    EXPECT_EQ(cut.error().code(), errc::closed);
    co_await s.stop();
  }(l));
}

TEST_F(net_http_server, gzip_when_asked_and_worth_it) {
  run_test(l, [](loop& l) -> awaitable<void> {
    test_server s(l, [](http_exchange& x) -> awaitable<void> {
      if (x.request().target == "/stream") {
        co_await x.start_stream(200, {}, true);
        for (int i = 0; i < 3; ++i) co_await x.write("piece ");
        co_await x.finish();
        co_return;
      }
      co_await x.respond({200, {}, std::string(x.request().target == "/big" ? 100'000 : 10, 'x')});
    });
    auto c = s.client();
    auto plain = must(co_await c->request({.target = "/big"}));
    EXPECT_FALSE(plain.headers.has("Content-Encoding"));
    EXPECT_EQ(plain.body.size(), 100'000u);
    auto raw = co_await raw_dialogue(s.where, "GET /big HTTP/1.1\r\nHost: x\r\nAccept-Encoding: br, gzip\r\nConnection: close\r\n\r\n");
    EXPECT_LT(raw.size(), 2000u);
    EXPECT_EQ(gunzip(body_of(raw), 200'000).value(), plain.body);
    raw = co_await raw_dialogue(s.where, "GET /big HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip;q=0\r\nConnection: close\r\n\r\n");
    EXPECT_GT(raw.size(), 100'000u);
    raw = co_await raw_dialogue(s.where, "GET /small HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(body_of(raw), "xxxxxxxxxx");
    EXPECT_EQ(must(co_await c->request({.target = "/big", .accept_gzip = true})).body, plain.body);
    EXPECT_EQ(must(co_await c->request({.target = "/stream", .accept_gzip = true})).body, "piece piece piece ");
    EXPECT_EQ(must(co_await c->request({.target = "/stream"})).body, "piece piece piece ");
    co_await s.stop();
  }(l));
}

TEST_F(net_http_server, connections_over_the_limit_get_429_or_503) {
  run_test(l, [](loop& l) -> awaitable<void> {
    for (auto [limits, line] : {std::pair(http_limits{.connections_per_ip_max = 2}, "HTTP/1.1 429 Too Many Requests"),
                                std::pair(http_limits{.connections_max = 2}, "HTTP/1.1 503 Service Unavailable")}) {
      test_server s(l, echo, limits);
      auto a = s.client(), b = s.client();
      EXPECT_EQ(must(co_await a->request({})).status, 200);
      EXPECT_EQ(must(co_await b->request({})).status, 200);
      EXPECT_EQ(first_line(co_await raw_dialogue(s.where, "")), line);
      a.reset();
      while (s.server.stats().connections > 1) co_await yield();
      EXPECT_EQ(first_line(co_await raw_dialogue(s.where, "GET / HTTP/1.0\r\n\r\n")), "HTTP/1.1 200 OK");
      EXPECT_EQ(s.server.stats().refused_connections, 1u);
      co_await s.stop();
    }
  }(l));
}

TEST_F(net_http_server, stop_lets_running_handlers_finish_within_grace) {
  run_test(l, [](loop& l) -> awaitable<void> {
    event go;
    test_server s(l, [&](http_exchange& x) -> awaitable<void> {
      co_await go.wait();
      co_await x.respond({200, {}, "done"});
    });
    auto busy = must(co_await dial(s.where));
    must(co_await busy->write_all("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    auto idle = must(co_await dial(s.where));
    while (s.server.stats().running < 1 || s.server.stats().connections < 2) co_await yield();
    task_scope scope(l, log::logger("test"));
    scope.spawn([](test_server& s) -> awaitable<void> { co_await s.server.stop(minutes(5)); }(s));
    EXPECT_EQ(co_await read_to_end(*idle), "");
    EXPECT_FALSE(co_await dial(s.where));
    go.set();
    auto raw = co_await read_to_end(*busy);
    EXPECT_EQ(first_line(raw), "HTTP/1.1 200 OK");
    EXPECT_NE(raw.find("\r\nConnection: close\r\n"), raw.npos);
    co_await scope.join();
  }(l));
}

TEST_F(net_http_server, stop_cancels_what_outlasts_the_grace) {
  run_test(l, [](loop& l) -> awaitable<void> {
    event never_set;
    test_server s(l, [&](http_exchange&) -> awaitable<void> { co_await never_set.wait(); });
    auto stream = must(co_await dial(s.where));
    must(co_await stream->write_all("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    while (s.server.stats().running < 1) co_await yield();
    co_await s.server.stop(milliseconds(5));
    EXPECT_EQ(co_await read_to_end(*stream), "");
  }(l));
}

TEST_F(net_http_server, a_client_that_takes_nothing_is_cut) {
  run_test(l, [](loop& l) -> awaitable<void> {
    event ended;
    errc code = errc::unknown;
    test_server s(l,
                  [&](http_exchange& x) -> awaitable<void> {
                    auto sent = co_await x.respond({200, {}, std::string(20'000'000, 'x')});
                    code = sent ? errc::unknown : sent.error().code();
                    ended.set();
                  },
                  {.write_timeout = milliseconds(20)});
    auto stream = must(co_await dial(s.where));
    must(co_await stream->write_all("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    EXPECT_TRUE(co_await ended.wait());
    EXPECT_EQ(code, errc::closed);
    co_await s.stop();
  }(l));
}

TEST_F(net_http_server, stop_finishes_even_when_cancelled) {
  run_test(l, [](loop& l) -> awaitable<void> {
    event never_set;
    test_server s(l, [&](http_exchange&) -> awaitable<void> { co_await never_set.wait(); });
    auto stream = must(co_await dial(s.where));
    must(co_await stream->write_all("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    while (s.server.stats().running < 1) co_await yield();
    auto stop = [](http_server& server) -> awaitable<result<>> {
      co_await server.stop(hours(1));
      co_return result<>();
    };
    (void)co_await with_deadline(stop(s.server), after(milliseconds(5)));
    EXPECT_EQ(s.server.stats().connections, 0u);
  }(l));
}

TEST_F(net_http_server, unix_sockets) {
  run_test(l, [](loop& l) -> awaitable<void> {
    auto path = std::filesystem::temp_directory_path() / fmt::format("drover-net-test-{}.sock", ::getpid());
    test_server s(l, echo);
    auto where = must(s.server.listen({.host = {}, .port = 0, .path = path}));
    EXPECT_FALSE(s.server.listen(where)) << "in use";
    auto c = must(http_client::create({.address = "unix://" + path.string()}));
    EXPECT_EQ(must(co_await c->request({.method = "PUT", .target = "/x", .body = "b"})).body, "PUT /x b");
    EXPECT_EQ(std::filesystem::status(path).permissions() & std::filesystem::perms::mask, std::filesystem::perms(0600));
    c.reset();
    co_await s.stop();
    EXPECT_FALSE(std::filesystem::exists(path));
  }(l));
}

TEST_F(net_http_server, header_values_cannot_forge_headers) {
  run_test(l, [](loop& l) -> awaitable<void> {
    test_server s(l, [](http_exchange& x) -> awaitable<void> { co_await x.respond({200, {{"X", "a\r\nY: b"}}, ""}); });
    auto answer = must(co_await s.client()->request({}));
    EXPECT_EQ(answer.headers.get("X"), "a  Y: b");
    EXPECT_FALSE(answer.headers.has("Y"));
    co_await s.stop();
  }(l));
}

}  // namespace
}  // namespace drover::net
