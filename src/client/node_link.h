// Keeps this node known to the servers: registers it, sends heartbeats, registers again when it changes or was forgotten, reports events.
// Loop thread; run() belongs to the client's scope.
//
// A failure is retried soon and ever more slowly, up to a limit that fits the cluster's size. A node that the servers refuse (another node has its
// id, it lacks permission) says so once as an error and asks again once a minute.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/log.h"
#include "net/event.h"
#include "net/loop.h"
#include "rpc/channel.h"
#include "schema/node.h"
#include "schema/node_rpc.h"

namespace drover::client {

class node_link {
 public:
  node_link(rpc::channel& servers, std::string region, schema::ref<schema::node> node, log::logger logger);
  net::awaitable<void> run();
  net::awaitable<void> send_events();

  schema::ref<schema::node> node() const { return node_; }
  // Registers again with this record.
  void set_node(schema::ref<schema::node> node);
  void emit(schema::node_event e);
  // A heartbeat now: the way to the servers has changed.
  void hurry();
  // Registers once more and gives the index of that write, which only a leader with its whole log can have made; 0: the server did not say.
  net::awaitable<result<uint64_t>> confirm();
  // Set once the servers know this node as ready.
  net::event& ready() { return ready_; }
  // Waits before another loop of this node tries again: until that time, or until the servers answer this link after having been away.
  net::awaitable<void> wait_for_servers(duration at_most);
  duration retry_max() const;
  // How long the servers wait for the next heartbeat, and when they last answered one; nothing: never.
  duration ttl() const { return ttl_; }
  std::optional<net::time_point> heard() const { return heard_; }

  // Called after each answer.
  std::function<void(const schema::node_update_response&)> on_answer;
  // The identity that the servers signed for this node; "": none yet, or they do not.
  const std::string& identity() const { return identity_; }
  // Asks for a new identity with the next heartbeat, which is sent now.
  void renew_identity();
  // With which a node that is new shows that it may register (`node intro create`).
  std::string introduction_token;
  // How many nodes the cluster has, as far as this one knows.
  int64_t cluster_nodes = 1;

 private:
  net::awaitable<result<schema::node_update_response>> send_registration(schema::ref<schema::node> node);
  net::awaitable<result<>> register_node();
  net::awaitable<result<>> heartbeat();
  void took(const schema::node_update_response& reply);
  duration note_failure(const error& e, bool beat, duration retry);

  rpc::channel& servers_;
  std::string region_;
  schema::ref<schema::node> node_;
  log::logger logger_;
  std::string identity_;
  bool renew_identity_ = false;
  bool registered_ = false;
  bool away_ = false;
  bool refused_ = false;
  duration ttl_ = seconds(10);
  std::optional<net::time_point> heard_;
  net::event ready_;
  net::event changed_;
  net::event back_;
  std::deque<schema::node_event> events_;
  net::event events_waiting_;
};

}  // namespace drover::client
