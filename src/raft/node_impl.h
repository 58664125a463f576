// The inside of a node: its thread, the queue of what is to be written, and what becomes of it. Private to the room.
//
// Threads: post(), stop() and the readers may be called from any thread; everything marked "loop" on the raft thread
// only. Lifecycle: start() → the thread runs → stop() joins it.
#pragma once

#include <atomic>
#include <deque>
#include <future>
#include <list>
#include <mutex>
#include <thread>

#include "raft/directory.h"
#include "raft/instance.h"
#include "raft/raft.h"

namespace drover::raft {

class node::impl final : public instance::owner {
 public:
  impl(options o, state_machine& machine);
  ~impl() override;

  result<> start();
  void stop();

  void apply(std::string entry, apply_callback done, std::shared_ptr<void> proposed, handing hand);
  void wake();
  // Runs `f` on the loop, after everything posted before was handed to libraft and written. It gets an error if there
  // is no running instance to work on.
  using operation = std::function<void(result<>)>;
  void post(operation f);
  void barrier(callback done);
  void save_snapshot(snapshot_callback done);
  void compact(callback done);
  // `call` invokes the libraft function on the request.
  using change_call = std::function<int(::raft*, raft_change*, raft_change_cb)>;
  void change(std::string doing, change_call call, callback done);
  void transfer(uint64_t id, callback done);
  void bootstrap(std::vector<server> members, bool elect_now, callback done);

  bool is_leader() const { return is_leader_.load(std::memory_order_acquire); }
  bool is_sole_voter() const { return is_sole_voter_.load(std::memory_order_acquire); }
  uint64_t term() const { return term_.load(std::memory_order_acquire); }
  uint64_t last_applied() const { return applied_.load(std::memory_order_acquire); }
  raft::leadership leader() const;
  raft::stats stats() const;

 private:
  // Something that waits for its turn: an entry (with `done`) or an operation.
  struct item {
    raft_buffer entry{};
    apply_callback done;
    operation run;
    std::shared_ptr<void> proposed;
  };
  // Entries that went to libraft together.
  struct batch {
    apply_request request{};
    impl* self = nullptr;
    uint64_t first = 0;
    uint64_t term = 0;
    std::vector<item> items;
    size_t answered = 0;
    // libraft no longer refers to `request`.
    bool released = false;
  };

  // instance::owner (loop)
  result<> apply_entry(uint64_t index, std::string_view frame) override;
  result<> restore_state(std::string_view frame) override;
  state_machine::serialiser freeze_state() override;
  void snapshot_finished(result<> r) override;
  void term_begins(uint64_t term) override { term_.store(term, std::memory_order_release); }

  void tell_of_inbox();

  // loop
  void run(std::promise<result<>>& started);
  result<> open_instance();
  void turn();
  void watch_instance();
  void reopen();
  // After bootstrap() closed the empty instance.
  void open_bootstrapped();
  void take_in();
  void pump();
  void submit(std::vector<item> items);
  // The batch whose next item is the entry at `index`, which is about to be applied. Null: it is not from here, or from
  // an earlier term.
  batch* batch_at(uint64_t index);
  void answer(item& i, result<apply_outcome> r);
  void fail_batches(const error& e);
  void fail_waiting(const error& e);
  void sweep_batches();
  void announce();
  void publish();
  void finish_stop();
  // Appends a barrier after which libraft takes a snapshot; its index.
  result<uint64_t> request_snapshot();
  error not_leading() const;
  result<> usable() const;
  bool refuse(size_t bytes, apply_callback& done);

  options settings_;
  state_machine& machine_;
  std::unique_ptr<directory_lock> lock_;
  directory_report report_;
  std::thread thread_;

  // loop
  uv_loop_t loop_{};
  uv_async_t wake_{};
  uv_prepare_t turn_{};
  uv_timer_t retry_{};
  std::unique_ptr<stream_bridge> bridge_;
  std::unique_ptr<instance> instance_;
  std::deque<item> ready_;
  std::list<batch> batches_;
  // compact() calls: answered by a snapshot of at least this index.
  struct compaction {
    uint64_t index;
    callback done;
  };
  std::vector<compaction> compactions_;
  struct first_configuration {
    bool elect_now;
    callback done;
  };
  std::optional<first_configuration> bootstrapping_;
  std::optional<error> trouble_;
  bool halted_ = false;
  bool stopping_ = false;
  bool finished_ = false;
  size_t workers_ = 0;
  uint64_t machine_index_ = 0;
  // The term whose leadership is complete (all earlier entries applied), and the one whose barrier is under way.
  uint64_t announced_term_ = 0;
  uint64_t barrier_term_ = 0;
  raft::leadership told_;
  uint64_t servers_version_ = 0;
  uint64_t closed_appends_ = 0;

  mutable std::mutex mutex_;
  std::vector<item> inbox_;     // guarded by mutex_
  bool told_of_inbox_ = false;  // guarded by mutex_
  bool stop_wanted_ = false;    // guarded by mutex_
  bool stopped_ = false;        // guarded by mutex_
  raft::stats stats_;           // guarded by mutex_
  uint64_t contact_at_ = 0;     // guarded by mutex_: when the leader was heard, in milliseconds of uv_hrtime(); 0: none is known
  std::atomic<bool> is_leader_ = false;
  std::atomic<bool> is_sole_voter_ = false;
  std::atomic<uint64_t> applied_ = 0;
  std::atomic<uint64_t> term_ = 0;
  std::atomic<uint64_t> in_flight_entries_ = 0;
  std::atomic<uint64_t> in_flight_bytes_ = 0;
  std::atomic<uint64_t> refused_ = 0;
  std::atomic<uint64_t> applied_entries_ = 0;
  std::atomic<uint64_t> snapshots_taken_ = 0;
  std::atomic<uint64_t> snapshots_restored_ = 0;
};

}  // namespace drover::raft
