// What holds the memory of this process: with sampling on, one allocation by operator new for every 512 KB allocated is kept with its stack
// until it is freed, and stands for as many as were likely between two samples (as the profiles of Go programs do). Memory that libraries take by
// malloc() is not seen. Off, it costs a load and a branch for each allocation.
//
// Any thread. Programs under a sanitizer keep the sanitizer's operator new: there is_heap_sampling() stays false.
#pragma once

#include <vector>

#include "profile/pprof.h"

namespace drover::profile {

// From here on, for good.
void start_heap_sampling();
bool is_heap_sampling();

// alloc_objects, alloc_space, inuse_objects, inuse_space.
std::vector<counted_stack> heap_stacks();
// `allocated`: what was ever allocated comes first in the tools that show it, else what is there now.
std::string heap_profile(std::span<const counted_stack> stacks, timestamp now, bool allocated);

}  // namespace drover::profile
