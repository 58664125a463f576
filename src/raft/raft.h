// Consensus: a replicated, durable log of opaque entries that drives one state_machine. libraft behind one class; one
// server and many take the same path.
//
// Threads: a node runs its own event loop on its own thread ("the raft thread"). Every member function may be called
// from any thread, but stop() and the destructor not from the raft thread. Every callback is called on the raft thread,
// exactly once, must not block it, and may call back into the node (but not stop it); a caller with an executor of its
// own posts there. Once the node has stopped there is no such thread: calls made then are answered errc::cancelled
// before they return. Lifecycle: start() reads the disk (snapshot, then log) and returns when the node runs; a cluster
// of one is then already its own leader with everything applied. stop() ends the loop: callbacks still owed get
// errc::cancelled, then the directory is unlocked. The destructor stops.
//
// Promises:
//  - apply() answers success only after the entry is on this disk (fdatasync) and on those of a majority, and was
//  applied here.
//  - An entry that was answered survives kill -9 and power loss. One that was not may be there or not
//  (errc::unavailable says which error).
//  - A torn tail that was never acknowledged is cut at start, with a warning. Damage anywhere else is errc::corrupt
//  from start().
//  - When the disk fails or is full, apply() fails with errc::io and what the disk said, the node stops leading, and
//  tries again every second:
//    once there is space it reads its log anew and leads again by itself. The state machine keeps its state meanwhile
//    (reads go on).
//  - A start() that fails says in a sentence what is wrong with the directory: in use, not writable, damaged (file and
//  byte).
#pragma once

#include <any>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "raft/state_machine.h"
#include "raft/transport.h"

namespace drover::raft {

enum class role {
  voter,    // counts for the majority
  standby,  // receives the log, does not vote
  spare,    // known, receives nothing
};
std::string_view name(role r);

// A member of the cluster's configuration.
struct server {
  uint64_t id = 0;
  std::string address;
  raft::role role = raft::role::voter;
  friend bool operator==(const server&, const server&) = default;
};

enum class state { stopped, follower, candidate, leader };
// "Stopped", "Follower", "Candidate", "Leader": what tools expect in agent-info.
std::string_view name(state s);

// The number by which libraft knows a server: made from its UUID, so that it stays when the address changes. Never 0.
uint64_t id_from_uuid(std::string_view uuid);

// Who leads, as far as this server knows. `id` 0: nobody.
struct leadership {
  uint64_t leader_id = 0;
  std::string leader_address;
  uint64_t term = 0;
  bool is_self = false;
  friend bool operator==(const leadership&, const leadership&) = default;
};

struct options {
  // Made if missing (mode 0700); locked against a second process while the node lives.
  std::string directory;
  // id_from_uuid() of this server's UUID.
  uint64_t id = 0;
  // host:port, where others reach this server. Told to them; this server itself listens only through `transport`.
  std::string address;
  // Nothing on disk yet: the cluster's first configuration, the same on every member. Empty: wait until a leader adds
  // this server. Ignored when the directory holds a log.
  std::vector<server> bootstrap;

  // Entries since the last snapshot that start the next one, and how many are kept behind it for slow followers.
  uint32_t snapshot_threshold = 8192;
  uint32_t snapshot_trailing = 2048;
  // The same in bytes, whichever comes first: libraft keeps the log since the last snapshot, and what trails it, in
  // memory. The log may grow to eight times the last snapshot, to snapshot_bytes_most at most: snapshots are compressed,
  // so that is about what the state costs to write, and a large one is written less often.
  uint64_t snapshot_bytes = uint64_t{4} << 20;
  uint64_t snapshot_bytes_most = uint64_t{64} << 20;
  uint64_t snapshot_trailing_bytes = uint64_t{1} << 20;
  // A follower starts an election after 1 to 2 times this without word from the leader.
  duration election_timeout = milliseconds(200);
  duration heartbeat = milliseconds(40);
  // Between attempts to reach a server, and how long a follower may take to receive a snapshot before it is sent again
  // (longer by itself for large ones).
  duration connect_retry = milliseconds(100);
  duration install_snapshot_timeout = seconds(2);
  // Each log file is allocated at this size; entries larger than it still fit.
  uint64_t segment_bytes = uint64_t{8} << 20;

