#include "net/websocket.h"

#include "base/bytes.h"
#include "net/event.h"
#include "net/http_test_server.h"
#include "net/websocket_impl.h"

namespace drover::net {
namespace {

struct net_websocket : testing::Test {
  loop l;
};

awaitable<void> echo(http_exchange& x) {
  if (x.request().target == "/denied") {
    co_await x.respond({403, {}, "Permission denied\nmore"});
    co_return;
  }
  websocket_options options{.limits = {.message_bytes_max = 1'000'000}, .subprotocol = "chat"};
  auto socket = co_await x.upgrade_websocket(options);
  if (!socket) co_return;
  for (;;) {
    auto message = co_await (*socket)->read();
    if (!message) co_return;
    if (message->data == "close me") {
      co_await (*socket)->close(4001, "as you wish");
      co_return;
    }
    co_await (message->text ? (*socket)->send_text(message->data) : (*socket)->send_binary(message->data));
  }
}

std::string masked_frame(uint8_t first, std::string_view payload) {
  std::string out{static_cast<char>(first), static_cast<char>(0x80 | payload.size()), 0, 0, 0, 0};
  return out + std::string(payload);
}

TEST_F(net_websocket, accept_key_of_rfc_6455) { EXPECT_EQ(websocket_accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="); }

TEST_F(net_websocket, echoes_messages_of_all_sizes) {
  run_test(l, [](loop& l) -> awaitable<void> {
    test_server s(l, echo);
    auto w = must(co_await websocket_connect(s.url() + "/echo?x=1", {.headers = {{"X-Nomad-Token", "t"}}}));
    for (size_t size : {0u, 1u, 125u, 126u, 65'535u, 65'536u, 1'000'000u}) {
      std::string data(size, 'd');
      for (size_t i = 0; i < size; i += 3) data[i] = static_cast<char>(i * 7);
      must(co_await w->send_binary(data));
      auto back = must(co_await w->read());
      EXPECT_TRUE(back.data == data && !back.text) << size;
    }
    must(co_await w->send_text("grün"));
    auto text = must(co_await w->read());
    EXPECT_TRUE(text.text);
    EXPECT_EQ(text.data, "grün");
    must(co_await w->ping("p"));
    must(co_await w->close(close_code::normal, "done"));
    EXPECT_EQ(w->closed_with(), close_code::normal);
    EXPECT_EQ((co_await w->read()).error().code(), errc::closed);
    EXPECT_EQ((co_await w->send_text("x")).error().code(), errc::closed);
    co_await s.stop();
  }(l));
}

TEST_F(net_websocket, close_carries_code_and_reason) {
  run_test(l, [](loop& l) -> awaitable<void> {
    test_server s(l, echo);
    auto w = must(co_await websocket_connect(s.url()));
    must(co_await w->send_text("close me"));
    auto end = co_await w->read();
    EXPECT_EQ(end.error().code(), errc::closed);
    EXPECT_EQ(end.error().message(), "the WebSocket is closed: code 4001, as you wish");
    EXPECT_EQ(w->closed_with(), 4001);
    EXPECT_EQ(w->closed_reason(), "as you wish");
    co_await s.stop();
  }(l));
}

TEST_F(net_websocket, refusals_name_status_and_reason) {
  run_test(l, [](loop& l) -> awaitable<void> {
    test_server s(l, echo);
    auto denied = co_await websocket_connect(s.url() + "/denied");
    EXPECT_EQ(denied.error().code(), errc::permission_denied);
    EXPECT_EQ(denied.error().message(), s.url() + "/denied refused the WebSocket: 403 Forbidden: Permission denied");
    auto raw = co_await raw_dialogue(s.where, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(raw.starts_with("HTTP/1.1 400 ")) << raw;
    co_await s.stop();
  }(l));
}

TEST_F(net_websocket, protocol_errors_end_with_their_close_code) {
  struct row {
    const char* name;
    std::string frames;
    int code;
  };
  run_test(l, [](loop& l) -> awaitable<void> {
    test_server s(l, echo);
    auto handshake =
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: other, chat\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    for (const auto& [name, frames, code] : {
             row{"unmasked", std::string("\x81\x01x", 3), 1002},
             row{"reserved bit", masked_frame(0xc1, "x"), 1002},
             row{"unknown opcode", masked_frame(0x83, "x"), 1002},
             row{"unknown control opcode", masked_frame(0x8b, "x"), 1002},
             row{"fragmented ping", masked_frame(0x09, "x"), 1002},
             row{"continuation of nothing", masked_frame(0x80, "x"), 1002},
             row{"message inside another", masked_frame(0x01, "x") + masked_frame(0x81, "y"), 1002},
             row{"bad UTF-8", masked_frame(0x81, "\xff"), 1007},
             row{"too big", std::string("\x82\xff\0\0\0\0\x10\0\0\0\0\0\0\0", 14), 1009},
             row{"bad close code", masked_frame(0x88, std::string("\x03\xed", 2)), 1002},
             row{"empty close", masked_frame(0x88, ""), 1000},
             row{"close", masked_frame(0x88, std::string("\x03\xe9", 2)), 1001},
         }) {
      auto raw = co_await raw_dialogue(s.where, handshake + frames);
      EXPECT_NE(raw.find("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), raw.npos);
      EXPECT_NE(raw.find("\r\nSec-WebSocket-Protocol: chat\r\n"), raw.npos);
      auto frame = raw.substr(raw.find("\r\n\r\n") + 4);
      EXPECT_GE(frame.size(), 4u) << name;
      if (frame.size() < 4) continue;
      EXPECT_EQ(static_cast<uint8_t>(frame[0]), 0x88) << name;
      EXPECT_EQ(static_cast<uint8_t>(frame[2]) << 8 | static_cast<uint8_t>(frame[3]), code) << name;
    }
    co_await s.stop();
  }(l));
}

TEST_F(net_websocket, fragments_with_a_ping_between_and_input_behind_the_handshake) {
  run_test(l, [](loop& l) -> awaitable<void> {
    test_server s(l, echo);
    auto stream = must(co_await dial(s.where));
    std::string all =
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" +
        masked_frame(0x01, "gr\xc3") + masked_frame(0x89, "p") + masked_frame(0x80, "\xbcn");
    must(co_await stream->write_all(all));
    auto raw = co_await read_until(*stream, "\xbcn");
    EXPECT_TRUE(raw.ends_with(std::string("\x8a\x01p\x81\x05gr\xc3\xbcn"))) << raw;
    stream->close();
    co_await s.stop();
  }(l));
}

TEST_F(net_websocket, senders_do_not_mix_and_a_lost_client_ends_the_handler) {
  run_test(l, [](loop& l) -> awaitable<void> {
    event ended;
    test_server s(l, [&](http_exchange& x) -> awaitable<void> {
      auto socket = must(co_await x.upgrade_websocket({}));
      task_scope scope(l, log::logger("test"));
      auto send = [](websocket& w, char c) -> awaitable<void> {
        for (int i = 0; i < 5; ++i) co_await w.send_binary(std::string(300'000, c));
      };
      for (char c : {'a', 'b', 'c'}) scope.spawn(send(*socket, c));
      EXPECT_EQ((co_await socket->read()).error().code(), errc::closed);
      EXPECT_EQ(socket->closed_with(), close_code::abnormal);
      co_await scope.stop();
      ended.set();
    });
    auto w = must(co_await websocket_connect(s.url()));
    for (int i = 0; i < 15; ++i) {
      auto message = must(co_await w->read());
      EXPECT_EQ(message.data, std::string(300'000, message.data[0]));
    }
    w.reset();
    EXPECT_TRUE(co_await ended.wait());
    co_await s.stop();
  }(l));
}

TEST_F(net_websocket, stop_of_the_server_cancels_a_reading_handler) {
  run_test(l, [](loop& l) -> awaitable<void> {
    test_server s(l, echo);
    auto w = must(co_await websocket_connect(s.url()));
    must(co_await w->send_text("x"));
    must(co_await w->read());
    co_await s.stop();
    EXPECT_EQ((co_await w->read()).error().code(), errc::closed);
    EXPECT_EQ(w->closed_with(), close_code::abnormal);
  }(l));
}

}  // namespace
}  // namespace drover::net
