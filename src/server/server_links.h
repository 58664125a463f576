// Calls from this server to others, and which of them answer: no call waits long for a server that is gone.
//
// Before an address is used it has answered a Status.Ping within the last seconds, otherwise it is asked once for everybody who waits; one that did
// not answer is not asked again for a moment. While calls to it are under way (a held query may last five minutes) it is asked every second. When it
// stays silent its session is dropped: calls under way end at once instead of when TCP gives up, and the next one is not made over a connection that
// TCP tries again only as long after a partition as that lasted.
//
// Loop thread only. Life: create, use, co_await stop(), destroy.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "net/event.h"
#include "net/task_scope.h"
#include "rpc/channel.h"
#include "server/limits.h"

namespace drover::server {

struct server_address {
  std::string address;  // host:port of its RPC port
  std::string region;
};

struct server_links_options {
  // Null: there is no way to others.
  std::function<std::shared_ptr<rpc::channel>(const std::string& address, const std::string& region)> dial;
  // Ends the session to `address`; calls under way fail.
  std::function<void(const std::string& address)> drop;
  duration ping_timeout = server::ping_timeout;
  duration avoided_for = link_avoided_for;
  duration watch_interval = link_watch_interval;
};

class server_links {
 public:
  server_links(net::loop& l, server_links_options options);

  // Has it answered lately, or does it now? errc::unavailable within ping_timeout otherwise.
  net::awaitable<result<>> prove(server_address to);
  // The first of several that answers, preferring those before others that answered lately. errc::unavailable within ping_timeout.
  net::awaitable<result<server_address>> first_of(std::vector<server_address> candidates);

  // errc::unavailable: nothing was sent. errc::closed: the connection broke, the callee may have done it. Otherwise what the callee said.
  // Requires: request and response outlive the call.
  net::awaitable<result<>> call(server_address to, std::string method, schema::record_view request, schema::record_slot response);
  net::awaitable<result<std::unique_ptr<rpc::message_stream>>> open(server_address to, std::string method, schema::record_view request);
  template <class Response, class Request>
  net::awaitable<result<Response>> ask(server_address to, std::string method, Request request) {
    Response response{};
    auto done = co_await call(std::move(to), std::move(method), schema::view(request), schema::slot(response));
    if (!done) co_return std::unexpected(std::move(done).error());
    co_return std::move(response);
  }

  // Gossip says that it is gone: calls under way fail now.
  void gone(const std::string& address);
  // The same if it does not answer a ping.
  net::awaitable<void> end_if_silent(server_address to);
  net::awaitable<void> stop();

 private:
  // What is known of one address. Shared with the tasks that look after it.
  struct link {
    server_address to;
    net::time_point answered{};  // the last time it answered anything
    net::time_point silent{};    // the last time it did not
    int missed = 0;              // pings in a row that it did not answer
    bool pinging = false;
    bool watched = false;
    size_t calls = 0;
    net::event ping_done;
  };
  class under_way;
  std::shared_ptr<link> link_to(const server_address& to);
  bool answered_lately(const link& l) const;
  bool silent_lately(const link& l) const;
  net::awaitable<result<>> ping(std::shared_ptr<link> l);
  net::awaitable<void> ping_once(std::shared_ptr<link> l);
  net::awaitable<void> watch(std::shared_ptr<link> l);
  void note(link& l, const result<>& outcome);
  void forget_unused();

  server_links_options options_;
  std::map<std::string, std::shared_ptr<link>> links_;
  net::task_scope scope_;
};

}  // namespace drover::server
