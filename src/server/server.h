// A server: the replicated state, the scheduler's workers and the leader's duties, answering RPC methods.
//
// Loop thread only. Life: create (nothing runs), start() (reads the log; a cluster of one leads when it returns, others find each other in the
// background), leave() if it goes for good, co_await stop() (also after a start() that failed), destroy. methods() may be used from start() to
// stop().
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "acl/acl.h"
#include "base/result.h"
#include "gossip/member_list.h"
#include "net/loop.h"
#include "raft/raft.h"
#include "rpc/channel.h"
#include "rpc/local.h"
#include "schema/operator_rpc.h"
#include "server/options.h"
#include "server/peers.h"
#include "state/snapshot.h"

namespace drover::server {

struct server_stats {
  raft::stats raft;
  size_t brokers_ready = 0;
  size_t brokers_leased = 0;
  size_t brokers_pending = 0;  // behind another one of their job
  size_t brokers_delayed = 0;
  size_t blocked_evals = 0;
  size_t blocked_escaped = 0;
  size_t event_subscribers = 0;
  size_t plans_waiting = 0;
  size_t tracked_nodes = 0;
  // Where the leader's RPC port is; empty: none is known.
  std::string leader_rpc_address;
  std::map<std::string, std::string> serf;  // the "serf" block of agent-info
};

class cluster_server {
 public:
  cluster_server(net::loop& l, server_options options);
  ~cluster_server();
  cluster_server(const cluster_server&) = delete;
  cluster_server& operator=(const cluster_server&) = delete;

  // Before start(): how many batches of events are kept for subscribers who come later (event_broker.h); 0: no event stream.
  void keep_events(size_t batches);
  result<> start();
  net::awaitable<void> stop();

  // Every method this server answers; call it through channel().
  const rpc::method_table& methods() const;
  rpc::channel& channel();

  // A connection to the RPC port whose first byte was 0x02.
  void accept_raft(std::unique_ptr<net::byte_stream> stream);
  // Goes for good: hands leadership over, has itself removed from Raft, says good-bye in gossip. Bounded by some seconds; stop() follows. What
  // could not be done is logged and the rest is done.
  net::awaitable<result<>> leave();

  // The gossip pool, for `server join`, `server force-leave`, `operator gossip keyring`. errc::unsupported: this server runs without gossip.
  net::awaitable<result<gossip::join_result>> join(std::vector<std::string> addresses);
  net::awaitable<result<>> force_leave(std::string name, bool prune);
  net::awaitable<result<gossip::key_response>> install_key(std::string key);
  net::awaitable<result<gossip::key_response>> use_key(std::string key);
  net::awaitable<result<gossip::key_response>> remove_key(std::string key);
  net::awaitable<result<gossip::key_response>> list_keys();
  // As `server members` shows them.
  std::vector<gossip::member> members() const;
  const peers& known_servers() const;

  // How to reach a client node's own methods (logs, exec, stats ...). The channel must stay valid until forget_node().
  void connect_node(std::string node_id, rpc::channel& to);
  void forget_node(const std::string& node_id);

  // What a token may do, for what the agent answers by itself; with ACLs off everything.
  result<std::shared_ptr<const acl::acl>> access_of(const std::string& token);
  // Whose token this is, for the audit log; empty texts where nobody's.
  struct token_holder {
    std::string accessor_id, name;
  };
  token_holder holder_of(const std::string& token);

  // The scheduling workers of this server alone; until its next start. errc::invalid: not as many as the machine has processors, or no such types.
  result<> set_schedulers(int64_t count, std::vector<std::string> types);
  schema::agent_scheduler_worker_config_response scheduler_config() const;
  schema::agent_scheduler_workers_info schedulers() const;
  bool is_leader() const;
  const std::string& id() const;
  state::snapshot state() const;
  server_stats stats() const;

 private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

}  // namespace drover::server
