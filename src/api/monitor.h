// GET /v1/agent/monitor: this agent's log, live.
#pragma once

#include "api/call.h"

namespace drover::api {

net::awaitable<result<reply>> monitor(call& c);

}  // namespace drover::api
