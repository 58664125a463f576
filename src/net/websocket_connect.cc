#include <array>

#include "base/bytes.h"
#include "net/http_dial.h"
#include "net/http_parser.h"
#include "net/task_scope.h"
#include "net/websocket_impl.h"

namespace drover::net {
namespace {
constexpr size_t refusal_bytes_max = 64 * 1024;

std::string handshake(const http_url& url, const websocket_connect_options& options, std::string_view key) {
  auto out = fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n",
                         url.target.empty() ? "/" : url.target, to_string(http_endpoint(url)), key);
  if (!options.websocket.subprotocol.empty()) out += "Sec-WebSocket-Protocol: " + options.websocket.subprotocol + "\r\n";
  for (const auto& [name, value] : options.headers.entries()) out += name + ": " + value + "\r\n";
  return out + "\r\n";
}

// Reads the head, and for a refusal the body too. Gives the bytes behind it.
awaitable<result<std::string>> read_answer(byte_stream& stream, http_response& answer) {
  auto parser = http_parser::for_response(answer, false);
  std::string input;
  std::array<char, 4096> buffer;
  while (!parser.header_done() || (answer.status != 101 && !parser.done() && answer.body.size() < refusal_bytes_max)) {
    CO_TRY_ASSIGN(auto count, co_await stream.read_some(buffer));
    if (count == 0) {
      CO_TRY(parser.end_of_stream());
      break;
    }
    input.append(buffer.data(), count);
    CO_TRY_ASSIGN(auto used, parser.feed(input));
    input.erase(0, used);
  }
  co_return input;
}

std::unexpected<error> refused(const std::string& url, const http_response& answer) {
  auto code = answer.status == 403 ? errc::permission_denied : answer.status == 404 ? errc::not_found : errc::unavailable;
  return fail(code, "{} refused the WebSocket: {} {}: {}", url, answer.status, http_reason(answer.status), answer.body.substr(0, answer.body.find('\n')));
}

awaitable<result<std::unique_ptr<websocket>>> connect_untimed(std::string url_text, websocket_connect_options options) {
  CO_TRY_ASSIGN(auto url, parse_url(url_text));
  if (url.scheme == "unix") co_return fail(errc::invalid, "address {:?}: give the socket as dial_address and a ws:// URL", url_text);
  auto dialled = url;
  if (!options.dial_address.empty()) {
    CO_TRY_ASSIGN(dialled, parse_url(options.dial_address));
  }
  CO_TRY_ASSIGN(auto stream, co_await http_dial(dialled, options.tls, after(options.timeout)));
  auto key = base64_encode(random_bytes(16));
  CO_TRY(co_await stream->write_all(handshake(url, options, key)));
  http_response answer;
  CO_TRY_ASSIGN(auto received, co_await read_answer(*stream, answer));
  if (answer.status != 101) co_return refused(url_text, answer);
  if (answer.headers.get("Sec-WebSocket-Accept") != websocket_accept_key(key))
    co_return fail(errc::invalid, "{}: the answer to the WebSocket handshake has a wrong Sec-WebSocket-Accept", url_text);
  co_return make_websocket(std::move(stream), std::move(received), websocket_role::client, options.websocket.limits);
}
}  // namespace

awaitable<result<std::unique_ptr<websocket>>> websocket_connect(std::string url, websocket_connect_options options) {
  auto timeout = options.timeout;
  auto connected = co_await with_deadline(connect_untimed(url, std::move(options)), after(timeout));
  if (!connected && connected.error().code() == errc::timeout) co_return fail(errc::timeout, "{}: no answer within {}", url, to_string(timeout));
  co_return connected;
}

}  // namespace drover::net
