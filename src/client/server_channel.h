// The way of a node without a server in its own process to the servers: a channel that picks one of a list, stays with it while it answers, and
// goes to the next when it does not.
//
// What is tried again elsewhere, within rpc_hold (for a query that waits: plus the time it may wait): everything that a server refused because
// there is no leader or it is not ready, everything whose connection could not be made; and, when a connection broke under way or no answer
// came, reads and those writes that may happen twice (registration, heartbeat, status). Any other answer of a server is the answer.
//
// Loop thread. Life: create, use, close(), destroy when no call is under way. The dial function and what it gives outlive it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "client/limits.h"
#include "client/server_list.h"
#include "net/event.h"
#include "net/loop.h"
#include "rpc/channel.h"
#include "schema/node_rpc.h"

namespace drover::client {

// The way to the server at that address, as rpc::connection_pool::to() gives it.
using dial_function = std::function<std::shared_ptr<rpc::channel>(const std::string& address)>;

struct server_channel_options {
  std::string datacenter;
  dial_function dial;
  duration hold = limits::rpc_hold;
  duration answer = limits::rpc_answer;
  env::random* random = &env::real_random();
};

class server_channel : public rpc::channel {
 public:
  server_channel(server_channel_options options, log::logger logger);

  rpc::awaitable<result<>> call(std::string method, schema::record_view request, schema::record_slot response) override;
  rpc::awaitable<result<std::unique_ptr<rpc::message_stream>>> open(std::string method, schema::record_view request) override;
  bool is_open() const override { return !closed_; }
  // Every later call fails, calls that wait for their next try end.
  void close();

  server_list& servers() { return list_; }
  // What a heartbeat's answer says about the servers.
  void took(const schema::node_update_response& reply);
  // Called when other servers were learned.
  std::function<void()> on_learned;

  net::awaitable<result<>> ping(std::string address);
  // Asks one server after the other whether it lives, and returns with the first that does in front.
  net::awaitable<result<>> find_living();
  // Moves to another server now and then, so that the nodes of a cluster spread over its servers again after one was away.
  net::awaitable<void> rebalance_regularly();

 private:
  template <class T>
  using attempt = std::function<rpc::awaitable<result<T>>(std::shared_ptr<rpc::channel>)>;
  struct rules {
    bool repeatable = false;
    // How long a query may wait for news.
    duration wait{};
    // How many times the usual time an answer may take.
    int64_t slow = 1;
  };
  static rules rules_of(const std::string& method, schema::record_view request);
  template <class T>
  rpc::awaitable<result<T>> try_all(rules how, attempt<T> once);
  void note_failure(const std::string& address, const error& e);

  server_channel_options options_;
  log::logger logger_;
  server_list list_;
  // The server that answered last.
  std::string last_;
  int64_t nodes_ = 1;
  bool closed_ = false;
  net::event closing_;
};

}  // namespace drover::client
