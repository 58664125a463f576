// The methods about access beyond endpoints.h: quotas, single sign-on. Called once when the server is made.
#pragma once

#include "rpc/channel.h"

namespace drover::server {

struct server_context;

void add_quota_methods(rpc::method_table& table, server_context& context);
void add_auth_method_methods(rpc::method_table& table, server_context& context);

}  // namespace drover::server
