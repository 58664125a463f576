// The state machine: applies log entries to the store, saves the state and restores it.
//
// Threads: apply(), freeze() and restore() on one thread (Raft's), one at a time. What freeze() returns may run on any thread while apply()
// goes on. The commit hook runs on the applying thread after the change is visible: it should only post to a loop.
// Lifecycle: the store outlives the machine. Has the shape of raft::state_machine; the server adapts it.
#pragma once

#include <any>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/value.h"
#include "fsm/commands.h"
#include "state/store.h"

namespace drover::fsm {

// What one entry changed, in order, for whoever keeps a view of the state (broker, blocked evaluations, event stream, columnar node view).
struct commit_event {
  uint64_t index = 0;
  command_type type = {};
  // The state was replaced as a whole: `changes` is empty, start over from `state`.
  bool restored = false;
  std::vector<state::change> changes;
  state::snapshot state;
};
using commit_hook = std::function<void(std::shared_ptr<const commit_event>)>;

class machine {
 public:
  // Gives an empty store what every cluster has: namespace "default", node pools "default" and "all".
  explicit machine(state::store& store);

  // Before the first entry. How many versions of a job are kept (server.job_tracked_versions): the same on every server of a cluster.
  void keep_job_versions(size_t count) { job_versions_ = count; }
  void on_commit(commit_hook hook) { hook_ = std::move(hook); }

  // `index` is Raft's. The state's own index is that plus index_offset(), which is 0 until a snapshot with higher indexes was restored into this
  // cluster (restore_state): the state's index never goes back, and Raft's cannot jump. The offset is part of the state.
  // Refusals (not found, conflict ...) leave the state as it was. errc::corrupt: the entry is not understood (unknown command, broken
  // msgpack); this server must not go on alone.
  // `proposed`: null, or the request that the entry was encoded from (a request_of<its command>): it is taken apart instead of being read back.
  result<std::any> apply(uint64_t index, std::string_view entry, void* proposed = nullptr);

  // How to write the state as it is now.
  std::function<result<std::string>()> freeze() const;
  // All or nothing.
  result<> restore(uint64_t index, std::string_view saved);
  // Any thread.
  uint64_t index_offset() const { return index_offset_.load(std::memory_order_relaxed); }

 private:
  result<std::any> apply_restore(uint64_t index, std::string_view payload);
  void tell_restored(uint64_t index);

  state::store& store_;
  commit_hook hook_;
  size_t job_versions_ = 0;  // 0: the usual number
  std::atomic<uint64_t> index_offset_ = 0;
};

// A log entry for people: {"Type": its command, "Body": its request without secrets}. errc::corrupt: it cannot be read.
result<value> show_entry(std::string_view entry);

}  // namespace drover::fsm
