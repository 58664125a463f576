#include "net/http_server.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "base/ensure.h"
#include "net/http_connection.h"
#include "net/task_scope.h"

namespace drover::net {
namespace asio = boost::asio;

namespace {
// Timeouts are looked after by one sweep over all connections instead of a timer in each; a timeout may last a quarter longer.
constexpr duration sweep_interval_max = seconds(2);
constexpr duration sweep_interval_min = milliseconds(5);
// Out of file handles: wait for some to come back rather than spin.
constexpr duration accept_pause = milliseconds(50);

duration sweep_interval(const http_limits& limits) {
  auto shortest = std::min({limits.header_timeout, limits.body_timeout, limits.idle_timeout, limits.write_timeout});
  return std::clamp(shortest / 4, sweep_interval_min, sweep_interval_max);
}
}  // namespace

struct http_server::state {
  state(loop& l, http_server_options o)
      : core{.owner = l, .options = std::move(o), .stats = {}, .emptied = {}, .scratch = {}, .date_line = {}}, scope(l, core.options.logger) {}

  http_server_core core;
  std::vector<std::unique_ptr<listener>> listeners;
  std::unordered_map<std::string, size_t> connections_by_ip;
  task_scope scope;
  bool sweeping = false;

  awaitable<void> accept_all(listener* from);
  awaitable<void> sweep();
  void serve(std::unique_ptr<byte_stream> stream);
  bool admit(byte_stream& stream, const std::string& ip);
  void ended(http_connection* connection, const std::exception_ptr& failure);
};

void release(http_server_core& server, http_connection* connection) {
  if (--connection->references > 0) return;
  (connection->previous ? connection->previous->next : server.first) = connection->next;
  if (connection->next) connection->next->previous = connection->previous;
  delete connection;
  if (--server.stats.connections == 0) server.emptied.set();
}

http_server::http_server(loop& l, http_server_options options) : state_(std::make_unique<state>(l, std::move(options))) {
  ENSURE(state_->core.options.handler != nullptr, "a server has a handler");
  state_->core.emptied.set();
}

http_server::~http_server() { ENSURE(state_->core.stats.connections == 0, "a server is stopped before it is destroyed"); }

result<endpoint> http_server::listen(const endpoint& where) {
  TRY_ASSIGN(auto opened, listener::listen(state_->core.owner, where));
  auto local = opened->local();
  state_->listeners.push_back(std::move(opened));
  state_->scope.spawn(&state::accept_all, state_.get(), state_->listeners.back().get());
  return local;
}

void http_server::serve(std::unique_ptr<byte_stream> stream) { state_->serve(std::move(stream)); }
void http_server::set_tls(std::shared_ptr<const tls_context> tls) { state_->core.options.tls = std::move(tls); }
http_server_stats http_server::stats() const { return state_->core.stats; }

awaitable<void> http_server::state::accept_all(listener* from) {
  for (;;) {
    auto stream = co_await from->accept();
    if (stream) {
      serve(*std::move(stream));
      continue;
    }
    auto code = stream.error().code();
    if (code == errc::cancelled || code == errc::closed) co_return;
    core.options.logger.error("cannot accept a connection", {{"error", stream.error().text()}});
    co_await sleep_for(accept_pause);
  }
}

// Too many: a raw answer and the end, before any of the client's bytes is read.
bool http_server::state::admit(byte_stream& stream, const std::string& ip) {
  const auto& limits = core.options.limits;
  std::string_view refusal;
  if (core.stats.connections >= limits.connections_max) {
    refusal = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\ntoo many connections\n";
  } else if (auto found = connections_by_ip.find(ip);
             !ip.empty() && limits.connections_per_ip_max > 0 && found != connections_by_ip.end() && found->second >= limits.connections_per_ip_max) {
    refusal =
        "HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nYour IP is issuing too many concurrent connections, please "
        "rate limit your calls\n";
  } else {
    return true;
  }
  ++core.stats.refused_connections;
  if (!core.options.tls) (void)stream.try_write(refusal);
  return false;
}

void http_server::state::serve(std::unique_ptr<byte_stream> stream) {
  if (core.stopping) return;
  auto remote = stream->remote();
  std::string ip = remote.is_unix() ? std::string() : remote.host;
  if (!admit(*stream, ip)) return;
  if (!ip.empty()) ++connections_by_ip[ip];
  auto* connection = new http_connection(core, std::move(stream), std::move(ip));
  connection->next = core.first;
  if (core.first) core.first->previous = connection;
  core.first = connection;
  ++core.stats.connections;
  core.emptied.reset();
  if (!sweeping) {
    sweeping = true;
    scope.spawn(&state::sweep, this);
  }
  asio::co_spawn(
      core.owner, connection->run(core.options.tls),
      asio::bind_cancellation_slot(connection->cancel_run.slot(), [this, connection](const std::exception_ptr& failure) { ended(connection, failure); }));
}

void http_server::state::ended(http_connection* connection, const std::exception_ptr& failure) {
  if (auto found = connections_by_ip.find(connection->ip); found != connections_by_ip.end() && --found->second == 0) connections_by_ip.erase(found);
  try {
    if (failure) std::rethrow_exception(failure);
  } catch (const std::exception& e) {
    if (!is_cancellation(e)) core.options.logger.error("connection failed", {{"error", e.what()}});
  }
  connection->end();
  release(core, connection);
}

awaitable<void> http_server::state::sweep() {
  auto interval = sweep_interval(core.options.limits);
  while (core.first) {
    co_await sleep_for(interval);
    auto at = now();
    // Closing only posts completions, so no connection is unlinked in this loop.
    for (auto* c = core.first; c; c = c->next) c->expire(at);
  }
  sweeping = false;
}

awaitable<void> http_server::stop(duration grace) {
  auto& s = *state_;
  s.core.stopping = true;
  for (auto& l : s.listeners) l->close();
  for (auto* c = s.core.first; c; c = c->next)
    if (c->is_idle()) c->close_stream();
  bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await keep_going();
  try {
    if (grace.ns > 0) co_await s.core.emptied.wait(after(grace));
  } catch (const std::exception& e) {
    // Whoever stops us is in a hurry: no more grace.
    if (!is_cancellation(e)) throw;
  }
  for (auto* c = s.core.first; c; c = c->next) c->cancel_run.emit(asio::cancellation_type::terminal);
  co_await s.core.emptied.wait_to_the_end();
  co_await s.scope.stop();
  co_await asio::this_coro::throw_if_cancelled(throws);
}

}  // namespace drover::net
