// Keeps this node known to the servers: registers it, sends heartbeats, registers again when it changes or was forgotten, reports events.
// Loop thread; run() belongs to the client's scope.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "net/event.h"
#include "net/loop.h"
#include "rpc/channel.h"
#include "schema/node.h"

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
  // Set once the servers know this node as ready.
  net::event& ready() { return ready_; }
  // When a call of this link last succeeded, steady time; never before the first.
  net::time_point last_contact() const { return last_contact_; }
  // Called after each failed heartbeat.
  std::function<void()> on_failure;

 private:
  net::awaitable<result<>> register_node();
  net::awaitable<result<>> heartbeat();
  void took(duration ttl);

  rpc::channel& servers_;
  std::string region_;
  schema::ref<schema::node> node_;
  log::logger logger_;
  bool registered_ = false;
  duration ttl_ = seconds(10);
  net::time_point last_contact_ = net::time_point::min();
  net::event ready_;
  net::event changed_;
  std::deque<schema::node_event> events_;
  net::event events_waiting_;
};

}  // namespace drover::client
