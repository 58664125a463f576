// For methods that only write to their stream: being told that the caller has gone. Loop thread.
#pragma once

#include "rpc/channel.h"

namespace drover::rpc {

// Runs `work`, which writes to `stream`, until it ends or the caller has gone. Whoever follows something quiet would never be missed otherwise.
// Requires: the stream outlives the call.
awaitable<result<>> while_caller_stays(message_stream* stream, awaitable<result<>> work);

}  // namespace drover::rpc
