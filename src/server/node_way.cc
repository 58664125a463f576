#include "server/node_way.h"

#include "schema/node_rpc.h"
#include "server/forward.h"
#include "server/limits.h"
#include "server/node_connections.h"
#include "server/peers.h"

namespace drover::server {
namespace {

// Several servers are asked at once; the first that has the node wins.
struct search {
  std::optional<server_address> found;
  size_t open = 0;
  net::event changed;
};

net::awaitable<void> ask(server_links& links, std::shared_ptr<search> s, server_address to, std::string node_id) {
  schema::node_specific_request request;
  request.node_id = std::move(node_id);
  request.forwarded = true;
  request.allow_stale = true;
  auto answer =
      co_await net::with_deadline(links.ask<schema::node_conn_query_response>(to, "Status.HasNodeConn", std::move(request)), net::after(node_search_timeout));
  --s->open;
  if (answer && answer->connected && !s->found) s->found = std::move(to);
  s->changed.notify_all();
}

}  // namespace

net::awaitable<result<node_way>> find_way(server_context& context, std::string node_id, bool last_hop) {
  if (auto own = context.nodes->find(node_id)) co_return node_way{.node = std::move(own), .through = std::nullopt};
  if (!last_hop && context.peers != nullptr && context.forward != nullptr) {
    auto s = std::make_shared<search>();
    for (const auto& each : context.peers->alive_in(context.options.region)) {
      if (each.id == context.server_id) continue;
      ++s->open;
      context.forward->tasks().spawn(ask(context.forward->links(), s, {each.rpc_address, each.region}, node_id));
    }
    auto deadline = net::after(node_search_timeout);
    while (!s->found && s->open > 0)
      if (!co_await s->changed.wait(deadline)) break;
    if (s->found) co_return node_way{.node = nullptr, .through = s->found};
  }
  co_return fail(errc::not_found, "No path to node");
}

}  // namespace drover::server
