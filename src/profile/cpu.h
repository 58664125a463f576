// Where this process spends its processor time: every 10 ms of it, one thread says where it is (setitimer(ITIMER_PROF), SIGPROF).
//
// One recording at a time in a process: a second start() is refused. start() and stop() from any thread; what stop() gives is turned into a profile
// off the loop. The handler of SIGPROF stays when a recording is over, since one more signal may be on its way.
#pragma once

#include <vector>

#include "base/result.h"
#include "profile/pprof.h"

namespace drover::profile {

// errc::exists: one is under way already.
result<> start_cpu_recording();

struct cpu_recording {
  std::vector<counted_stack> stacks;  // samples, nanoseconds
  uint64_t lost = 0;                  // samples beyond the limit
};
// Requires: start_cpu_recording() was successful.
cpu_recording stop_cpu_recording();

// Of a recording that took so long.
std::string cpu_profile(const cpu_recording& recording, timestamp began, duration took);

}  // namespace drover::profile
