// The RPC port against bytes as other agents send them, and against those that nobody should send.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "crypto/certificate.h"
#include "env/clock.h"
#include "net/test_loop.h"
#include "rpc/framing.h"
#include "rpc/limits.h"
#include "rpc/test_support.h"
#include "rpc/yamux.h"
#include "schema/rpc_header.h"

namespace drover::rpc {
namespace {

using net::must;
using net::run_test;

std::string request_frame(uint64_t seq, std::string method, const schema::generic_request& body) {
  return codec::to_msgpack(schema::rpc_request_header{seq, std::move(method)}) + codec::to_msgpack(body);
}

struct answer_frame {
  schema::rpc_response_header header;
  std::string body;
};
awaitable<answer_frame> next_answer(object_reader& reader) {
  answer_frame out;
  out.header = must(codec::from_msgpack<schema::rpc_response_header>(*must(co_await reader.next(response_header_bytes_max))));
  out.body = std::string(*must(co_await reader.next(body_bytes_max)));
  co_return out;
}

TEST(Port, PipelinedCallsAreAllAnswered) {
  net::loop l;
  run_test(l, [](net::loop& l) -> awaitable<void> {
    rpc_world w(l);
    auto stream = must(co_await net::dial(w.where));
    std::string all = "\x01";
    schema::generic_request request;
    for (uint64_t n = 0; n < 300; ++n) {
      request.min_query_index = n;
      all += request_frame(n, "Test.Answer", request);
    }
    must(co_await stream->write_all(all));
    must(co_await stream->shutdown());
    object_reader reader(*stream);
    std::vector<bool> seen(300);
    for (int i = 0; i < 300; ++i) {
      auto answer = co_await next_answer(reader);
      EXPECT_EQ(must(codec::from_msgpack<schema::generic_response>(answer.body)).index, answer.header.seq + 1);
      EXPECT_FALSE(seen.at(answer.header.seq));
      seen.at(answer.header.seq) = true;
    }
    EXPECT_EQ(must(co_await reader.next(100)), std::nullopt);
    co_await w.stop();
  }(l));
}

TEST(Port, WhoDoesNotReadAnswersIsNotReadEither) {
  net::loop l;
  run_test(l, [](net::loop& l) -> awaitable<void> {
    rpc_world w(l);
    auto stream = must(co_await net::dial(w.where));
    constexpr uint64_t calls = 800;
    schema::generic_request request;
    request.filter.assign(100'000, 'x');
    std::string one = request_frame(7, "Test.Filter", request);
    net::task_scope scope(l, log::logger("test"));
    net::event written;
    scope.spawn([](net::byte_stream* to, std::string one, net::event* written) -> awaitable<void> {
      must(co_await to->write_all("\x01"));
      for (uint64_t n = 0; n < calls; ++n) must(co_await to->write_all(one));
      written->set();
    }(stream.get(), one, &written));
    EXPECT_FALSE(co_await written.wait(net::after(milliseconds(500))));
    EXPECT_LT(w.server->stats().calls, calls / 2);
    object_reader reader(*stream);
    for (uint64_t n = 0; n < calls; ++n) EXPECT_EQ((co_await next_answer(reader)).header.seq, 7u);
    EXPECT_TRUE(written.is_set());
    co_await scope.join();
    co_await w.stop();
  }(l));
}

TEST(Port, AnErrorHasAnEmptyBody) {
  net::loop l;
  run_test(l, [](net::loop& l) -> awaitable<void> {
    rpc_world w(l);
    auto stream = must(co_await net::dial(w.where));
    must(co_await stream->write_all("\x01" + request_frame(7, "No.Such", {})));
    std::string expected =
        "\x83\xa5"
        "Error\xbf"
        "rpc: can't find service No.Such\xa3"
        "Seq\x07\xad"
        "ServiceMethod\xa7"
        "No.Such\x80";
    std::string got(expected.size(), '\0');
    must(co_await stream->read_exactly(got));
    EXPECT_EQ(got, expected);
    // A body of another shape is refused, and the stream goes on.
    must(co_await stream->write_all(codec::to_msgpack(schema::rpc_request_header{8, "Test.Answer"}) + "\x93\x01\x02\x03"));
    object_reader reader(*stream);
    auto refused = co_await next_answer(reader);
    EXPECT_EQ(refused.header.seq, 8u);
    EXPECT_EQ(refused.header.error, "RPC Error:: 400,the request of Test.Answer cannot be read: msgpack: expected a map for GenericRequest");
    EXPECT_EQ(refused.body, empty_body);
    must(co_await stream->write_all(request_frame(9, "Status.Leader", {})));
    EXPECT_EQ((co_await next_answer(reader)).body, text_message("127.0.0.1:4647"));
    stream.reset();
    co_await w.stop();
  }(l));
}

// What the bytes on a new connection lead to.
TEST(Port, FirstBytes) {
  net::loop l;
  run_test(l, [](net::loop& l) -> awaitable<void> {
    std::unique_ptr<net::byte_stream> raft;
    rpc_world w(l, {}, {.on_raft = [&](std::unique_ptr<net::byte_stream> s) { raft = std::move(s); }});
    {
      auto stream = must(co_await net::dial(w.where));
      must(co_await stream->write_all("\x02rest"));
      char rest[4];
      while (!raft) co_await net::yield();
      must(co_await raft->read_exactly(rest));
      EXPECT_EQ(std::string(rest, 4), "rest");
      raft.reset();
    }
    {
      auto stream = must(co_await net::dial(w.where));
      must(co_await stream->write_all("\x05" + codec::to_msgpack(schema::streaming_rpc_header{"Test.Echo"})));
      object_reader reader(*stream);
      EXPECT_EQ(must(codec::from_msgpack<schema::streaming_rpc_ack>(*must(co_await reader.next(1000)))).error, "");
      must(co_await stream->write_all(codec::to_msgpack(schema::fs_logs_request{}) + text_message("hi")));
      EXPECT_EQ(*must(co_await reader.next(1000)), text_message("echo hi"));
      must(co_await stream->shutdown());
      EXPECT_TRUE(must(co_await reader.next(1000)).has_value());
      EXPECT_EQ(must(co_await reader.next(1000)), std::nullopt);
    }
    {
      // Yamux without kinds: each stream is calls, and nothing goes back.
      auto stream = must(co_await net::dial(w.where));
      must(co_await stream->write_all("\x03"));
      auto session = yamux_session::create(l, std::move(stream), {.client = true});
      net::task_scope scope(l, log::logger("test"));
      scope.spawn([](std::shared_ptr<yamux_session> s) -> awaitable<void> { (void)co_await s->run(); }(session));
      auto calls = must(co_await session->open());
      must(co_await calls->write_all(request_frame(1, "Test.Answer", {})));
      object_reader reader(*calls);
      EXPECT_EQ((co_await next_answer(reader)).header.seq, 1u);
      EXPECT_EQ(w.last_context.back, nullptr);
      calls.reset();
      co_await scope.stop();
    }
    co_await w.stop();
  }(l));
}

TEST(Port, GarbageIsLoggedOnceAndWithoutItsBytes) {
  net::loop l;
  std::vector<std::string> logged;
  auto listening = log::subscribe(log::level::info, [&](const log::event& e) { logged.push_back(log::format_line(e)); });
  run_test(l, [](net::loop& l, std::vector<std::string>& logged) -> awaitable<void> {
    rpc_world w(l);
    schema::generic_request request;
    std::string session = "\x06";
    append(session, {yamux_header::data, yamux_header::syn, 1, 6});
    for (const auto& bytes : std::vector<std::string>{std::string("GET /secret HTTP/1.1\r\n"), std::string("\x04\x16\x03"), std::string("\x02"),
                                                      std::string(1, '\0'), "\x01" + std::string(5000, '\x94'), "\x01\xc1secret", "\x01\xdf\xff\xff\xff\xff",
                                                      "\x05\xdd\x7f\xff\xff\xff", "\x06secret, more than a header", session + "secret"}) {
      logged.clear();
      auto stream = must(co_await net::dial(w.where));
      must(co_await stream->write_all(bytes));
      if (bytes.starts_with(session)) must(co_await stream->shutdown());
      char piece[100];
      for (auto n = co_await stream->read_some(piece); n && *n > 0; n = co_await stream->read_some(piece)) {
      }
      while (w.server->stats().connections > 0) co_await net::yield();
      EXPECT_EQ(logged.size(), 1u) << bytes;
      for (const auto& line : logged) {
        EXPECT_NE(line.find("127.0.0.1:"), line.npos) << line;
        EXPECT_EQ(line.find("secret"), line.npos) << line;
      }
    }
    // Who only looks whether the port is there is not worth a line.
    logged.clear();
    must(co_await net::dial(w.where)).reset();
    while (w.server->stats().accepted < 11 || w.server->stats().connections > 0) co_await net::yield();
    EXPECT_TRUE(logged.empty());
    co_await w.stop();
  }(l, logged));
}

TEST(Port, Limits) {
  net::loop l;
  run_test(l, [](net::loop& l) -> awaitable<void> {
    rpc_world w(l, {}, {.limits = {.handshake_timeout = milliseconds(20), .connections_per_ip_max = 22}});
    char c;
    auto silent = must(co_await net::dial(w.where));
    EXPECT_EQ(must(co_await silent->read_some({&c, 1})), 0u);
    std::vector<std::unique_ptr<net::byte_stream>> calling;
    for (uint64_t n = 0; n < 22; ++n) {
      calling.push_back(must(co_await net::dial(w.where)));
      must(co_await calling.back()->write_all("\x01" + request_frame(n, "Test.Answer", {})));
      object_reader reader(*calling.back());
      EXPECT_EQ((co_await next_answer(reader)).header.seq, n);
    }
    auto one_more = must(co_await net::dial(w.where));
    EXPECT_EQ(must(co_await one_more->read_some({&c, 1})), 0u);
    EXPECT_EQ(w.server->stats().connections, 22u);
    calling.clear();
    while (w.server->stats().connections > 0) co_await net::yield();
    // Streaming connections get 20 fewer.
    auto hello = "\x05" + codec::to_msgpack(schema::streaming_rpc_header{"Test.Echo"}) + codec::to_msgpack(schema::fs_logs_request{});
    for (int i = 0; i < 3; ++i) {
      calling.push_back(must(co_await net::dial(w.where)));
      must(co_await calling.back()->write_all(hello));
      EXPECT_EQ(must(co_await calling.back()->read_some({&c, 1})), i < 2 ? 1u : 0u) << i;
    }
    calling.clear();
    co_await w.stop();
  }(l));
}

// A CA of a test, in a directory of its own.
class test_authority {
 public:
  test_authority() : directory_(std::filesystem::temp_directory_path() / fmt::format("drover-rpc-test-{}-{}", ::getpid(), ++made)) {
    std::filesystem::create_directories(directory_);
    pair_ = net::must(crypto::make_authority({.subject = {.common_name = "Test CA"}, .from = now()}));
    write("ca", pair_);
  }
  ~test_authority() { std::filesystem::remove_all(directory_); }
  test_authority(const test_authority&) = delete;
  test_authority& operator=(const test_authority&) = delete;
  // For either side of a connection; both verify the other.
  net::tls_options issue(const std::string& name, const std::string& also = "localhost") {
    write(name, net::must(crypto::make_certificate(pair_, {.common_name = name, .dns_names = {name, also}, .from = now(), .days = 1})));
    net::tls_options out;
    out.certificate_file = path(name);
    out.key_file = path(name + "-key");
    out.ca_file = path("ca");
    return out;
  }

 private:
  static inline int made = 0;
  static timestamp now() { return env::real_clock().now() + duration(-minutes(1).ns); }
  std::string path(const std::string& name) const { return directory_ / (name + ".pem"); }
  void write(const std::string& name, const crypto::certified_key& pair) {
    std::ofstream(path(name)) << pair.certificate;
    std::ofstream(path(name + "-key")) << pair.key;
  }
  std::filesystem::path directory_;
  crypto::certified_key pair_;
};

TEST(Port, Tls) {
  net::loop l;
  run_test(l, [](net::loop& l) -> awaitable<void> {
    test_authority ca, strangers;
    auto server_side = must(net::tls_context::server(ca.issue("server.global.nomad")));
    auto client_options = ca.issue("client.global.nomad", "node-7.global.nomad");
    client_options.server_name = "server.global.nomad";
    auto wrong_ca = strangers.issue("client.global.nomad");
    wrong_ca.verify = false;
    auto context = must(net::tls_context::client(client_options));
    rpc_world w(l, {.tls = [&](const std::string&) { return context; }}, {.tls = [&] { return server_side; }});
    schema::generic_request request;
    request.filter.assign(3'000'000, 'x');
    EXPECT_EQ(must(co_await call<std::string>(*w.channel(), "Test.Filter", request)), request.filter);
    EXPECT_TRUE(must(co_await call<schema::generic_response>(*w.channel(), "Test.Answer", request)).index == 1);
    EXPECT_EQ(w.last_context.tls_names, (std::vector<std::string>{"client.global.nomad", "node-7.global.nomad"}));
    {
      auto stream = must(co_await open(*w.channel(), "Test.Echo", schema::fs_logs_request{}));
      must(co_await stream->write(text_message("hi")));
      EXPECT_EQ(must(co_await stream->read()), text_message("echo hi"));
    }
    // Without a certificate of that CA, without TLS, and with TLS inside TLS nobody gets in.
    context = must(net::tls_context::client(wrong_ca));
    connection_pool other(l, {.tls = [&](const std::string&) { return context; }});
    auto refused = co_await call<schema::generic_response>(*other.to(w.address, "global"), "Test.Answer", request);
    EXPECT_FALSE(refused);
    connection_pool plain(l, {});
    EXPECT_EQ((co_await call<schema::generic_response>(*plain.to(w.address, "global"), "Test.Answer", request)).error().code(), errc::closed);
    auto stream = must(co_await net::dial(w.where));
    must(co_await stream->write_all("\x04"));
    auto secured = must(co_await net::tls_connect(std::move(stream), must(net::tls_context::client(client_options)), ""));
    must(co_await secured->write_all("\x04"));
    char c;
    EXPECT_EQ(must(co_await secured->read_some({&c, 1})), 0u);
    secured.reset();
    co_await other.stop();
    co_await plain.stop();
    co_await w.stop();
  }(l));
}

TEST(Port, TlsMayBeOptional) {
  net::loop l;
  run_test(l, [](net::loop& l) -> awaitable<void> {
    test_authority ca;
    auto server_side = must(net::tls_context::server(ca.issue("server.global.nomad")));
    rpc_world w(l, {}, {.tls = [&] { return server_side; }, .plain_allowed = true});
    EXPECT_EQ(must(co_await call<schema::generic_response>(*w.channel(), "Test.Answer", schema::generic_request{})).index, 1u);
    EXPECT_TRUE(w.last_context.tls_names.empty());
    co_await w.stop();
  }(l));
}

}  // namespace
}  // namespace drover::rpc
