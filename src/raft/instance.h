// One run of libraft over the data directory: from reading it to closing it. A node has one at a time, and a new one
// after the disk failed.
//
// Threads: the raft thread only (but the function that freeze() returns runs on a worker thread of libuv).
// Lifecycle: open(); if that fails or close() was called, wait until closed(), which takes turns of the loop; then
// destroy.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "raft/disk.h"
#include "raft/libraft.h"
#include "raft/raft.h"
#include "raft/stream_bridge.h"

namespace drover::raft {

class instance {
 public:
  // What libraft asks of the node.
  class owner {
   public:
    virtual ~owner() = default;
    // Both get the bytes as framing.h writes them. An error stops libraft.
    virtual result<> apply_entry(uint64_t index, std::string_view frame) = 0;
    virtual result<> restore_state(std::string_view frame) = 0;
    virtual state_machine::serialiser freeze_state() = 0;
    virtual void snapshot_finished(result<> r) = 0;
    // Before anything of that term is stored or sent.
    virtual void term_begins(uint64_t term) = 0;
  };

  instance(owner& o, const options& settings, uv_loop_t* loop, stream_bridge& bridge);
  ~instance();
  instance(const instance&) = delete;
  instance& operator=(const instance&) = delete;

  // Reads the directory and starts. `fresh`: nothing is stored there yet.
  result<> open(bool fresh);
  void close();
  bool closing() const { return closing_; }
  bool closed() const { return closed_; }

  ::raft& raft() { return raft_; }
  drover::raft::disk& disk() { return disk_; }
  // Why libraft can no longer go on, if it cannot.
  std::optional<error> failure();

  bool leads() const { return !closing_ && raft_.state == RAFT_LEADER; }
  bool sole_voter() const;
  // The same, and it is this one.
  bool only_voter(uint64_t id) const;
  uint64_t last_index() const;
  // 0 if the entry is neither in the log nor the last of the snapshot.
  uint64_t term_of(uint64_t index) const;
  std::vector<server> servers() const;
  // Lets the next applied entry take a snapshot, whatever the threshold.
  void force_snapshot();

 private:
  static instance& of(raft_fsm* fsm) { return *static_cast<instance*>(fsm->data); }
  static int fsm_apply(raft_fsm* fsm, const raft_buffer* buf, void** result);
  static int fsm_restore(raft_fsm* fsm, raft_buffer* buf);
  static int fsm_snapshot(raft_fsm* fsm, raft_buffer* bufs[], unsigned* n);
  static int fsm_snapshot_async(raft_fsm* fsm, raft_buffer* bufs[], unsigned* n);
  static int fsm_snapshot_finalize(raft_fsm* fsm, raft_buffer* bufs[], unsigned* n);
  result<> initialise();
  result<> bootstrap();
  void appended(size_t bytes);
  void wait_for_entries();
  bool is_large() const { return snapshot_size_ > settings_.snapshot_bytes; }
  void note_snapshot_size(size_t bytes);
  void snapshot_stored(result<> r);
  uint64_t log_entries() const;
  const raft_entry* log_entry(uint64_t index) const;
  unsigned trailing_entries(uint64_t snapshot_index) const;

  owner& owner_;
  const options& settings_;
  uv_loop_t* loop_;
  stream_bridge& bridge_;
  drover::raft::disk disk_;
  raft_uv_transport transport_{};
  raft_io io_{};
  raft_fsm fsm_{};
  ::raft raft_{};
  bool closing_ = false;
  bool closed_ = false;

  // Log written since the last snapshot began.
  uint64_t log_bytes_ = 0;
  // The last one that was made or restored.
  uint64_t snapshot_size_ = 0;
  bool forced_ = false;
  // No new attempt before this time of the loop: the last one failed.
  uint64_t snapshot_not_before_ = 0;
  bool taking_ = false;
  uint64_t snapshot_index_ = 0;
  state_machine::serialiser serialiser_;
  std::string snapshot_header_, snapshot_data_;
  std::optional<error> snapshot_error_;
};

}  // namespace drover::raft
