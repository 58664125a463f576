// GET /v1/metrics: what this agent counts, as Nomad's JSON summary or as Prometheus text.
#pragma once

#include "api/call.h"

namespace drover::api {

net::awaitable<result<reply>> metrics(call& c);

}  // namespace drover::api
