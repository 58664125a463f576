// Framing is ours, not Beast's: about 150 lines against a template that costs 8 s a unit and 10 KB a connection, needs one of a fixed set of
// stream types, and loses its state when a read is cancelled, which is how every streaming endpoint here ends.
#include "net/websocket.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>

#include "base/bytes.h"
#include "base/ensure.h"
#include "base/text.h"
#include "net/event.h"
#include "net/task_scope.h"
#include "net/websocket_impl.h"

namespace drover::net {

std::string random_bytes(size_t count) {
  std::string out(count, '\0');
  ENSURE(RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(count)) == 1, "the system gives random bytes");
  return out;
}

std::string websocket_accept_key(std::string_view key) {
  // The GUID is RFC 6455 section 1.3's.
  auto text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  ENSURE(EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha1(), nullptr) == 1, "SHA-1 is there");
  return base64_encode(std::string_view(reinterpret_cast<char*>(digest), size));
}

namespace {
// RFC 6455 section 5.2.
enum opcode : uint8_t { op_continuation = 0, op_text = 1, op_binary = 2, op_close = 8, op_ping = 9, op_pong = 10 };
constexpr size_t control_bytes_max = 125;
constexpr size_t read_bytes = 16 * 1024;

struct frame {
  uint8_t op = 0;
  bool final = false;
  std::string payload;
};

void apply_mask(char* data, size_t size, const char* mask) {
  for (size_t i = 0; i < size; ++i) data[i] ^= mask[i & 3];
}

std::string encode_frame(uint8_t op, std::string_view payload, bool masked) {
  std::string out;
  out.reserve(payload.size() + 14);
  out += static_cast<char>(0x80 | op);
  uint8_t mask_bit = masked ? 0x80 : 0;
  int length_bytes = payload.size() < 126 ? 0 : payload.size() < 65536 ? 2 : 8;
  out += static_cast<char>(mask_bit | (length_bytes == 0 ? payload.size() : length_bytes == 2 ? 126 : 127));
  for (int shift = (length_bytes - 1) * 8; shift >= 0; shift -= 8) out += static_cast<char>(payload.size() >> shift);
  if (!masked) return out.append(payload);
  auto mask = random_bytes(4);
  out += mask;
  size_t start = out.size();
  out += payload;
  apply_mask(out.data() + start, payload.size(), mask.data());
  return out;
}

bool is_valid_close_code(uint16_t code) { return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999); }

class websocket_connection final : public websocket {
 public:
  websocket_connection(std::unique_ptr<byte_stream> stream, std::string received, websocket_role role, websocket_limits limits)
      : stream_(std::move(stream)), input_(std::move(received)), limits_(limits), role_(role) {}
  ~websocket_connection() override { stream_->close(); }

  awaitable<result<websocket_message>> read() override;
  awaitable<result<>> send_text(std::string data) override { return send_data(op_text, std::move(data)); }
  awaitable<result<>> send_binary(std::string data) override { return send_data(op_binary, std::move(data)); }
  awaitable<result<>> ping(std::string data) override {
    if (data.size() > control_bytes_max) co_return fail(errc::invalid, "a ping carries at most {} bytes, not {}", control_bytes_max, data.size());
    co_return co_await send_frame(op_ping, std::move(data));
  }
  awaitable<result<>> close(uint16_t code, std::string reason, duration wait) override;
  uint16_t closed_with() const override { return closed_with_; }
  const std::string& closed_reason() const override { return closed_reason_; }

 private:
  awaitable<result<frame>> read_frame();
  result<bool> take_frame(frame& into);
  result<bool> take_payload(frame& into, size_t header, uint64_t length);
  awaitable<result<>> handle_control(frame f);
  awaitable<result<>> answer_close(std::string_view payload);
  result<> append(frame f);
  awaitable<result<>> send_data(uint8_t op, std::string data);
  awaitable<result<>> send_frame(uint8_t op, std::string payload);
  awaitable<result<>> send_close(uint16_t code, std::string reason);
  awaitable<result<>> wait_for_close();
  void broken(uint16_t code, std::string reason);
  std::unexpected<error> protocol_error(uint16_t code, std::string_view sentence);
  std::unexpected<error> closed_error() const {
    return fail(errc::closed, "the WebSocket is closed: code {}{}{}", closed_with_, closed_reason_.empty() ? "" : ", ", closed_reason_);
  }

