// A server's log while the server does not run: what it holds, and how its cluster is made anew after most servers were lost for good.
//
// Threads: any, one at a time for a directory; nobody else may use it meanwhile (it is locked). Lifecycle: plain functions.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "raft/raft.h"

namespace drover::raft {

struct log_survey {
  uint64_t owner = 0;  // the id of the server whose log it is; 0: not noted
  uint64_t term = 0;   // the highest that it has seen
  uint64_t snapshot_index = 0;
  uint64_t first_index = 0;  // 0: nothing behind the snapshot
  uint64_t last_index = 0;   // 0: it holds nothing
  uint64_t last_term = 0;
  std::vector<server> servers;  // the newest configuration, committed or not
  uint64_t configuration_index = 0;
  std::vector<std::string> repairs;  // what a start would repair, in sentences
};
// Reads every byte and changes nothing. errc::corrupt as node::start(), errc::not_found: no such directory; errc::conflict: a server runs on it.
result<log_survey> survey(const std::string& directory);
// One entry of a log that is at rest.
enum class entry_kind { command, barrier, configuration, unknown };
struct logged_entry {
  uint64_t index = 0;
  uint64_t term = 0;
  entry_kind kind = entry_kind::unknown;
  std::string_view payload{};     // of a command: what was given to node::apply()
  std::vector<server> servers{};  // of a configuration
};
// Every entry in order; the view is good for the call alone. Errors as survey(), and the first that `each` returns.
result<> visit_log(const std::string& directory, const std::function<result<>(const logged_entry&)>& each);

// What the state machine gave for the newest snapshot, and its index. Empty and 0: there is none.
struct stored_snapshot {
  uint64_t index = 0;
  std::string payload;
};
result<stored_snapshot> newest_snapshot(const std::string& directory);

// Whether `a` holds what `b` may lack, as an election decides it.
bool is_newer(const log_survey& a, const log_survey& b);

struct recovery {
  std::string directory;
  std::vector<server> servers;  // who is in the cluster from now on, with this one
};
// Writes the configuration behind the last entry of the log (libraft's recovery), so that those servers elect a leader among themselves. Every
// server that goes on is recovered with the same list; it does not matter which has the newest log, the election finds it.
//
// libraft gives the entry term 1. Ours has the last entry's term plus recovery_terms: above every term that this log knows, so that the newest
// log wins as it should; equal for two servers only if their logs are; and not a term in which any leader ever wrote, so that the entry cannot be
// mistaken for one of another server.
// errc::invalid: the log is empty, or the list lacks its server or names one twice.
result<> recover(const recovery& r);
inline constexpr uint64_t recovery_terms = 1'000'000;

}  // namespace drover::raft
