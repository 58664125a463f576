// What a token must be before it is stored, whoever makes it (an operator, a login). Loop thread only.
#pragma once

#include "schema/acl.h"
#include "server/context.h"

namespace drover::server {

// The token with its ids, times, role ids and hash, or what is wrong with it. A token that names an accessor id changes the one that has it.
result<schema::acl_token> completed_token(server_context& context, const state::snapshot& state, schema::acl_token wanted);
bytes hash_of_token(const schema::acl_token& token);

}  // namespace drover::server
