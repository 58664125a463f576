// Which ended allocations leave this node's disk, and when. Pure; the caller does it.
#pragma once

#include <string>
#include <vector>

#include "base/time.h"
#include "client/options.h"

namespace drover::client {

struct gc_candidate {
  std::string id;
  timestamp finished;
};
struct gc_situation {
  size_t allocations = 0;  // all on this node
  double disk_used_percent = 0;
  double inodes_used_percent = 0;
};
// Oldest first; empty when nothing need go. Disk and inode pressure take one round's worth: the caller measures again.
std::vector<std::string> choose_garbage(std::vector<gc_candidate> ended, const gc_situation& now, const gc_options& options);

// As df has it: of what is used and what may still be used. What nobody may use (reserved, or a disk that others share) is neither.
double used_percent(uint64_t total, uint64_t free, uint64_t available);
// Of the filesystem that holds `path`.
gc_situation measure_disk(const std::string& path);

}  // namespace drover::client
