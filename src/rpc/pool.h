// Connections to other agents' RPC ports: one multiplexed session an address, made when first used, kept while used, closed when idle.
// Loop thread only. Life: create, use, co_await stop(), destroy.
//
// The bytes (shared/spec/wire.md, "First byte of TCP connection"): [0x04, TLS handshake,] 0x06, then yamux; each stream of it begins with 0x01
// (calls, one at a time) or 0x05 (one streaming call). Streams that the other side opens on our session are served from `serve`: that is how a
// server reaches a node that can only dial out.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "net/loop.h"
#include "net/tls.h"
#include "rpc/channel.h"

namespace drover::rpc {

struct pool_options {
  // What the other side may call back over our sessions; null: nothing. Must outlive the pool.
  const method_table* serve = nullptr;
  // The context for each new connection to that region, or null for a plain one. Asked every time, so that reloaded certificates count.
  std::function<std::shared_ptr<const net::tls_context>(const std::string& region)> tls{};
  duration dial_timeout = seconds(5);
  duration idle = minutes(2);
};

struct pool_stats {
  size_t sessions = 0;
  size_t streams = 0;
  uint64_t dialled = 0, dial_failures = 0;
};

class connection_pool {
 public:
  connection_pool(net::loop& l, pool_options options);
  ~connection_pool();
  connection_pool(const connection_pool&) = delete;
  connection_pool& operator=(const connection_pool&) = delete;

  // Calls to whoever answers at `address` (host:port, numeric or a name), a server of `region`. Costs nothing until it is used; a session that
  // broke is replaced at the next call. Errors of the connection are errc::closed or errc::unavailable, also for calls under way; nothing is
  // tried twice here. A call that the callee refused has the callee's error (rpc/remote_error.h).
  std::shared_ptr<channel> to(const std::string& address, const std::string& region);
  // Ends the session to `address`, as when its server is known to have gone: calls under way fail at once, the next one dials anew.
  void drop(const std::string& address);
  net::awaitable<void> stop();
  pool_stats stats() const;

 private:
  struct state;
  std::shared_ptr<state> state_;
};

}  // namespace drover::rpc
