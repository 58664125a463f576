// The seam to time: rooms that need "now" take a clock, so that a test or a simulation can be the clock.
#pragma once

#include "base/time.h"

namespace drover::env {

class clock {
 public:
  virtual ~clock() = default;
  // Wall time, UTC. May jump.
  virtual timestamp now() const = 0;
};

// The machine's clock. Any thread.
const clock& real_clock();

}  // namespace drover::env
