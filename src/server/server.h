// A server: the replicated state, the scheduler's workers and the leader's duties, answering RPC methods.
//
// Loop thread only. Life: create() (makes directories, nothing runs), start() (reads the log; a cluster of one leads when it returns),
// co_await stop(), destroy. methods() may be used from start() to stop().
#pragma once

#include <memory>

#include "base/result.h"
#include "net/loop.h"
#include "raft/raft.h"
#include "rpc/channel.h"
#include "rpc/local.h"
#include "server/options.h"
#include "state/snapshot.h"

namespace drover::server {

struct server_stats {
  raft::stats raft;
  size_t brokers_ready = 0;
  size_t brokers_leased = 0;
  size_t blocked_evals = 0;
  size_t plans_waiting = 0;
  size_t tracked_nodes = 0;
};

class cluster_server {
 public:
  cluster_server(net::loop& l, server_options options);
  ~cluster_server();
  cluster_server(const cluster_server&) = delete;
  cluster_server& operator=(const cluster_server&) = delete;

  result<> start();
  net::awaitable<void> stop();

  // Every method this server answers; call it through channel().
  const rpc::method_table& methods() const;
  rpc::channel& channel();

  // How to reach a client node's own methods (logs, exec, stats ...). The channel must stay valid until forget_node().
  void connect_node(std::string node_id, rpc::channel& to);
  void forget_node(const std::string& node_id);

  bool is_leader() const;
  const std::string& id() const;
  state::snapshot state() const;
  server_stats stats() const;

 private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

}  // namespace drover::server
