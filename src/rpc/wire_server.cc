#include "rpc/wire_server.h"

#include <algorithm>
#include <chrono>
#include <unordered_map>
#include <utility>

#include "base/ensure.h"
#include "net/task_scope.h"
#include "net/tls.h"
#include "rpc/carrier.h"
#include "rpc/serving.h"

namespace drover::rpc {
namespace {

// Of the connections that one address may have, so many are kept for what is no stream.
constexpr size_t streaming_reserve = 20;
constexpr duration accept_pause = milliseconds(50);
// Refusals come as often as strangers like; of those within a second so many are logged, the others are counted in the next line.
constexpr size_t refusals_logged_max = 20;
constexpr std::chrono::seconds refusals_counted_for{1};

}  // namespace

struct wire_server::state {
  state(net::loop& l, wire_server_options o) : loop(l), options(std::move(o)), scope(l, options.logger) {
    ENSURE(options.table != nullptr, "an RPC port has a table of methods");
  }

  // What a connection counts for while it lives.
  struct ticket {
    ticket(state& s, std::string h) : server(s), host(std::move(h)) {
      ++server.connections;
      ++server.per_host[host].all;
    }
    ~ticket() {
      --server.connections;
      auto it = server.per_host.find(host);
      it->second.streaming -= streaming;
      if (--it->second.all == 0) server.per_host.erase(it);
    }
    ticket(const ticket&) = delete;
    ticket& operator=(const ticket&) = delete;
    state& server;
    std::string host;
    bool streaming = false;
  };
  struct counts {
    size_t all = 0, streaming = 0;
  };

  awaitable<void> accept();
  void admit(std::unique_ptr<net::byte_stream> stream);
  awaitable<void> serve(std::unique_ptr<net::byte_stream> stream, std::unique_ptr<ticket> held);
  awaitable<result<wire_kind>> greet(std::unique_ptr<net::byte_stream>& stream, std::shared_ptr<const net::tls_context> context);
  awaitable<void> serve_kind(wire_kind kind, std::unique_ptr<net::byte_stream> stream, std::unique_ptr<ticket> held);
  awaitable<void> serve_session(std::unique_ptr<net::byte_stream> stream, bool streams_have_kinds);
  void refuse(const net::byte_stream& stream, std::string_view why) { refuse(net::to_string(stream.remote()), why); }
  void refuse(const std::string& address, std::string_view why);

