// How long to wait before a call to the servers is tried again: quickly until the first success, patiently afterwards. Owned by one loop.
#pragma once

#include <algorithm>

#include "client/limits.h"
#include "client/system.h"

namespace drover::client {

class retry_delay {
 public:
  void succeeded() {
    ever_ = true;
    next_ = limits::retry_first;
  }
  duration next() {
    auto now = next_;
    auto most = ever_ ? limits::retry_max : limits::retry_early_max;
    next_ = std::min(next_ * 2, most);
    return with_jitter(now);
  }

 private:
  bool ever_ = false;
  duration next_ = limits::retry_first;
};

}  // namespace drover::client
