// How the first servers become a cluster (bootstrap_expect of 2 or more): all of them write the same first configuration, or none does.
//
// Each server that has no log waits until gossip shows `bootstrap_expect` servers of its region with the same expectation, and asks all servers
// of the region what they have. If one of them belongs to a cluster, this one waits until that cluster's leader adds it. Otherwise the one with
// the lowest id proposes: it asks every other (Cluster.Prepare) whether it agrees, hands the configuration to all (Cluster.Bootstrap), then
// takes it itself and stands for election at once. A server agrees with one proposer at a time, and not while it knows a lower id; so two
// proposers cannot both win over a majority of `bootstrap_expect`, also when gossip has not shown everybody to everybody. Whoever misses the
// configuration gets the log from the leader.
//
// A proposer that dies half way leaves servers that have the configuration and are too few to elect: the others find that out (their report has
// a first configuration with us in it and nothing else) and take the same one.
//
// Loop thread only. Life: create, start(), co_await stop().
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "net/event.h"
#include "net/task_scope.h"
#include "server/cluster_messages.h"
#include "server/context.h"
#include "server/peers.h"

namespace drover::server {

class bootstrapper {
 public:
  explicit bootstrapper(server_context& context);
  void start();
  net::awaitable<void> stop();
  // For a server that leaves.
  void stop_asking() { tasks_.cancel(); }

  cluster_report report() const;
  // What others ask (cluster_messages.h).
  first_configuration_answer prepare(const first_configuration_request& request);
  net::awaitable<result<first_configuration_answer>> take(first_configuration_request request);

 private:
  bool has_log() const;
  std::vector<peer> candidates();
  void note_conflict(const std::string& text);
  net::awaitable<void> run();
  net::awaitable<bool> attempt();
  net::awaitable<bool> propose(std::vector<peer> members);
  net::awaitable<result<>> write(std::vector<std::string> members, bool elect_now);

  server_context& context_;
  log::logger logger_;
  size_t listener_ = 0;
  net::event changed_;
  std::string last_conflict_;
  struct promise {
    std::string proposer;
    net::time_point until;
  };
  std::optional<promise> promised_;
  bool proposing_ = false;
  net::task_scope tasks_;
};

}  // namespace drover::server
