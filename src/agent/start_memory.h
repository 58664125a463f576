// How the agent keeps its memory small: one heap for all threads, and what only the start needed is given back.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"

namespace drover::agent {

// All threads take from one heap. Allocations, evaluations and log entries are made by one thread and dropped by another: with a heap for
// each, what one gave back would not serve the next (a server with 5,000 nodes and 20,000 allocations: 110 MB resident instead of 92, for
// the same CPU time; small blocks have a cache for each thread anyway). Before the first thread is started.
void share_one_heap();

struct memory_range {
  uintptr_t begin = 0, end = 0;
  bool operator==(const memory_range&) const = default;
};

// Of the text of /proc/PID/smaps: the mappings of files that can only be read or executed and hold nothing but what is in the file. Their
// pages may be dropped at any time: they come back from the page cache when they are used. Mappings that were written to, if only by the
// dynamic linker, are none of them.
std::vector<memory_range> pages_of_files(std::string_view smaps);

// Drops them, and what the allocator holds for later. Half of what an agent maps while it starts (parsing configuration, fingerprints,
// libraries' initialisation) is never used again; without this it would count as resident until the machine is short of memory.
// Takes about 1 ms and then one minor fault for every 64 KiB that is used again.
void release_start_memory();

}  // namespace drover::agent
