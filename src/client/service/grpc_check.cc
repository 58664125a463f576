// One call of grpc.health.v1.Health/Check over HTTP/2 (RFC 9113, RFC 7541, the gRPC wire format "PROTOCOL-HTTP2"): one connection, one
// stream, headers as plain literals. What the server's headers say need not be decoded: a health answer is in the data, or there is none.
#include "client/limits.h"
#include "client/service/check.h"
#include "net/stream.h"
#include "net/tls.h"

namespace drover::client {

namespace {
using net::awaitable;

enum class frame_kind : uint8_t { data = 0, headers = 1, reset_stream = 3, settings = 4, ping = 6, go_away = 7 };
constexpr uint8_t end_stream = 0x1, acknowledged = 0x1, end_headers = 0x4, padded = 0x8;
constexpr size_t frame_header_bytes = 9, frame_bytes_max = 16384, grpc_prefix_bytes = 5;

void add_big_endian(std::string& out, uint64_t n, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out += static_cast<char>(n >> shift);
}

std::string frame(frame_kind kind, uint8_t flags, uint32_t stream, std::string_view payload) {
  std::string out;
  add_big_endian(out, payload.size(), 3);
  out += static_cast<char>(kind);
  out += static_cast<char>(flags);
  add_big_endian(out, stream, 4);
  return out.append(payload);
}

// A length with a prefix of 7 bits (RFC 7541, 5.1), then the text as it is.
void add_text(std::string& out, std::string_view text) {
  size_t n = text.size();
  if (n < 127) {
    out += static_cast<char>(n);
  } else {
    out += static_cast<char>(127);
    for (n -= 127; n >= 128; n /= 128) out += static_cast<char>(n % 128 + 128);
    out += static_cast<char>(n);
  }
  out.append(text);
}

std::string header_block(const grpc_question& q) {
  std::string out;
  auto add = [&](std::string_view name, std::string_view text) {
    out += '\0';  // a literal that is not indexed, with a new name
    add_text(out, name);
    add_text(out, text);
  };
  add(":method", "POST");
  add(":scheme", q.use_tls ? "https" : "http");
  add(":path", "/grpc.health.v1.Health/Check");
  add(":authority", net::to_string(net::endpoint{.host = q.host, .port = q.port, .path = {}}));
  add("content-type", "application/grpc");
  add("te", "trailers");
  add("user-agent", "drover");
  return out;
}

// HealthCheckRequest{ string service = 1 } in a gRPC message.
std::string question_body(const std::string& service) {
  std::string message;
  if (!service.empty()) {
    message += '\x0a';
    size_t n = service.size();
    for (; n >= 128; n /= 128) message += static_cast<char>(n % 128 + 128);
    message += static_cast<char>(n);
    message += service;
  }
  std::string out(1, '\0');
  add_big_endian(out, message.size(), 4);
  return out + message;
}

// HealthCheckResponse{ ServingStatus status = 1 }.
result<> judge(std::string_view body) {
  if (body.size() < grpc_prefix_bytes) return fail(errc::io, "grpc: the server answered without a health status");
  auto message = body.substr(grpc_prefix_bytes);
  int status = message.size() >= 2 && message[0] == '\x08' ? message[1] : 0;
  if (status == 1) return {};
  static constexpr std::string_view names[] = {"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"};
  return fail(errc::io, "grpc: the service is {}", status >= 0 && status < 4 ? names[status] : "of unknown health");
}

struct received {
  frame_kind kind = frame_kind::data;
  uint8_t flags = 0;
  std::string payload;
};

awaitable<result<received>> read_frame(net::byte_stream& stream) {
  unsigned char head[frame_header_bytes];
  CO_TRY(co_await stream.read_exactly({reinterpret_cast<char*>(head), sizeof head}));
  size_t length = size_t{head[0]} << 16 | size_t{head[1]} << 8 | head[2];
  if (length > frame_bytes_max) co_return fail(errc::io, "grpc: the server sent a frame of {} bytes; is it HTTP/2?", length);
  received out{.kind = static_cast<frame_kind>(head[3]), .flags = head[4], .payload = std::string(length, '\0')};
  if (length > 0) CO_TRY(co_await stream.read_exactly(out.payload));
  co_return out;
}

result<> add_data(std::string& body, const received& f) {
  std::string_view data = f.payload;
  if (f.flags & padded) {
    size_t padding = data.empty() ? 0 : static_cast<unsigned char>(data[0]);
    if (data.size() < padding + 1) return fail(errc::io, "grpc: the server sent a frame that ends before its padding");
    data = data.substr(1, data.size() - 1 - padding);
  }
  if (body.size() + data.size() > limits::check_output_bytes_max) return fail(errc::too_large, "grpc: the health answer is too long");
  body.append(data);
  return {};
}

awaitable<result<std::string>> read_answer(net::byte_stream& stream) {
  std::string body;
  for (size_t frames = 0; frames < limits::grpc_frames_max; ++frames) {
    CO_TRY_ASSIGN(auto f, co_await read_frame(stream));
    if (f.kind == frame_kind::settings && !(f.flags & acknowledged))
      CO_TRY(co_await stream.write_all(frame(frame_kind::settings, acknowledged, 0, {})));
    if (f.kind == frame_kind::ping && !(f.flags & acknowledged)) CO_TRY(co_await stream.write_all(frame(frame_kind::ping, acknowledged, 0, f.payload)));
    if (f.kind == frame_kind::go_away || f.kind == frame_kind::reset_stream) co_return fail(errc::io, "grpc: the server ended the call");
    if (f.kind == frame_kind::data) CO_TRY(add_data(body, f));
    bool of_call = f.kind == frame_kind::data || f.kind == frame_kind::headers;
    if (of_call && (f.flags & end_stream)) co_return body;
  }
  co_return fail(errc::io, "grpc: the server sends without end");
}
}  // namespace

awaitable<result<>> ask_grpc_health(grpc_question q) {
  CO_TRY_ASSIGN(auto stream, co_await net::dial(net::endpoint{.host = q.host, .port = q.port, .path = {}}));
  if (q.use_tls) {
    net::tls_options options;
    options.verify = options.verify_name = !q.skip_verify;
    options.server_name = q.server_name;
    CO_TRY_ASSIGN(auto tls, net::tls_context::client(options));
    CO_TRY_ASSIGN(stream, co_await net::tls_connect(std::move(stream), std::move(tls), q.server_name.empty() ? q.host : q.server_name));
  }
  std::string out = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  out += frame(frame_kind::settings, 0, 0, {});
  out += frame(frame_kind::headers, end_headers, 1, header_block(q));
  out += frame(frame_kind::data, end_stream, 1, question_body(q.service));
  CO_TRY(co_await stream->write_all(out));
  CO_TRY_ASSIGN(auto body, co_await read_answer(*stream));
  co_return judge(body);
}

}  // namespace drover::client