  // Null: none (a server alone).
  std::unique_ptr<raft::transport> transport;
  // Called on the raft thread whenever `leadership` changes, first before start() returns if it is already known. When
  // `is_self` becomes true, every entry of earlier terms has been applied here.
  std::function<void(const leadership&)> on_leadership_change;
  // Called on the raft thread at the end of each of its turns, before it waits: what it has answered in that turn can be passed on together.
  std::function<void()> on_turn_end;
};

struct apply_outcome {
  uint64_t index = 0;
  // What state_machine::apply() returned.
  std::any response;
};
using apply_callback = std::function<void(result<apply_outcome>)>;
using callback = std::function<void(result<>)>;

struct stats {
  raft::state state = raft::state::stopped;
  uint64_t term = 0;
  uint64_t last_log_index = 0;
  uint64_t last_log_term = 0;
  uint64_t commit_index = 0;
  uint64_t applied_index = 0;
  // The same with the entries of raft itself, which the state machine does not see.
  uint64_t handled_index = 0;
  uint64_t last_snapshot_index = 0;
  uint64_t last_snapshot_term = 0;
  uint64_t in_flight_entries = 0;
  uint64_t in_flight_bytes = 0;
  // Since start: entries applied through apply(), appends that carried them, snapshots taken and restored, refused for
  // a full queue.
  uint64_t applied_entries = 0;
  uint64_t appends = 0;
  uint64_t snapshots_taken = 0;
  uint64_t snapshots_restored = 0;
  uint64_t refused = 0;
  raft::leadership leadership;
  // The last committed or pending configuration.
  std::vector<server> servers;
  uint64_t configuration_index = 0;
  // How long ago a follower heard from its leader; zero on the leader itself, negative: no leader is known.
  duration last_contact = nanoseconds(-1);
  // Why the node halted or cannot write now; empty when all is well.
  std::string trouble;
};

// The state as of `index`, for `operator snapshot save`.
struct saved_snapshot {
  uint64_t index = 0;
  uint64_t term = 0;
  std::string data;
};
using snapshot_callback = std::function<void(result<saved_snapshot>)>;

class node {
 public:
  static result<std::unique_ptr<node>> start(options o, state_machine& machine);
  ~node();
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  // Appends `entry` and calls back when it was applied here. Concurrent calls share one disk write. Errors:
  //   unavailable  this server is not the leader (nothing was written), leadership was lost meanwhile (the entry may
  //   yet be applied), or too much is in flight too_large    the entry is above entry_bytes_max, or empty entries:
  //   invalid io           the disk refused the write cancelled    the node stops otherwise    what the state machine
  //   answered
  // Entries of one thread are applied in the order of its calls. `proposed` (may be null) reaches
  // state_machine::apply_proposed() where this server applies the entry as its leader; nobody else may use it from now on.
  // `hand`: whether the raft thread is told at once, or by the next wake() (or any call that tells it): what one thread
  // has together is then written together.
  enum class handing { now, with_the_next };
  void apply(std::string entry, apply_callback done, std::shared_ptr<void> proposed = nullptr, handing hand = handing::now);
  void wake();
  // Calls back when everything committed before has been applied here and this server is still the leader: a
  // linearizable read follows.
  void barrier(callback done);

  bool is_leader() const;
  // Nobody else votes in the newest configuration that this server knows of.
  bool is_sole_voter() const;
  raft::leadership leader() const;
  // The newest term that this server knows of, never behind what it has told others: it has voted in no later one.
  uint64_t term() const;
  uint64_t last_applied() const;
  // A consistent copy as of a moment ago.
  raft::stats stats() const;

  // Freezes and serialises the state now; the log is not touched.
  void save_snapshot(snapshot_callback done);
  // Takes a snapshot to disk now and compacts the log behind it, whatever the threshold.
  void compact(callback done);

  // Gives the first configuration to a server that was started without one and has nothing on its disk; the same on every member.
  // `elect_now`: it stands for election at once instead of after its timeout (one of them should). errc::conflict: this server has taken
  // part in a cluster already.
  void bootstrap(std::vector<server> members, bool elect_now, callback done);

  // Membership, on the leader; one change at a time (errc::conflict otherwise). A new server is a spare; assign() makes
  // it a voter and calls back when it has caught up.
  void add(uint64_t id, std::string address, callback done);
  void assign(uint64_t id, role r, callback done);
  void remove(uint64_t id, callback done);
  // Gives leadership to `id`, or to the best follower when 0.
  void transfer(uint64_t id, callback done);

  void stop();

 private:
  class impl;
  explicit node(std::unique_ptr<impl> i);
  std::unique_ptr<impl> impl_;
};

}  // namespace drover::raft
