// The memory that libraft writes to its files from. Threads: any.
#pragma once

namespace drover::raft {

// From now on libraft's file buffers begin as zeros: it leaves the padding of an entry's header as it was, and what goes to a disk should be
// what somebody wrote, not what lay in memory.
void clear_file_buffers();

}  // namespace drover::raft