  net::loop& loop;
  wire_server_options options;
  std::unique_ptr<net::listener> listener;
  std::unordered_map<std::string, counts> per_host;
  size_t connections = 0, sessions = 0;
  uint64_t accepted = 0, refused = 0;
  net::time_point refusals_since{};
  size_t refusals_lately = 0, refusals_hidden = 0;
  serving_stats serving;
  net::task_scope scope;
};

awaitable<void> wire_server::state::accept() {
  for (;;) {
    auto stream = co_await listener->accept();
    if (stream) {
      admit(*std::move(stream));
      continue;
    }
    if (stream.error().code() == errc::closed || stream.error().code() == errc::cancelled) co_return;
    // Out of descriptors, most likely: others will be freed.
    options.logger.error("cannot accept a connection", {{"error", stream.error().text()}});
    co_await net::sleep_for(accept_pause);
  }
}

void wire_server::state::refuse(const std::string& address, std::string_view why) {
  ++refused;
  if (net::now() - refusals_since >= refusals_counted_for) {
    refusals_since = net::now();
    refusals_lately = 0;
  }
  if (++refusals_lately > refusals_logged_max) {
    ++refusals_hidden;
    return;
  }
  if (refusals_hidden == 0) options.logger.warn("connection refused", {{"address", address}, {"reason", why}});
  else options.logger.warn("connection refused", {{"address", address}, {"reason", why}, {"others_before", std::exchange(refusals_hidden, 0)}});
}

void wire_server::state::admit(std::unique_ptr<net::byte_stream> stream) {
  ++accepted;
  auto host = stream->remote().host;
  auto it = per_host.find(host);
  if (connections >= options.limits.connections_max) return refuse(*stream, "too many connections");
  if (options.limits.connections_per_ip_max > 0 && it != per_host.end() && it->second.all >= options.limits.connections_per_ip_max)
    return refuse(*stream, "too many connections from this address");
  scope.spawn(serve(std::move(stream), std::make_unique<ticket>(*this, std::move(host))));
}

awaitable<void> wire_server::state::serve(std::unique_ptr<net::byte_stream> stream, std::unique_ptr<ticket> held) {
  auto deadline = options.limits.handshake_timeout.ns > 0 ? net::after(options.limits.handshake_timeout) : net::never;
  // The stream is consumed by a TLS handshake that fails.
  auto address = net::to_string(stream->remote());
  std::shared_ptr<const net::tls_context> context;
  if (options.tls) context = options.tls();
  auto kind = co_await net::with_deadline(greet(stream, std::move(context)), deadline);
  if (kind) co_return co_await serve_kind(*kind, std::move(stream), std::move(held));
  auto code = kind.error().code();
  // Who says nothing and leaves is a health check.
  if (code == errc::closed || code == errc::cancelled) co_return;
  if (code == errc::invalid) ++serving.garbage;
  refuse(address, kind.error().text());
}

// The first byte, after the TLS handshake if it asks for one.
awaitable<result<wire_kind>> wire_server::state::greet(std::unique_ptr<net::byte_stream>& stream, std::shared_ptr<const net::tls_context> context) {
  char first = 0;
  CO_TRY(co_await stream->read_exactly({&first, 1}));
  if (static_cast<wire_kind>(first) == wire_kind::tls) {
    if (!context) co_return fail(errc::unsupported, "it asks for TLS, which is not configured here");
    auto secured = co_await net::tls_accept(std::move(stream), std::move(context));
    if (!secured) co_return fail(errc::unavailable, "{}", secured.error().text());
    stream = *std::move(secured);
    CO_TRY(co_await stream->read_exactly({&first, 1}));
    if (static_cast<wire_kind>(first) == wire_kind::tls) co_return fail(errc::invalid, "it asks for TLS inside TLS");
  } else if (context && !options.plain_allowed) {
    co_return fail(errc::permission_denied, "it does not begin with TLS, which is required here");
  }
  auto number = static_cast<uint8_t>(first);
  if (number < static_cast<uint8_t>(wire_kind::calls) || number > static_cast<uint8_t>(wire_kind::yamux))
    co_return fail(errc::invalid, "its first byte names no protocol");
  co_return static_cast<wire_kind>(first);
}

awaitable<void> wire_server::state::serve_kind(wire_kind kind, std::unique_ptr<net::byte_stream> stream, std::unique_ptr<ticket> held) {
  if (kind == wire_kind::yamux || kind == wire_kind::yamux_calls) co_return co_await serve_session(std::move(stream), kind == wire_kind::yamux);
  if (kind == wire_kind::raft) {
    if (!options.on_raft) co_return refuse(*stream, "it speaks Raft, and no Raft runs here");
    held.reset();
    co_return options.on_raft(std::move(stream));
  }
  call_context context{.in_process = false, .remote_address = net::to_string(stream->remote()), .tls_names = net::peer_names(*stream)};
  auto with = std::make_shared<const rpc::serving>(loop, *options.table, options.logger, serving, std::move(context));
  if (kind == wire_kind::calls) co_return co_await serve_calls(std::move(with), std::move(stream));
  auto& streaming = per_host[held->host].streaming;
  auto most = options.limits.connections_per_ip_max;
  if (most > 0 && streaming + streaming_reserve >= std::max(most, streaming_reserve + 1))
    co_return refuse(*stream, "too many streaming connections from this address");
  ++streaming;
  held->streaming = true;
  co_await serve_streaming_call(std::move(with), std::move(stream));
}

awaitable<void> wire_server::state::serve_session(std::unique_ptr<net::byte_stream> stream, bool streams_have_kinds) {
  auto address = net::to_string(stream->remote());
  carrier session(loop, std::move(stream), {.table = options.table, .streams_have_kinds = streams_have_kinds}, options.logger, serving);
  ++sessions;
  auto ended = co_await session.run();
  --sessions;
  if (!ended && ended.error().code() == errc::invalid) {
    ++serving.garbage;
    options.logger.warn("a connection sent what is no RPC", {{"address", address}, {"error", ended.error().text()}});
  } else if (!ended) {
    options.logger.debug("a connection broke", {{"address", address}, {"error", ended.error().text()}});
  }
}

wire_server::wire_server(net::loop& l, wire_server_options options) : state_(std::make_unique<state>(l, std::move(options))) {}
wire_server::~wire_server() = default;

result<net::endpoint> wire_server::listen(const net::endpoint& where) {
  ENSURE(!state_->listener, "an RPC port listens once");
  TRY_ASSIGN(state_->listener, net::listener::listen(state_->loop, where));
  state_->scope.spawn(state_->accept());
  return state_->listener->local();
}

void wire_server::serve(std::unique_ptr<net::byte_stream> stream) { state_->admit(std::move(stream)); }

net::awaitable<void> wire_server::stop() {
  if (state_->listener) state_->listener->close();
  co_await state_->scope.stop();
}

wire_stats wire_server::stats() const {
  const auto& s = *state_;
  return {s.connections, s.sessions, s.serving.streams, s.accepted, s.refused, s.serving.calls, s.serving.garbage};
}

}  // namespace drover::rpc
