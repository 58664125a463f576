// The agent's TLS, made from the `tls` block: contexts for RPC in both directions and for HTTPS, and what a peer may do by the names in its
// certificate (shared/spec/wire.md, "TLS names").
//
//   tls.rpc                      RPC and Raft are encrypted; whoever connects must show a certificate of the CA
//   tls.verify_server_hostname   moreover, servers dialled are server.REGION.nomad; who connects is a server, or a client of this region; Raft and
//                                calls between servers are for server.<this region>.nomad
//   tls.rpc_upgrade_mode         plain connections are accepted too, and Raft is not checked by name, while a cluster is being moved to TLS
//   tls.http                     HTTPS; tls.verify_https_client: with a certificate of the CA
//
// Loop thread only. Life: create() reads the files. reload() reads them again and replaces everything at once, or, if anything is wrong with the
// new ones, nothing. Contexts handed out are immutable: connections that are open keep theirs.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "agent/config.h"
#include "base/log.h"
#include "env/clock.h"
#include "net/tls.h"

namespace drover::agent {

// What the block alone shows to be wrong, before any file is read.
result<> check_tls(const tls_config& config);

class agent_tls {
 public:
  static result<std::unique_ptr<agent_tls>> create(const agent_config& config, const env::clock& clock = env::real_clock());
  // The error says which file and why; everything is as before then. An expired certificate is refused here, but not by create(): a machine that
  // boots with a wrong clock must come up.
  result<> reload(const agent_config& config);

  // For rpc::pool_options::tls: how to reach servers of `region`. Null: plain.
  std::shared_ptr<const net::tls_context> outgoing(const std::string& region) const;
  // For rpc::wire_server_options::tls. Null: plain.
  std::shared_ptr<const net::tls_context> incoming() const { return now_.incoming; }
  bool plain_rpc_allowed() const { return !now_.rules.rpc || now_.rules.rpc_upgrade_mode; }
  // For net::http_server: first at its making, then by set_tls() after each reload. Null: plain HTTP.
  std::shared_ptr<const net::tls_context> https() const { return now_.https; }

  // For HTTPS of other nodes: the certificate of the answering one must be of the CA, and for a client or server of this region. Null: plain HTTP.
  std::shared_ptr<const net::tls_context> to_nodes() const { return now_.to_nodes; }

  // Whether names are checked at all (tls.rpc and verify_server_hostname).
  bool verifies_names() const { return now_.rules.rpc && now_.rules.verify_server_hostname; }
  // Of a connection whose certificate has these names (net::peer_names, or the tls_names of a call). The error is for the log and the peer.
  result<> may_speak_raft(std::span<const std::string> names) const;
  // For methods that only servers call.
  result<> may_call_as_server(std::span<const std::string> names) const;
  // For methods of client agents; servers may, too.
  result<> may_call_as_node(std::span<const std::string> names) const;

 private:
  struct loaded {
    tls_config rules;
    std::shared_ptr<const net::tls_context> outgoing, incoming, https, to_nodes;
  };
  agent_tls(std::string region, const env::clock& clock) : region_(std::move(region)), clock_(clock) {}
  result<loaded> load(const tls_config& rules) const;
  bool is_used() const { return now_.rules.rpc || now_.rules.http; }
  // Of the own certificate; an error if it is not valid now.
  result<timestamp> valid_until(const tls_config& rules) const;
  void say_loaded(timestamp expires) const;

  std::string region_;
  const env::clock& clock_;
  log::logger logger_{"agent.tls"};
  loaded now_;
  // By region, of now_.outgoing.
  mutable std::map<std::string, std::shared_ptr<const net::tls_context>> by_region_;
};

}  // namespace drover::agent
