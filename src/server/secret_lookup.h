// Whose secret this is: of a token, of a node.
//
// How long the answer takes says nothing about how much of a guess is right. The index is by a hash of the whole secret: a wrong one is compared
// with a stored one only where those hashes are the same, and then in constant time. bench/secret_bench.cc measures it.
// Pure, but for the snapshot; any thread.
#pragma once

#include <string_view>

#include "schema/acl.h"
#include "schema/node.h"
#include "state/snapshot.h"

namespace drover::server {

// Null: nobody's.
schema::ref<schema::acl_token> token_of_secret(const state::snapshot& state, std::string_view secret);
schema::ref<schema::node> node_of_secret(const state::snapshot& state, std::string_view secret);

}  // namespace drover::server
