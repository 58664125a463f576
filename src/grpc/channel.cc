#include "grpc/channel.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>

#include "base/ensure.h"
#include "base/text.h"
#include "grpc/http2.h"
#include "grpc/limits.h"

namespace drover::grpc {

// Belongs to its call, and to the channel as long as the stream is open there.
struct call::state {
  int32_t stream = -1;
  frame_reader frames;
  std::deque<std::string> arrived;
  // Taken from the other side's window and not given back yet.
  size_t unconsumed = 0;
  std::string outgoing;
  bool done_sending = false;
  bool ended = false;
  grpc::status status;
  int http_status = 0;
  bool has_status = false;
  size_t header_bytes = 0;
  // Its owner is gone: what arrives is of no use.
  bool abandoned = false;
  // Notified when something arrived, when the call ended, and when there is room to send.
  net::event changed;

  void end(grpc::status how) {
    if (ended) return;
    ended = true;
    status = std::move(how);
    changed.notify_all();
  }
};

struct channel::state {
  using call_state = std::shared_ptr<call::state>;

  state(net::loop& l, std::unique_ptr<net::byte_stream> s, std::string a) : stream(std::move(s)), authority(std::move(a)), scope(l, log::logger("grpc")) {}
  ~state() { nghttp2_session_del(session); }

  result<> begin();
  result<call_state> open(std::string method);
  void cancel(call::state& c);
  void give_back(call::state& c);
  void take(call::state& c, std::string_view data);
  void header(call::state& c, std::string_view name, std::string_view text);
  void stream_done(call::state& c, uint32_t error_code);
  void broke(const std::string& why);
  call::state* find(int32_t id) {
    auto it = calls.find(id);
    return it == calls.end() ? nullptr : it->second.get();
  }

  bool feed();
  awaitable<void> read_all();
  awaitable<void> write_all();

  std::unique_ptr<net::byte_stream> stream;
  std::string authority;
  nghttp2_session* session = nullptr;
  std::map<int32_t, call_state> calls;
  bool going_away = false;
  std::string why;
  net::event wake, ended;
  net::task_scope scope;
};

namespace {
std::string_view text_of(const uint8_t* data, size_t size) { return {reinterpret_cast<const char*>(data), size}; }
channel::state& self(void* user) { return *static_cast<channel::state*>(user); }

int on_header(nghttp2_session*, const nghttp2_frame* f, const uint8_t* name, size_t name_size, const uint8_t* text, size_t text_size, uint8_t, void* user) {
  if (auto* c = self(user).find(f->hd.stream_id)) self(user).header(*c, text_of(name, name_size), text_of(text, text_size));
  return 0;
}

int on_data(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data, size_t size, void* user) {
  nghttp2_session_consume_connection(session, size);
  if (auto* c = self(user).find(id)) self(user).take(*c, text_of(data, size));
  else nghttp2_session_consume_stream(session, id, size);
  return 0;
}

int on_frame(nghttp2_session*, const nghttp2_frame* f, void* user) {
  if (f->hd.type == NGHTTP2_GOAWAY) self(user).going_away = true;
  bool is_last = (f->hd.type == NGHTTP2_HEADERS || f->hd.type == NGHTTP2_DATA) && (f->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (auto* c = self(user).find(f->hd.stream_id); c != nullptr && is_last) self(user).stream_done(*c, NGHTTP2_NO_ERROR);
  return 0;
}

int on_stream_close(nghttp2_session*, int32_t id, uint32_t error_code, void* user) {
  if (auto* c = self(user).find(id)) {
    self(user).stream_done(*c, error_code);
    c->stream = -1;
    self(user).calls.erase(id);
  }
  return 0;
}

ssize_t read_outgoing(nghttp2_session*, int32_t, uint8_t* into, size_t size, uint32_t* flags, nghttp2_data_source* source, void*) {
  auto& c = *static_cast<call::state*>(source->ptr);
  if (c.outgoing.empty() && !c.done_sending) return NGHTTP2_ERR_DEFERRED;
  auto n = std::min(size, c.outgoing.size());
  std::memcpy(into, c.outgoing.data(), n);
  c.outgoing.erase(0, n);
  if (c.outgoing.empty() && c.done_sending) *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (n > 0) c.changed.notify_all();
  return static_cast<ssize_t>(n);
}

nghttp2_nv header_of(std::string_view name, std::string_view text) {
  auto bytes = [](std::string_view s) { return const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(s.data())); };
  return {bytes(name), bytes(text), name.size(), text.size(), NGHTTP2_NV_FLAG_NONE};
}
}  // namespace

result<> channel::state::begin() {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  bool ready = nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&option) == 0;
  if (ready) {
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_option_set_no_auto_window_update(option, 1);
    ready = nghttp2_session_client_new2(&session, callbacks, this, option) == 0;
  }
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_option_del(option);
  const std::array<nghttp2_settings_entry, 3> settings{{{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                                        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits::stream_window_bytes},
                                                        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits::header_bytes_max}}};
  ready = ready && nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size()) == 0 &&
          nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, 4 * static_cast<int32_t>(limits::stream_window_bytes)) == 0;
  if (!ready) return fail(errc::unavailable, "no memory for an HTTP/2 connection");
  return {};
}

