// The same question to several servers at once.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "net/task_scope.h"
#include "rpc/pool.h"
#include "server/context.h"
#include "server/peers.h"

namespace drover::server {

template <class Response>
struct reply {
  peer from;
  result<Response> answer = fail(errc::cancelled, "not asked");
};

template <class Response, class Request>
net::awaitable<void> ask_one(server_context& context, std::string method, Request request, net::time_point deadline, reply<Response>& into) {
  auto channel = context.pool->to(into.from.rpc_address, into.from.region);
  into.answer = co_await net::with_deadline(rpc::call<Response>(*channel, std::move(method), std::move(request)), deadline);
}

// One reply for each, in their order; who does not answer in time has errc::timeout.
template <class Response, class Request>
net::awaitable<std::vector<reply<Response>>> ask_servers(server_context& context, std::vector<peer> servers, std::string method, Request request,
                                                         duration timeout) {
  std::vector<reply<Response>> replies(servers.size());
  auto deadline = net::after(timeout);
  net::task_scope asking(context.loop, context.logger);
  for (size_t i = 0; i < servers.size(); ++i) {
    replies[i].from = std::move(servers[i]);
    asking.spawn(ask_one<Response, Request>(context, method, request, deadline, replies[i]));
  }
  std::exception_ptr failure;
  try {
    co_await asking.join();
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure) {
    co_await net::keep_going();
    co_await asking.stop();
    std::rethrow_exception(failure);
  }
  co_return replies;
}

}  // namespace drover::server
