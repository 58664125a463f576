// One question to a client node: over this server's own session with it, or through the server of the region that has one. Loop thread only.
#pragma once

#include <string>
#include <utility>

#include "base/ensure.h"
#include "server/forward.h"
#include "server/node_way.h"
#include "server/reads.h"

namespace drover::server {

// `method` is its name between servers, "ClientHostVolume.Create"; the node's own name for it lacks the "Client". not_found: nobody has a session
// with the node. `last_hop`: another server has asked around already.
template <class Request, class Response>
net::awaitable<result<Response>> ask_node(server_context& context, std::string node_id, std::string method, Request request, bool last_hop = false) {
  static constexpr std::string_view between_servers = "Client";
  ENSURE(method.starts_with(between_servers), "a method that goes to a node begins so");
  Response response;
  CO_TRY_ASSIGN(auto way, co_await find_way(context, std::move(node_id), last_hop));
  if (way.through) {
    // These records do not say where they go: nothing in them is changed for the way.
    CO_TRY(co_await context.forward->links().call(*way.through, method, schema::view(request), schema::slot(response)));
  } else {
    CO_TRY(co_await way.node->call(method.substr(between_servers.size()), schema::view(request), schema::slot(response)));
  }
  co_return response;
}

// Registers it for the other servers: it goes to the node that `node_of` says.
template <class Request, class Response>
void pass_to_node(rpc::method_table& table, server_context& context, std::string method, std::string (*node_of)(const Request&)) {
  auto guarded = method_of<Request>(context, method);
  table.add<Request, Response>(method, [&context, guarded, method, node_of](rpc::call_context call, Request request) {
    if (auto peer = context.authority->check_peer(*guarded.by, call); !peer) return refused<Response>(std::move(peer).error());
    auto node_id = node_of(request);
    return ask_node<Request, Response>(context, std::move(node_id), method, std::move(request), true);
  });
}

}  // namespace drover::server
