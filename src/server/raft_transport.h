// Raft between our servers, over the RPC port. Raft speaks libraft's messages; this is what comes before them:
//
//   dialler   [0x04, TLS handshake,] 0x02, then "DRVRAFT2", u32 length, a greeting: region, cluster id, its server id and name
//   acceptor  u32 length, a welcome: a sentence if it refuses, otherwise its own server id and cluster id
//
// Lengths are little endian, greeting and welcome msgpack. Both sides check: same region, same cluster (an empty id is that of a server that
// does not belong to one yet), a server that is known, and the one that was meant. Whoever refuses says so in one line of its log and to the
// other side. Servers are known by id; the "address" that libraft stores is the server's UUID, so that it never changes, and where that server
// is now is looked up for every connection.
//
// libraft needs sockets: a plain connection's own socket is handed over, a TLS one is carried by the loop through a socket pair.
//
// Loop thread only; what endpoint() gives is for the raft thread. Life: create, endpoint() into raft::options, co_await stop(), then stop the
// raft node, destroy.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/stream.h"
#include "net/tls.h"
#include "raft/transport.h"

namespace drover::server {

struct raft_transport_options {
  std::string region, server_id, name;
  // This server's cluster, asked for each connection; empty while it belongs to none.
  std::function<std::string()> cluster_id;
  // Where the server is reached, the best address first.
  std::function<std::vector<std::string>(uint64_t raft_id)> addresses;
  // Whether the server of that id may connect; the error says why not.
  std::function<result<>(const std::string& server_id)> admit;
  // For outgoing connections; gives null for a plain one. Asked for each.
  std::function<std::shared_ptr<const net::tls_context>()> tls;
  // Whether a TLS connection's certificate is that of a server of this region. Null: not looked at.
  std::function<result<>(const net::byte_stream&)> check_certificate;
  // For one address: connecting, TLS and the greeting.
  duration dial_timeout = milliseconds(600);
};

class raft_transport {
 public:
  raft_transport(net::loop& l, raft_transport_options options);
  ~raft_transport();
  raft_transport(const raft_transport&) = delete;
  raft_transport& operator=(const raft_transport&) = delete;

  // Raft's end. Once.
  std::unique_ptr<raft::transport> endpoint();
  // A connection whose first byte was 0x02.
  void accept(std::unique_ptr<net::byte_stream> stream);
  net::awaitable<void> stop();

 private:
  struct state;
  std::shared_ptr<state> state_;
};

}  // namespace drover::server
