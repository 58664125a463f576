// What servers say of themselves in gossip (shared/spec/wire.md, "Serf"), and peers made from it. Pure.
//
// Beside Nomad's tags ours has "drover": 1 says that it speaks our Raft. A server of this region without it is one of Nomad itself: it can be
// called and can call us, but cannot be in one Raft with us.
#pragma once

#include <string>

#include "base/result.h"
#include "gossip/member.h"
#include "server/options.h"
#include "server/peers.h"

namespace drover::server {

gossip::tag_map tags_of(const server_options& options, const std::string& server_id);
// errc::invalid: it is no server, or says nonsense; the sentence names the member and the tag.
result<peer> peer_of(const gossip::member& member);
bool speaks_our_raft(const peer& p);

}  // namespace drover::server
