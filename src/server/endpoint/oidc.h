// ACL.OIDCAuthURL and ACL.OIDCCompleteAuth. Called once when the server is made; loop thread only.
#pragma once

#include <memory>

#include "rpc/channel.h"

namespace drover::server {

struct server_context;
class login_keys;

void add_oidc_methods(rpc::method_table& table, server_context& context, std::shared_ptr<login_keys> keys);

}  // namespace drover::server
