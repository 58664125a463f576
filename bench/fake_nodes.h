// Client nodes played by one process for benchmarks: they register by RPC, send heartbeats and hold the query that a client holds.
// Loop thread only. Life: create, use, co_await stop(), destroy.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/event.h"
#include "net/task_scope.h"
#include "rpc/pool.h"
#include "schema/node.h"

namespace drover::bench {

struct fake_node {
  std::shared_ptr<rpc::channel> server;
  std::shared_ptr<schema::node> node;
  bool dead = false;
};

// As many files as the system lets this process open.
void raise_file_limit();
// From one address to one port there are no more connections than free ports, and no more than files this process may open: above that, nodes
// share sessions.
size_t sessions_max();

class fake_nodes {
 public:
  fake_nodes(net::loop& l, const std::string& address, size_t count, size_t sessions);

  using action = net::awaitable<result<>> (fake_nodes::*)(fake_node&);
  // Seconds for all nodes, some of them at once.
  net::awaitable<double> for_all(action what);
  net::awaitable<result<>> enroll(fake_node& mine);
  net::awaitable<result<>> beat(fake_node& mine);
  // Each node asks for its allocations and waits for the next, as a client does.
  void hold_queries();
  // Heartbeats at half of the time that the server allows, until stop().
  void keep_beating();

  std::vector<fake_node>& all() { return nodes_; }
  size_t failures() const { return failures_; }
  net::awaitable<void> stop();

 private:
  net::awaitable<void> work(action what);
  net::awaitable<void> hold(fake_node& mine);
  net::awaitable<void> beat_regularly();

  net::task_scope scope_;
  std::vector<std::unique_ptr<rpc::connection_pool>> pools_;
  std::vector<fake_node> nodes_;
  size_t next_ = 0, running_ = 0, failures_ = 0;
  duration allowed_ = seconds(10);
  net::event done_;
};

}  // namespace drover::bench
