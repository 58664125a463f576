// Gives back the memory that only the start needed.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"

namespace drover::agent {

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
