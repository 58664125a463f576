// Streams of a node (client/streams.h) as HTTP answers: chunked frames or plain bytes, or a WebSocket for exec.
#pragma once

#include "api/call.h"

namespace drover::api {

net::awaitable<result<reply>> stream_logs(call& c);
net::awaitable<result<reply>> stream_file(call& c);
net::awaitable<result<reply>> cat_file(call& c);
net::awaitable<result<reply>> read_file_at(call& c);
net::awaitable<result<reply>> exec(call& c);

}  // namespace drover::api