void channel::state::header(call::state& c, std::string_view name, std::string_view text) {
  c.header_bytes += name.size() + text.size();
  if (c.header_bytes > limits::header_bytes_max) return;
  if (name == ":status") c.http_status = static_cast<int>(parse_int(text).value_or(0));
  if (name == "grpc-status") {
    auto number = parse_int(text).value_or(2);
    c.status.code = number < 0 || number > 16 ? code::unknown : static_cast<code>(number);
    c.has_status = true;
  }
  if (name == "grpc-message") c.status.message = decode_message(text);
  if (name == "grpc-status-details-bin") c.status.details = decode_binary(text);
}

void channel::state::take(call::state& c, std::string_view data) {
  c.unconsumed += data.size();
  if (c.ended || c.abandoned) return give_back(c);
  c.frames.add(data);
  for (;;) {
    auto message = c.frames.next();
    if (!message) {
      c.end({message.error().code() == errc::too_large ? code::resource_exhausted : code::internal, message.error().text()});
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, c.stream, NGHTTP2_CANCEL);
      break;
    }
    if (!*message) break;
    c.arrived.push_back(std::move(**message));
    c.changed.notify_all();
  }
  give_back(c);
}

// The other side may send more, unless too much waits here.
void channel::state::give_back(call::state& c) {
  if (c.unconsumed == 0 || c.stream < 0 || (c.arrived.size() >= limits::messages_queued_max && !c.abandoned && !c.ended)) return;
  nghttp2_session_consume_stream(session, c.stream, std::exchange(c.unconsumed, 0));
  wake.set();
}

void channel::state::stream_done(call::state& c, uint32_t error_code) {
  if (c.ended) return;
  if (c.has_status) {
    c.end(c.status);
  } else if (error_code != NGHTTP2_NO_ERROR) {
    auto how = error_code == NGHTTP2_REFUSED_STREAM ? code::unavailable : error_code == NGHTTP2_CANCEL ? code::cancelled : code::internal;
    c.end({how, fmt::format("the server ended the call: {}", nghttp2_http2_strerror(error_code))});
  } else if (c.http_status != 200 && c.http_status != 0) {
    c.end(from_http(c.http_status));
  } else {
    c.end({code::internal, "the server ended the call without saying how it went"});
  }
  // It wants no more of what we send.
  if (!c.done_sending || !c.outgoing.empty()) nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, c.stream, NGHTTP2_NO_ERROR);
  wake.set();
}

