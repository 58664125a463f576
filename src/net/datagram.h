// UDP sockets. Loop thread only. The destructor closes; nobody may be waiting then.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "net/stream.h"

namespace drover::net {

class datagram_socket {
 public:
  // A literal address; port 0 picks a free one: see local().
  static result<std::unique_ptr<datagram_socket>> bind(loop& l, const endpoint& where);
  virtual ~datagram_socket() = default;
  // The next datagram's size; what does not fit is cut off. Errors that senders caused (ICMP) are passed over. Cancellable without loss.
  virtual awaitable<result<size_t>> receive(std::span<char> into, endpoint& from) = 0;
  // At once or not at all: a full send buffer drops the datagram, as the network may.
  virtual result<> send(const endpoint& to, std::string_view data) = 0;
  virtual endpoint local() const = 0;
  virtual void close() = 0;
};

}  // namespace drover::net
