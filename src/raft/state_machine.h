// What raft replicates into: the owner of the state implements this.
//
// Threads: apply(), snapshot() and restore() are called on the raft thread only, one at a time. The function that
// snapshot() returns runs on a worker thread, at the same time as later apply() calls. Lifecycle: must outlive the node
// that it was given to.
#pragma once

#include <any>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace drover::raft {

class state_machine {
 public:
  virtual ~state_machine() = default;

  // Applies the committed entry at `index` (strictly increasing; gaps are raft's own entries). Must be deterministic:
  // no clock, no randomness. The value reaches the callback of the apply() that submitted the entry, if that was on
  // this server. A refusal (the entry does not fit the state) is an error for the caller and the log goes on.
  // errc::corrupt means that this server cannot follow the log (it does not understand the entry): the node halts,
  // because going on would silently part from the others.
  virtual result<std::any> apply(uint64_t index, std::string_view entry) = 0;
  // The same for an entry that was proposed here, with what the caller of node::apply() gave beside it: the command as it
  // is in memory, which may be taken apart instead of reading the entry. Both must come to the same.
  virtual result<std::any> apply_proposed(uint64_t index, std::string_view entry, void* /*proposed*/) { return apply(index, entry); }

  // Writes what snapshot() froze. Runs on a worker thread.
  using serialiser = std::function<result<std::string>()>;
  // Freezes the state as of the last apply() (a pointer copy: this holds up the raft thread) and returns how to write
  // it.
  virtual serialiser snapshot() = 0;

  // Replaces the whole state by what a serialiser wrote; `index` is the last entry that it contains. At start before
  // any apply(), and later when a leader sends a snapshot to a server that fell too far behind.
  virtual result<> restore(uint64_t index, std::string_view snapshot) = 0;
};

}  // namespace drover::raft
