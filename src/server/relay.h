// A streaming call passed on: what a server does for a caller whose stream ends elsewhere (a node, another server, another region). Loop thread.
#pragma once

#include <memory>

#include "net/loop.h"
#include "rpc/channel.h"

namespace drover::server {

// Carries messages both ways until the callee ends or the caller goes; the end of what the caller writes is not yet the end of the stream.
net::awaitable<result<>> join_streams(std::unique_ptr<rpc::message_stream> caller, std::unique_ptr<rpc::message_stream> callee);

}  // namespace drover::server
