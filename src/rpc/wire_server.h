// The RPC port: accepts connections, lets their first byte choose what they are, and serves calls from a method table.
// Loop thread only. Life: create, listen() (nothing is answered before the loop runs), co_await stop(), destroy.
//
// First bytes: 0x01 calls on the whole connection, 0x02 Raft, 0x03 yamux whose streams are calls, 0x04 TLS and then one of the others, 0x05 one
// streaming call, 0x06 yamux whose streams begin with 0x01 or 0x05. Anything else is logged with the address and closed.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "net/stream.h"
#include "net/tls.h"
#include "rpc/channel.h"

namespace drover::rpc {

struct wire_limits {
  duration handshake_timeout = seconds(5);  // first byte and TLS; 0: none
  size_t connections_per_ip_max = 100;      // refused and logged; 0: no limit. Streaming connections get 20 fewer
  size_t connections_max = 100'000;
};

struct wire_server_options {
  const method_table* table = nullptr;  // must outlive the server
  wire_limits limits{};
  // Null: no TLS. Asked for each new connection.
  std::function<std::shared_ptr<const net::tls_context>()> tls{};
  // With TLS configured, a connection that does not begin with 0x04 is refused, unless this (tls.rpc_upgrade_mode).
  bool plain_allowed = false;
  // Gets the connection after its 0x02 (nothing else was read). Null: refused.
  std::function<void(std::unique_ptr<net::byte_stream>)> on_raft{};
  log::logger logger{"nomad.rpc"};
};

struct wire_stats {
  size_t connections = 0, sessions = 0, streams = 0;
  uint64_t accepted = 0, refused = 0, calls = 0, garbage = 0;
};

class wire_server {
 public:
  wire_server(net::loop& l, wire_server_options options);
  ~wire_server();
  wire_server(const wire_server&) = delete;
  wire_server& operator=(const wire_server&) = delete;

  // Gives the address with its real port.
  result<net::endpoint> listen(const net::endpoint& where);
  // Serves a connection that something else accepted, from its first byte on.
  void serve(std::unique_ptr<net::byte_stream> stream);
  net::awaitable<void> stop();
  wire_stats stats() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace drover::rpc
