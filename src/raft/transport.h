// How raft reaches other servers: a seam that hands over connected sockets. Raft speaks its own messages on them; who
// accepted or connected, over which port, and how a server's id becomes an address, is the transport's business.
//
// Threads: every call may come from the raft thread and must not block it. Callbacks may be called from any thread.
// Lifecycle: start() once, then connect() any number of times, then stop(). After stop() has returned no callback is
// called any more, except connect callbacks that are still owed, which get errc::cancelled before stop() returns.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"

namespace drover::raft {

// A connected stream socket (TCP or Unix, non-blocking or not). The receiver owns it.
struct connection {
  int fd = -1;
};

class transport {
 public:
  virtual ~transport() = default;

  // A server connected to us: `id` and `address` are what it says it is (the transport has checked as much as it can).
  using accept_handler = std::function<void(uint64_t id, std::string address, connection c)>;
  virtual result<> start(uint64_t id, const std::string& address, accept_handler accepted) = 0;

  using connect_handler = std::function<void(result<connection>)>;
  // `address` is the one in the cluster's configuration; a transport may know a newer one by `id`. The handler is
  // called exactly once.
  virtual void connect(uint64_t id, const std::string& address, connect_handler done) = 0;

  virtual void stop() = 0;
};

// One server alone: nobody can connect and nobody is reached.
std::unique_ptr<transport> make_no_transport();
// Plain TCP without any protection, on `address` as given to start() (numeric IPv4 or bracketed IPv6 host and port):
// for tests and benchmarks.
std::unique_ptr<transport> make_tcp_transport();

}  // namespace drover::raft
