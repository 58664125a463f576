// Gives the calling process a root of its own. For a freshly forked child that may still do everything.
#pragma once

#include "shim/config.h"

namespace drover::shim {

struct failure {
  uint32_t step = step_none;
  int32_t error = 0;
  char detail[200] = {};
};
bool fail(failure* f, uint32_t step, const char* detail);  // takes errno; always false

// New mount (and IPC) namespace, c->root as "/", c->mounts inside, fresh /proc, /sys and /dev.
bool isolate(const config* c, failure* f);

}  // namespace drover::shim
