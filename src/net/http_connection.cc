#include "net/http_connection.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <ctime>

#include "base/ensure.h"
#include "base/text.h"
#include "net/http_parser.h"
#include "net/task_scope.h"
#include "net/websocket_impl.h"

namespace drover::net {
namespace asio = boost::asio;

namespace {
// Bodies up to here travel in one piece with their head.
constexpr size_t joined_body_bytes_max = 64 * 1024;
// Pipelined requests served in a row before other connections get a turn.
constexpr int requests_in_a_row_max = 16;
// After a refusal: how long the rest of the request is read and dropped, so that the client sees the answer instead of a reset.
constexpr duration drain_timeout = seconds(2);
}  // namespace

std::string_view http_server_core::date() {
  std::time_t second = std::time(nullptr);
  if (second != date_second) {
    date_second = second;
    std::tm parts;
    gmtime_r(&second, &parts);
    char text[64];
    // The C locale's names are what RFC 9110 wants; the process never sets another one.
    std::strftime(text, sizeof text, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
    date_line = text;
  }
  return date_line;
}

http_connection::http_connection(http_server_core& server, std::unique_ptr<byte_stream> stream, std::string from)
    : ip(std::move(from)), server_(server), stream_(std::move(stream)) {
  set_phase(phase::idle, server.options.limits.header_timeout);
}

void http_connection::set_phase(phase p, duration timeout) {
  phase_ = p;
  deadline_ = timeout.ns > 0 ? after(timeout) : never;
}

void http_connection::close_stream() {
  if (stream_) stream_->close();
}

void http_connection::end() {
  handling_ = false;
  close_stream();
}

void http_connection::expire(time_point at) {
  if (at < deadline_ || !stream_) return;
  deadline_ = never;
  if (phase_ == phase::header || phase_ == phase::body) {
    ++server_.stats.bad_requests;
    (void)stream_->try_write("HTTP/1.1 408 Request Timeout\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nthe request did not arrive in time\n");
  }
  stream_->close();
}

awaitable<bool> http_connection::encrypt(std::shared_ptr<const tls_context> tls) {
  auto encrypted = co_await tls_accept(std::move(stream_), std::move(tls), after(server_.options.limits.handshake_timeout));
  if (encrypted) stream_ = *std::move(encrypted);
  co_return encrypted.has_value();
}

namespace {
[[gnu::noinline]] void begin_request(http_request& request, const byte_stream& stream) {
  auto remote = stream.remote();
  request = {};
  if (!remote.is_unix() && !remote.host.empty()) request.remote_address = to_string(remote);
  request.encrypted = stream.is_encrypted();
  request.peer_name = stream.peer_name();
}

bool has_known_coding(const http_headers& headers) {
  auto codings = headers.get_all("Transfer-Encoding");
  return codings.empty() || (codings.size() == 1 && equals_ignoring_case(codings.front(), "chunked"));
}
}  // namespace

// The frames of run(), handle() and the handler exist as long as a connection waits: little may live in them.
awaitable<void> http_connection::run(std::shared_ptr<const tls_context> tls) {
  if (tls && !co_await encrypt(std::move(tls))) co_return;
  for (int in_a_row = 1; !server_.stopping; ++in_a_row) {
    begin_request(request_, *stream_);
    if (!co_await read_request()) break;
    co_await handle();
    if (!keep_alive_ || !stream_) break;
    set_phase(phase::idle, server_.options.limits.idle_timeout);
    if (in_a_row % requests_in_a_row_max == 0) co_await yield();
  }
}

// False: the connection ends. The parser lives only in this call.
awaitable<bool> http_connection::read_request() {
  auto parser = http_parser::for_request(request_, server_.options.limits);
  if (!co_await read_messages(parser)) co_return false;
  keep_alive_ = parser.keep_alive();
  is_http_1_0_ = parser.is_http_1_0();
  accepts_gzip_ = asks_for_gzip();
  answer_ = answer::none;
  ++server_.stats.requests;
  // A message with both framings, or without Host, is how requests are smuggled past proxies (RFC 9112 sections 3.2 and 6.1).
  if (request_.headers.has("Transfer-Encoding") && request_.headers.has("Content-Length"))
    co_return co_await refuse(400, "the request has both Transfer-Encoding and Content-Length; send one of them");
  // Whoever stands in front of this server may see a body here, or none: what its end is must be beyond doubt.
  if (!has_known_coding(request_.headers)) co_return co_await refuse(501, "the Transfer-Encoding is not known here; only \"chunked\" is");
  const auto hosts = request_.headers.get_all("Host").size();
  if (hosts > 1) co_return co_await refuse(400, "the request has more than one Host header");
  if (hosts == 0 && !is_http_1_0_) co_return co_await refuse(400, "the request has no Host header");
  if (auto decoded = decode_target(request_); !decoded) co_return co_await refuse(400, decoded.error().text());
  co_return true;
}

awaitable<bool> http_connection::read_messages(http_parser& parser) {
  bool continued = false;
  auto fed = pending_.empty() ? result<>() : feed(parser, {});
  while (fed && !parser.done()) {
    if (parser.header_done() && parser.expects_continue() && !continued) {
      continued = true;
      if (!co_await send("HTTP/1.1 100 Continue\r\n\r\n")) co_return false;
    }
    auto count = stream_->try_read(server_.scratch);
    if (!count) co_return false;
    if (*count == 0) {
      if (parser.header_done()) set_phase(phase::body, server_.options.limits.body_timeout);
      else if (phase_ == phase::idle && !pending_.empty()) set_phase(phase::header, server_.options.limits.header_timeout);
      if (!co_await stream_->wait_readable()) co_return false;
      continue;
    }
    if (phase_ == phase::idle) set_phase(phase::header, server_.options.limits.header_timeout);
    fed = feed(parser, std::string_view(server_.scratch.data(), *count));
  }
  if (!fed) co_return co_await refuse(parser.failure_status(), fed.error().text());
  co_return true;
}

result<> http_connection::feed(http_parser& parser, std::string_view data) {
  if (pending_.empty()) {
    TRY_ASSIGN(auto used, parser.feed(data));
    if (used < data.size()) pending_.assign(data.substr(used));
    return {};
  }
  pending_.append(data);
  TRY_ASSIGN(auto used, parser.feed(pending_));
  if (used == pending_.size()) pending_ = std::string();
  else pending_.erase(0, used);
  return {};
}

// The server's own answer to a request that never reaches the handler. Always false: the connection ends.
awaitable<bool> http_connection::refuse(int status, std::string sentence) {
  ++server_.stats.bad_requests;
  keep_alive_ = false;
  accepts_gzip_ = false;
  answer_ = answer::none;
  if (request_.method.empty()) request_.method = "GET";
  if (co_await respond({status, {{"Content-Type", "text/plain; charset=utf-8"}}, std::move(sentence) + "\n"})) co_await drain();
  co_return false;
}

awaitable<void> http_connection::drain() {
  set_phase(phase::draining, drain_timeout);
  if (!co_await stream_->shutdown()) co_return;
  size_t left = server_.options.limits.request_body_bytes_max;
  for (;;) {
    auto count = stream_->try_read(server_.scratch);
    if (!count || *count > left) co_return;
    left -= *count;
    if (*count == 0 && !co_await stream_->wait_readable()) co_return;
  }
}

awaitable<void> http_connection::handle() {
  set_phase(phase::running, {});
  ++server_.stats.running;
  handling_ = true;
  struct leave {
    http_connection& self;
    ~leave() {
      self.handling_ = false;
      --self.server_.stats.running;
    }
  } leaving{*this};
  // Runs when the handler first waits; handlers that answer at once cost no watch.
  if (!watching_) {
    ++references;
    asio::post(server_.owner, [this, &server = server_] {
      if (handling_ && stream_) watch();
      release(server, this);
    });
  }
  bool failed = false;
  try {
    co_await server_.options.handler(*this);
  } catch (const std::exception& e) {
    if (is_cancellation(e)) throw;
    failed = true;
    server_.options.logger.error("request handler failed", {{"path", request_.raw_path()}, {"error", e.what()}});
  }
  handling_ = false;
  if (stream_ && (answer_ == answer::none || answer_ == answer::streaming)) co_await finish_answer(failed);
}

awaitable<void> http_connection::finish_answer(bool failed) {
  if (answer_ == answer::none) {
    if (!failed) server_.options.logger.error("request handler gave no answer", {{"path", request_.raw_path()}});
    co_await respond({500, {{"Content-Type", "text/plain; charset=utf-8"}}, "Internal Server Error\n"});
  } else if (answer_ == answer::streaming) {
    // Cut, not finished: the client must not take it for the whole.
    keep_alive_ = false;
  }
}

// The watch notices that the client went away while the handler waits; requests that are sent ahead are kept for later. It is armed once
// and stays armed over fast requests: then it fires for nothing when the next one arrives.
void http_connection::watch() {
  if (watching_ || pending_.size() >= http_pipelined_bytes_max) return;
  watching_ = true;
  ++references;
  stream_->when_readable([this, &server = server_] {
    watching_ = false;
    if (handling_ && stream_) look();
    release(server, this);
  });
}

void http_connection::look() {
  auto count = stream_->try_read(server_.scratch);
  if (count) {
    pending_.append(server_.scratch.data(), *count);
    watch();
  } else {
    ++server_.stats.disconnects;
    handling_ = false;
    cancel_run.emit(asio::cancellation_type::terminal);
  }
}

awaitable<result<>> http_connection::send(std::string data) {
  if (!stream_) co_return fail(errc::closed, "the connection was upgraded");
  auto written = stream_->try_write(data);
  if (!written) co_return fail(written.error());
  if (*written == data.size()) co_return result<>();
  auto before = phase_;
  set_phase(phase::writing, server_.options.limits.write_timeout);
  auto rest = std::string_view(data).substr(*written);
  while (!rest.empty()) {
    // Piece by piece, so that the deadline is about progress and not about size.
    auto piece = rest.substr(0, joined_body_bytes_max);
    CO_TRY(co_await stream_->write_all(piece));
    rest.remove_prefix(piece.size());
    set_phase(phase::writing, server_.options.limits.write_timeout);
  }
  set_phase(before, {});
  co_return result<>();
}

namespace {
void append_header(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  // A line break in a value would let it forge headers.
  for (char c : value) out += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
  out += "\r\n";
}
}  // namespace

std::string http_connection::head(int status, const http_headers& headers, std::string_view framing) const {
  std::string out;
  out.reserve(256);
  fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\n", status, http_reason(status));
  for (const auto& [name, value] : headers.entries()) append_header(out, name, value);
  out += server_.date();
  out += framing;
  if (!keep_alive_ || server_.stopping) out += "Connection: close\r\n";
  else if (is_http_1_0_) out += "Connection: keep-alive\r\n";
  out += "\r\n";
  return out;
}

bool http_connection::asks_for_gzip() const {
  auto accepted = request_.headers.get("Accept-Encoding");
  if (!accepted) return false;
  for (auto part : split(*accepted, ',')) {
    auto pieces = split(part, ';');
    if (trim(pieces[0]) != "gzip" && trim(pieces[0]) != "*") continue;
    return pieces.size() < 2 || (trim(pieces[1]) != "q=0" && trim(pieces[1]) != "q=0.0");
  }
  return false;
}

awaitable<result<>> http_connection::respond(http_response response) {
  ENSURE(answer_ == answer::none, "a request is answered once");
  answer_ = answer::whole;
  if (server_.stopping) keep_alive_ = false;
  bool has_body = response.status >= 200 && response.status != 204 && response.status != 304;
  // A cache between must know that another asker gets other bytes, also where this one's are plain.
  if (!response.headers.has("Content-Encoding")) {
    response.headers.add("Vary", "Accept-Encoding");
    if (response.body.size() >= server_.options.limits.gzip_threshold_bytes && accepts_gzip_) {
      response.body = gzip(response.body);
      response.headers.set("Content-Encoding", "gzip");
    }
  }
  auto out = head(response.status, response.headers, has_body ? fmt::format("Content-Length: {}\r\n", response.body.size()) : "");
  if (!has_body || request_.method == "HEAD") co_return co_await send(std::move(out));
  if (response.body.size() <= joined_body_bytes_max) {
    out += response.body;
    co_return co_await send(std::move(out));
  }
  CO_TRY(co_await send(std::move(out)));
  co_return co_await send(std::move(response.body));
}

awaitable<result<>> http_connection::start_stream(int status, http_headers headers, bool gzip) {
  ENSURE(answer_ == answer::none, "a request is answered once");
  answer_ = answer::streaming;
  if (gzip) headers.add("Vary", "Accept-Encoding");
  if (gzip && accepts_gzip_) {
    gzip_ = std::make_unique<gzip_encoder>();
    headers.set("Content-Encoding", "gzip");
  }
  if (is_http_1_0_) keep_alive_ = false;
  co_return co_await send(head(status, headers, is_http_1_0_ ? "" : "Transfer-Encoding: chunked\r\n"));
}

awaitable<result<>> http_connection::write(std::string data) {
  ENSURE(answer_ == answer::streaming, "start_stream comes before write");
  if (data.empty() || request_.method == "HEAD") co_return result<>();
  if (gzip_) data = gzip_->write(data);
  if (!is_http_1_0_) data = fmt::format("{:x}\r\n{}\r\n", data.size(), data);
  co_return co_await send(std::move(data));
}

awaitable<result<>> http_connection::finish() {
  ENSURE(answer_ == answer::streaming, "start_stream comes before finish");
  answer_ = answer::streamed;
  std::string out;
  bool to_head = request_.method == "HEAD";
  if (gzip_ && !to_head) {
    auto last = gzip_->finish();
    out = is_http_1_0_ ? last : fmt::format("{:x}\r\n{}\r\n", last.size(), last);
  }
  gzip_.reset();
  if (!is_http_1_0_ && !to_head) out += "0\r\n\r\n";
  if (out.empty()) co_return result<>();
  co_return co_await send(std::move(out));
}

bool http_connection::is_websocket() const {
  return request_.method == "GET" && request_.headers.has_token("Connection", "upgrade") && request_.headers.has_token("Upgrade", "websocket");
}

awaitable<result<std::unique_ptr<websocket>>> http_connection::upgrade_websocket(const websocket_options& options) {
  ENSURE(answer_ == answer::none, "a request is answered once");
  auto limits = options.limits;
  auto key = request_.headers.get("Sec-WebSocket-Key");
  auto version = request_.headers.get("Sec-WebSocket-Version");
  if (!is_websocket() || !key || version != "13" || is_http_1_0_) {
    co_await respond({400,
                      {{"Content-Type", "text/plain; charset=utf-8"}, {"Sec-WebSocket-Version", "13"}},
                      "this path speaks WebSocket version 13 only: send GET with Upgrade: websocket, Sec-WebSocket-Key and Sec-WebSocket-Version\n"});
    co_return fail(errc::invalid, "not a WebSocket handshake");
  }
  http_headers headers{{"Connection", "Upgrade"}, {"Upgrade", "websocket"}, {"Sec-WebSocket-Accept", websocket_accept_key(*key)}};
  if (!options.subprotocol.empty() && request_.headers.has_token("Sec-WebSocket-Protocol", options.subprotocol))
    headers.add("Sec-WebSocket-Protocol", options.subprotocol);
  answer_ = answer::whole;
  keep_alive_ = true;
  // From here on the WebSocket's reader notices a client that goes away.
  handling_ = false;
  CO_TRY(co_await send(head(101, headers, "")));
  set_phase(phase::upgraded, {});
  keep_alive_ = false;
  co_return make_websocket(std::move(stream_), std::move(pending_), websocket_role::server, limits);
}

}  // namespace drover::net
