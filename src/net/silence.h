// When the other side of a connection has gone without a word (power, a cut cable, a partition), TCP goes on trying for a quarter of an hour, and
// after the network is back it waits as long again as it was away. A connection that is given up in time is simply made anew.
#pragma once

#include "base/time.h"
#include "net/stream.h"

namespace drover::net {

// The connection ends with an error once what was sent has been unacknowledged for so long, or, when nothing is sent, the other side has not answered
// the kernel's own probes for about twice that. Nothing happens to a stream that is no TCP connection. (RFC 5482; tcp(7): TCP_USER_TIMEOUT)
void give_up_when_silent(const byte_stream& stream, duration after);

}  // namespace drover::net
