// Pipes, terminals, pidfds, inotify and eventfds on the loop: anything that epoll knows. Loop thread only.
#pragma once

#include <memory>

#include "net/stream.h"

namespace drover::net {

// Takes the descriptor over, even if it fails, and makes it non-blocking. A pidfd is only waited for: `co_await stream->wait_readable()`
// returns when the process has ended. A terminal whose other side hung up is at its end. Regular files are refused: read them in a
// blocking_pool.
// Requires for writing to pipes: the process ignores SIGPIPE.
result<std::unique_ptr<byte_stream>> adopt_descriptor(loop& l, int descriptor);
// A connected stream socket from elsewhere (socketpair, systemd, SCM_RIGHTS).
result<std::unique_ptr<byte_stream>> adopt_socket(loop& l, int descriptor);
// The reverse: the plain socket of a stream, for another owner, with nothing of the loop attached to it any more. errc::unsupported for other
// streams (TLS), which are then as they were. Requires: nobody reads or writes.
result<int> release_socket(byte_stream& stream);

}  // namespace drover::net