  std::unique_ptr<byte_stream> stream_;
  std::string input_;  // received, not yet taken
  // The message under way; its fragments may be separated by control frames and by cancelled reads.
  websocket_message partial_;
  bool in_message_ = false;
  websocket_limits limits_;
  websocket_role role_;
  bool sending_ = false;
  event send_ended_;
  event read_ended_;
  bool reading_ = false;
  bool close_sent_ = false;
  uint16_t closed_with_ = 0;
  std::string closed_reason_;
  // What the protocol error that ended reading deserves as close code.
  uint16_t failure_code_ = 0;
};

void websocket_connection::broken(uint16_t code, std::string reason) {
  if (closed_with_ == 0) {
    closed_with_ = code;
    closed_reason_ = std::move(reason);
  }
}

std::unexpected<error> websocket_connection::protocol_error(uint16_t code, std::string_view sentence) {
  failure_code_ = code;
  return fail(code == close_code::too_big ? errc::too_large : errc::invalid, "{}", sentence);
}

// True: a whole frame was taken from the input. False: more bytes are needed.
result<bool> websocket_connection::take_frame(frame& into) {
  if (input_.size() < 2) return false;
  auto byte = [&](size_t i) { return static_cast<uint8_t>(input_[i]); };
  if (byte(0) & 0x70) return protocol_error(close_code::protocol_error, "a frame uses an extension that was not agreed on");
  into.final = byte(0) & 0x80;
  into.op = byte(0) & 0x0f;
  bool masked = byte(1) & 0x80;
  if (masked != (role_ == websocket_role::server)) return protocol_error(close_code::protocol_error, "clients mask their frames, servers do not");
  uint64_t length = byte(1) & 0x7f;
  size_t length_bytes = length == 126 ? 2 : length == 127 ? 8 : 0;
  if (input_.size() < 2 + length_bytes) return false;
  if (length_bytes > 0) length = 0;
  for (size_t i = 0; i < length_bytes; ++i) length = length << 8 | byte(2 + i);
  if (into.op >= op_close && (length > control_bytes_max || !into.final))
    return protocol_error(close_code::protocol_error, "a control frame is in one piece and carries at most 125 bytes");
  if (length > limits_.message_bytes_max || partial_.data.size() + length > limits_.message_bytes_max)
    return protocol_error(close_code::too_big, fmt::format("a message is longer than the limit of {} bytes", limits_.message_bytes_max));
  return take_payload(into, 2 + length_bytes, length);
}

result<bool> websocket_connection::take_payload(frame& into, size_t header, uint64_t length) {
  size_t mask_bytes = role_ == websocket_role::server ? 4 : 0;
  size_t whole = header + mask_bytes + length;
  if (input_.size() < whole) return false;
  into.payload = input_.substr(header + mask_bytes, length);
  if (mask_bytes > 0) apply_mask(into.payload.data(), length, input_.data() + header);
  input_.erase(0, whole);
  if (input_.empty()) input_ = std::string();
  return true;
}

awaitable<result<frame>> websocket_connection::read_frame() {
  for (;;) {
    frame f;
    CO_TRY_ASSIGN(bool whole, take_frame(f));
    if (whole) co_return f;
    // No buffer is held while nothing comes.
    CO_TRY(co_await stream_->wait_readable());
    std::array<char, read_bytes> buffer;
    auto count = stream_->try_read(buffer);
    if (!count) co_return fail(count.error());
    input_.append(buffer.data(), *count);
  }
}

awaitable<result<websocket_message>> websocket_connection::read() {
  ENSURE(!reading_, "one coroutine reads a WebSocket");
  reading_ = true;
  struct leave {
    websocket_connection& self;
    ~leave() {
      self.reading_ = false;
      self.read_ended_.notify_all();
    }
  } leaving{*this};
  while (closed_with_ == 0) {
    auto f = co_await read_frame();
    result<> handled;
    bool complete = false;
    if (!f) {
      if (f.error().code() == errc::cancelled) co_return fail(f.error());
      handled = fail(f.error());
    } else if (f->op >= op_close) {
      handled = co_await handle_control(*std::move(f));
    } else {
      complete = f->final;
      handled = append(*std::move(f));
    }
    if (!handled && failure_code_ != 0) {
      auto code = failure_code_;
      broken(code, handled.error().message());
      co_await send_close(code, handled.error().message());
      stream_->close();
      co_return fail(handled.error());
    }
    if (!handled) {
      broken(close_code::abnormal, handled.error().message());
    } else if (complete) {
      in_message_ = false;
      co_return std::exchange(partial_, {});
    }
  }
  co_return closed_error();
}

