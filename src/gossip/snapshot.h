// The file that remembers, over restarts, which members were alive and where: Serf's snapshot, one line a fact:
//   alive: NAME IP:PORT    not-alive: NAME    clock: N    event-clock: N    query-clock: N    leave    # a remark
// A torn last line and lines that nobody knows are passed over. The text is pure; reading and writing are plain functions, meant for a
// thread that may wait.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace drover::gossip {

struct snapshot_state {
  std::map<std::string, std::string> alive{};  // name -> "ip:port"
  uint64_t clock = 0, event_clock = 0, query_clock = 0;
  bool left = false;  // the last thing that was said is a leave
  friend bool operator==(const snapshot_state&, const snapshot_state&) = default;
};

// `rejoin_after_leave`: a leave forgets nothing.
snapshot_state parse_snapshot(std::string_view text, bool rejoin_after_leave);
// The shortest text that says the same.
std::string format_snapshot(const snapshot_state& s);

// "" if there is none. Too large a file is read from its end.
result<std::string> read_snapshot(const std::string& path);
result<> append_snapshot(const std::string& path, std::string_view lines);
result<> replace_snapshot(const std::string& path, std::string_view text);

}  // namespace drover::gossip
