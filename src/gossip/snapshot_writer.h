// Keeps the snapshot file current without holding up the loop: facts are gathered and written by a thread that may wait. Loop thread only;
// stop() writes what is left.
#pragma once

#include <string>

#include "gossip/member.h"
#include "gossip/snapshot.h"
#include "net/blocking.h"
#include "net/event.h"
#include "net/task_scope.h"

namespace drover::gossip {

class snapshot_writer {
 public:
  // Reads the file. A damaged or torn one is written anew.
  static result<std::unique_ptr<snapshot_writer>> open(net::loop& l, std::string path, bool rejoin_after_leave, log::logger logger);

  // What the file said at the start.
  const snapshot_state& at_start() const { return at_start_; }
  void note(const member_event& e);
  void note_times(uint64_t member_time, uint64_t event_time, uint64_t query_time);
  // Written when this returns. Later facts are not kept.
  net::awaitable<void> note_leave();
  net::awaitable<void> stop();

 private:
  snapshot_writer(net::loop& l, std::string path, bool rejoin_after_leave, log::logger logger);
  net::awaitable<void> run();
  net::awaitable<void> flush();
  void add(std::string line);

  std::string path_;
  bool rejoin_after_leave_;
  log::logger logger_;
  snapshot_state at_start_, state_;
  std::string pending_;
  size_t file_bytes_ = 0;
  bool rewrite_ = false;
  bool left_ = false;
  bool failing_ = false;
  bool flushing_ = false;
  net::event dirty_, flushed_;
  net::blocking_pool disk_;
  net::task_scope scope_;
};

}  // namespace drover::gossip
