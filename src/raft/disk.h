// libraft's disk with two rules of ours around it.
//
// One append at a time: later ones wait here until it is on disk. So every write carries one batch of entries, which is
// what lets a start after a crash tell an unfinished write from damage (raft/directory.h); and entries that wait for
// their turn gather into larger batches (raft/node.cc). A failed append is not told to libraft, whose cleanup after it
// is incomplete: the owner closes this instance and opens the directory again.
//
// Threads: the raft thread only. Lifecycle: wrap() after raft_uv_init(); cancel_held() right after raft_close() was
// called; destroyed after libraft has closed. raft::data of the instance must point to this object: it is how the calls
// from libraft come here.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <optional>

#include "raft/libraft.h"

namespace drover::raft {

class disk {
 public:
  struct observer {
    std::function<void(size_t bytes)> appended;
    std::function<void(result<>)> snapshot_stored;
    // Before the term is stored, so before anything of it is sent.
    std::function<void(uint64_t term)> term_begins;
  };
  explicit disk(observer o) : observer_(std::move(o)) {}

  // Requires: `io` is a fresh raft_uv instance that outlives this.
  void wrap(raft_io* io);

  // No append is being written or waits.
  bool idle() const { return in_flight_ == 0 && waiting_.empty(); }
  // Starts what waits. Called once in each turn of the loop.
  void submit_waiting();
  // The first write that failed.
  const std::optional<error>& failure() const { return failure_; }
  // Tells libraft, which is closing, about the appends that never reached the disk.
  void cancel_held();
  uint64_t appends() const { return appends_; }

 private:
  struct request {
    raft_io_append req;
    disk* self;
    raft_io_append* original;
    raft_io_append_cb callback;
    const raft_entry* entries;
    unsigned n;
    // Handed to libraft's disk and not reported back yet.
    bool submitted;
  };
  static disk& of(raft_io* io) { return *static_cast<disk*>(static_cast<::raft*>(io->data)->data); }
  static int append(raft_io* io, raft_io_append* req, const raft_entry entries[], unsigned n, raft_io_append_cb cb);
  static int truncate(raft_io* io, raft_index index);
  static int set_term(raft_io* io, raft_term term);
  static int snapshot_put(raft_io* io, unsigned trailing, raft_io_snapshot_put* req, const raft_snapshot* snapshot, raft_io_snapshot_put_cb cb);
  static void append_done(raft_io_append* req, int status);
  static void snapshot_done(raft_io_snapshot_put* req, int status);
  void submit(request* r);
  void submit_all_waiting();
  void fail_append(request* r, int status);
  void forget(request* r);

  raft_io* io_ = nullptr;
  raft_io original_{};
  std::list<request> requests_;
  size_t in_flight_ = 0;
  std::deque<request*> waiting_;
  std::deque<request*> held_;
  std::optional<error> failure_;
  raft_io_snapshot_put_cb snapshot_callback_ = nullptr;
  observer observer_;
  uint64_t appends_ = 0;
};

}  // namespace drover::raft
