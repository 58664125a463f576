// The secret by which a node asks another one for the disk of an allocation that ended there. The servers give it to the node that goes on with the
// work; the other node knows its own secret and so can tell. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace drover::crypto {

// URL-safe base64 of BLAKE2b-512 of the allocation's id with the node's secret as the key, as Nomad's agents make it.
// Requires: the secret has 1 to 64 bytes.
std::string migrate_token(std::string_view node_secret, std::string_view alloc_id);

}  // namespace drover::crypto