void channel::state::broke(const std::string& reason) {
  if (ended.is_set()) return;
  why = reason;
  ended.set();
  wake.set();
  stream->close();
  for (auto& [id, c] : std::exchange(calls, {})) {
    c->stream = -1;
    c->end({code::unavailable, why});
  }
}

result<channel::state::call_state> channel::state::open(std::string method) {
  if (ended.is_set()) return fail(errc::unavailable, "{}", why);
  if (going_away) return fail(errc::unavailable, "the server takes no further calls");
  if (calls.size() >= limits::calls_max) return fail(errc::too_large, "{} calls are under way on one connection; no more are taken", calls.size());
  auto c = std::make_shared<call::state>();
  const std::array headers{header_of(":method", "POST"),          header_of(":scheme", "http"), header_of(":path", method),
                           header_of(":authority", authority),    header_of("te", "trailers"),  header_of("content-type", "application/grpc"),
                           header_of("user-agent", "drover-grpc")};
  nghttp2_data_provider provider{{.ptr = c.get()}, read_outgoing};
  c->stream = nghttp2_submit_request(session, nullptr, headers.data(), headers.size(), &provider, nullptr);
  if (c->stream < 0) return fail(errc::unavailable, "a call cannot be begun: {}", nghttp2_strerror(c->stream));
  calls[c->stream] = c;
  wake.set();
  return c;
}

void channel::state::cancel(call::state& c) {
  c.abandoned = true;
  c.arrived.clear();
  if (c.stream < 0) return;
  if (!c.ended) nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, c.stream, NGHTTP2_CANCEL);
  give_back(c);
  wake.set();
}

// False: the connection is at its end.
bool channel::state::feed() {
  std::array<char, 16 * 1024> buffer;
  for (;;) {
    auto n = stream->try_read(buffer);
    if (!n) {
      broke(n.error().code() == errc::closed ? "the connection was closed by the other side" : n.error().text());
      return false;
    }
    if (*n == 0) return true;
    auto used = nghttp2_session_mem_recv(session, reinterpret_cast<const uint8_t*>(buffer.data()), *n);
    wake.set();
    if (used >= 0) continue;
    broke(fmt::format("the other side does not speak HTTP/2: {}", nghttp2_strerror(static_cast<int>(used))));
    return false;
  }
}

awaitable<void> channel::state::read_all() {
  while (!ended.is_set()) {
    auto ready = co_await stream->wait_readable();
    if (!ready) break;
    if (!feed()) co_return;
  }
  broke("the connection was closed");
}

awaitable<void> channel::state::write_all() {
  while (!ended.is_set()) {
    std::string batch;
    const uint8_t* data = nullptr;
    while (batch.size() < limits::stream_window_bytes) {
      auto n = nghttp2_session_mem_send(session, &data);
      if (n <= 0) break;
      batch.append(text_of(data, static_cast<size_t>(n)));
    }
    if (batch.empty()) {
      if (nghttp2_session_want_read(session) == 0 && nghttp2_session_want_write(session) == 0) break;
      wake.reset();
      co_await wake.wait();
      continue;
    }
    if (auto written = co_await stream->write_all(batch); !written) co_return broke(written.error().text());
  }
  broke("the connection was closed");
}

// ---- channel ----

channel::channel(std::unique_ptr<state> s) : state_(std::move(s)) {}
channel::~channel() = default;

result<std::shared_ptr<channel>> channel::over(net::loop& l, std::unique_ptr<net::byte_stream> stream, std::string authority) {
  auto s = std::make_unique<state>(l, std::move(stream), std::move(authority));
  TRY(s->begin());
  auto& inside = *s;
  std::shared_ptr<channel> out(new channel(std::move(s)));
  inside.scope.spawn(&state::read_all, &inside);
  inside.scope.spawn(&state::write_all, &inside);
  return out;
}