result<> websocket_connection::append(frame f) {
  bool first = f.op != op_continuation;
  if (f.op > op_binary) return protocol_error(close_code::protocol_error, fmt::format("opcode {} is unknown", f.op));
  if (first == in_message_)
    return protocol_error(close_code::protocol_error, first ? "a message begins inside another" : "a message continues that never began");
  if (first) partial_ = {f.op == op_text, {}};
  in_message_ = true;
  partial_.data += f.payload;
  if (f.final && partial_.text && !is_valid_utf8(partial_.data)) return protocol_error(close_code::invalid_payload, "a text message is not UTF-8");
  return {};
}

awaitable<result<>> websocket_connection::handle_control(frame f) {
  if (f.op == op_ping) co_return co_await send_frame(op_pong, std::move(f.payload));
  if (f.op == op_pong) co_return result<>();
  if (f.op == op_close) co_return co_await answer_close(f.payload);
  co_return protocol_error(close_code::protocol_error, fmt::format("opcode {} is unknown", f.op));
}

awaitable<result<>> websocket_connection::answer_close(std::string_view payload) {
  uint16_t code = close_code::no_status;
  if (payload.size() >= 2) code = static_cast<uint16_t>(static_cast<uint8_t>(payload[0]) << 8 | static_cast<uint8_t>(payload[1]));
  if (payload.size() == 1 || (payload.size() >= 2 && !is_valid_close_code(code)) || (payload.size() > 2 && !is_valid_utf8(payload.substr(2))))
    co_return protocol_error(close_code::protocol_error, "the close frame is not valid");
  broken(code, payload.size() > 2 ? std::string(payload.substr(2)) : std::string());
  if (!close_sent_) co_await send_close(code == close_code::no_status ? uint16_t{close_code::normal} : code, {});
  // The server closes first, so that the port's TIME_WAIT stays on its side (section 7.1.1).
  if (role_ == websocket_role::server) co_await stream_->shutdown();
  co_return result<>();
}

awaitable<result<>> websocket_connection::send_data(uint8_t op, std::string data) {
  if (closed_with_ != 0) co_return closed_error();
  if (close_sent_) co_return fail(errc::closed, "the WebSocket is closing");
  co_return co_await send_frame(op, std::move(data));
}

// Frames of several senders never mix: one writes, the others wait for their turn.
awaitable<result<>> websocket_connection::send_frame(uint8_t op, std::string payload) {
  while (sending_) co_await send_ended_.wait();
  auto bytes = encode_frame(op, payload, role_ == websocket_role::client);
  sending_ = true;
  struct leave {
    websocket_connection& self;
    ~leave() {
      self.sending_ = false;
      self.send_ended_.notify_all();
    }
  } leaving{*this};
  auto sent = co_await stream_->write_all(bytes);
  // Half a frame may be out: nothing can follow it.
  if (!sent) broken(close_code::abnormal, "");
  co_return sent;
}

awaitable<result<>> websocket_connection::send_close(uint16_t code, std::string reason) {
  if (std::exchange(close_sent_, true)) co_return result<>();
  reason.resize(std::min(reason.size(), control_bytes_max - 2));
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code)};
  co_return co_await send_frame(op_close, payload + reason);
}

awaitable<result<>> websocket_connection::wait_for_close() {
  while (closed_with_ == 0) {
    if (reading_) {
      co_await read_ended_.wait();
    } else {
      auto message = co_await read();
      if (!message && message.error().code() == errc::cancelled) co_return fail(message.error());
    }
  }
  co_return result<>();
}

awaitable<result<>> websocket_connection::close(uint16_t code, std::string reason, duration wait) {
  if (closed_with_ == 0) {
    CO_TRY(co_await send_close(code, std::move(reason)));
    auto answered = co_await with_deadline(wait_for_close(), after(wait));
    if (!answered) broken(close_code::abnormal, "");
  }
  stream_->close();
  co_return result<>();
}
}  // namespace

std::unique_ptr<websocket> make_websocket(std::unique_ptr<byte_stream> stream, std::string received, websocket_role role, websocket_limits limits) {
  return std::make_unique<websocket_connection>(std::move(stream), std::move(received), role, limits);
}

}  // namespace drover::net
