// Streams of a node (client/streams.h) as HTTP answers: chunked frames or plain bytes, or a WebSocket for exec.
#pragma once

#include "api/call.h"

namespace drover::api {

net::awaitable<result<reply>> stream_logs(call& c);
net::awaitable<result<reply>> stream_file(call& c);
net::awaitable<result<reply>> cat_file(call& c);
net::awaitable<result<reply>> read_file_at(call& c);
net::awaitable<result<reply>> exec(call& c);
// The same with a command that the job defines.
net::awaitable<result<reply>> run_action(call& c);
// What comes from such a stream. The first message decides the status: a stream that fails at once is an ordinary error answer.
net::awaitable<result<reply>> send_stream(call& c, std::unique_ptr<rpc::message_stream> from, std::string content_type, net::http_headers headers = {});

// The disk of an allocation of this node, for whoever has the token to go on with its work.
net::awaitable<result<reply>> send_snapshot(call& c);

}  // namespace drover::api