awaitable<result<std::shared_ptr<channel>>> channel::connect(net::loop& l, net::endpoint where, net::time_point deadline, std::string authority) {
  auto dialled = co_await net::dial(where, {.deadline = deadline});
  if (!dialled) co_return fail(errc::unavailable, "connecting to {}: {}", net::to_string(where), dialled.error().text());
  co_return over(l, std::move(*dialled), std::move(authority));
}

bool channel::closed() const { return state_->ended.is_set(); }
net::event& channel::ended() { return state_->ended; }
void channel::close() { state_->broke("the connection was closed here"); }

awaitable<void> channel::stop() {
  close();
  co_await state_->scope.stop();
}

result<std::unique_ptr<grpc::call>> channel::open(std::string method) {
  TRY_ASSIGN(auto c, state_->open(std::move(method)));
  return std::make_unique<grpc::call>(shared_from_this(), std::move(c));
}

awaitable<reply> channel::ask(std::string method, std::string request, net::time_point deadline) {
  auto opened = open(method);
  if (!opened) co_return reply{{opened.error().code() == errc::too_large ? code::resource_exhausted : code::unavailable, opened.error().text()}, {}};
  auto c = std::move(*opened);
  auto late = [&] { return reply{{code::deadline_exceeded, fmt::format("{} took too long", method)}, {}}; };
  // A server may answer before it has all; then what it says counts.
  (void)co_await c->send(std::move(request));
  c->finish_sending();
  auto message = co_await c->receive(deadline);
  if (message && co_await c->receive(deadline)) co_return reply{{code::internal, fmt::format("{} gave more than one answer", method)}, {}};
  if (!c->has_ended()) co_return late();
  auto how = c->ended();
  if (how.ok() && !message) how = {code::internal, fmt::format("{} gave no answer", method)};
  co_return reply{std::move(how), std::move(message).value_or(std::string())};
}

awaitable<result<std::string>> channel::call(std::string method, std::string request, net::time_point deadline) {
  auto answer = co_await ask(std::move(method), std::move(request), deadline);
  if (!answer.status.ok()) co_return fail(answer.status.error());
  co_return std::move(answer.message);
}

// ---- call ----

call::call(std::shared_ptr<channel> owner, std::shared_ptr<state> s) : owner_(std::move(owner)), state_(std::move(s)) {}
call::~call() { owner_->state_->cancel(*state_); }

awaitable<result<>> call::send(std::string message) {
  auto& c = *state_;
  ENSURE(!c.done_sending, "nothing is sent after the end");
  if (message.size() > limits::message_bytes_max)
    co_return fail(errc::too_large, "a message of {} bytes cannot be sent; at most {} are allowed", message.size(), limits::message_bytes_max);
  while (!c.ended && c.outgoing.size() >= limits::send_bytes_max) co_await c.changed.wait();
  if (c.ended) co_return fail(errc::closed, "the call has ended");
  c.outgoing += frame(message);
  nghttp2_session_resume_data(owner_->state_->session, c.stream);
  owner_->state_->wake.set();
  co_return result<>{};
}

void call::finish_sending() {
  auto& c = *state_;
  if (std::exchange(c.done_sending, true) || c.stream < 0) return;
  nghttp2_session_resume_data(owner_->state_->session, c.stream);
  owner_->state_->wake.set();
}

awaitable<std::optional<std::string>> call::receive(net::time_point deadline) {
  auto& c = *state_;
  while (c.arrived.empty() && !c.ended)
    if (!co_await c.changed.wait(deadline)) co_return std::nullopt;
  if (c.arrived.empty()) co_return std::nullopt;
  auto out = std::move(c.arrived.front());
  c.arrived.pop_front();
  owner_->state_->give_back(c);
  co_return out;
}

bool call::has_ended() const { return state_->ended && state_->arrived.empty(); }
const status& call::ended() const {
  ENSURE(state_->ended, "how a call ended is known at its end");
  return state_->status;
}

}  // namespace drover::grpc
