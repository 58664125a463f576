// How long to wait before a call to the servers is tried again: quickly at first, then ever more patiently up to a limit that fits the size of
// the cluster, and never in step with other nodes. Owned by one loop.
#pragma once

#include <algorithm>

#include "client/limits.h"
#include "client/system.h"

namespace drover::client {

class retry_delay {
 public:
  void succeeded() { next_ = limits::retry_first; }
  duration next(duration most) {
    auto now = std::min(next_, most);
    next_ = std::min(next_ * 2, most);
    return now / 2 + duration(static_cast<int64_t>(static_cast<double>(now.ns) * random_unit()));
  }

 private:
  duration next_ = limits::retry_first;
};

// With that many nodes in the cluster: a server that comes back sees at most reconnects_per_second tries.
inline duration retry_limit(int64_t nodes) { return std::clamp(seconds(nodes / limits::reconnects_per_second), limits::retry_max_least, limits::retry_max); }

}  // namespace drover::client
