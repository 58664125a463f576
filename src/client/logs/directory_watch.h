// Tells when something in a directory changed, so that followers of log files need not poll. Loop thread.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <string>

#include "net/loop.h"

namespace drover::client {

class directory_watch {
 public:
  // Never fails: without a watch, wait() waits for its deadline.
  directory_watch(net::loop& l, const std::string& directory);
  // Returns after a change since the last call, or at the deadline.
  net::awaitable<void> wait(net::time_point deadline);

 private:
  bool drain();
  boost::asio::posix::stream_descriptor notifications_;
};

}  // namespace drover::client
