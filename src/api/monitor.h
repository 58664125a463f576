// An agent's log, live: GET /v1/agent/monitor, and Agent.Monitor for whoever asks over RPC (messages as in client/streams.h). Loop thread.
#pragma once

#include "api/call.h"

namespace drover::api {

net::awaitable<result<reply>> monitor(call& c);
// The method of this agent itself. The loop must outlive the table's calls.
void add_monitor(rpc::method_table& table, net::loop& loop);

}  // namespace drover::api
