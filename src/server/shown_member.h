// A member of the gossip pool as the API shows it. Pure; any thread.
#pragma once

#include "gossip/member.h"
#include "schema/operator_rpc.h"

namespace drover::server {

inline schema::agent_member shown_member(const gossip::member& m) {
  return {.name = m.name,
          .addr = m.address,
          .port = m.port,
          .tags = m.tags,
          .status = std::string(gossip::name(m.status)),
          .protocol_min = m.protocol_min,
          .protocol_max = m.protocol_max,
          .protocol_cur = m.protocol_current,
          .delegate_min = m.delegate_min,
          .delegate_max = m.delegate_max,
          .delegate_cur = m.delegate_current};
}

}  // namespace drover::server
