// The way to a client node: over this server's own session with it, or through another server of the region that has one. Loop thread only.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "server/context.h"
#include "server/server_links.h"

namespace drover::server {

struct node_way {
  std::shared_ptr<rpc::channel> node;  // or
  std::optional<server_address> through;
};

// Errors: errc::not_found ("No path to node") when no server that answers has a session. `last_hop`: another server has asked around already.
net::awaitable<result<node_way>> find_way(server_context& context, std::string node_id, bool last_hop);

}  // namespace drover::server
