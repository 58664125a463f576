#include "net/silence.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

namespace drover::net {
namespace {

constexpr int probes = 3;

// Options that a socket does not know are no loss: the caller's own time limits remain.
void set(int socket, int level, int name, int value) { ::setsockopt(socket, level, name, &value, sizeof value); }

}  // namespace

void give_up_when_silent(const byte_stream& stream, duration after) {
  const int socket = stream.native_handle();
  if (socket < 0) return;
  const auto whole_seconds = static_cast<int>((after.ns + 999'999'999) / 1'000'000'000);
  set(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(socket, IPPROTO_TCP, TCP_KEEPIDLE, std::max(1, whole_seconds));
  set(socket, IPPROTO_TCP, TCP_KEEPINTVL, std::max(1, whole_seconds / probes));
  set(socket, IPPROTO_TCP, TCP_KEEPCNT, probes);
  set(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(after.ns / 1'000'000));
}

}  // namespace drover::net
