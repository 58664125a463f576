// The data directory before libraft sees it: made, locked, checked, and tidied after a crash.
//
// libraft alone would cut an open segment at the first damaged byte whatever follows, and set a damaged closed segment
// aside: both lose entries that were acknowledged. So every byte is checked here first. A node writes one batch of
// entries at a time (raft/disk.h), so a crash can leave only the very last batch incomplete; then some sector of it was
// never written and still holds zeros (or the file ends there). Anything else is damage and an error.
//
// Threads: any, one at a time. The lock is held until the object is destroyed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "raft/segment.h"

namespace drover::raft {

class directory_lock {
 public:
  // Makes the directory if it is missing. errc::conflict: another process (or node) holds it; errc::permission_denied,
  // errc::io otherwise.
  static result<std::unique_ptr<directory_lock>> take(const std::string& directory);
  ~directory_lock();
  directory_lock(const directory_lock&) = delete;
  directory_lock& operator=(const directory_lock&) = delete;

 private:
  explicit directory_lock(int fd) : fd_(fd) {}
  int fd_;
};

struct directory_report {
  // Nothing was ever stored here.
  bool empty = true;
  uint64_t snapshot_index = 0;
  uint64_t first_index = 0;
  uint64_t last_index = 0;
  // What was repaired, in sentences.
  std::vector<std::string> repairs;
};
// Checks every stored byte and repairs what a crash may leave: an incomplete last batch is cut off, files that were
// being written are closed or removed. errc::corrupt: stored entries or snapshots are damaged or missing; nothing was
// changed then.
result<directory_report> recover_directory(const std::string& directory);
// The same without changing anything: `repairs` is what would be repaired.
result<directory_report> examine_directory(const std::string& directory);

// Whole; errors name the path.
result<std::string> read_file(const std::string& path);

// What a directory's files say, the damaged tail left out.
struct stored_log {
  directory_report report;
  uint64_t term = 0;  // the highest that this server has seen
  uint64_t last_index = 0;
  uint64_t last_term = 0;
  uint64_t snapshot_term = 0;
  std::string configuration;  // as libraft encodes it; empty: none
  uint64_t configuration_index = 0;
  uint64_t owner = 0;         // the raft id of its server, 0: not noted
  std::string snapshot_file;  // the path of the newest; empty: none
};
// Changes nothing. Errors as recover_directory(). `each`, if given, is called for every entry in order (a view for the call alone).
result<stored_log> read_stored_log(const std::string& directory, const std::function<void(uint64_t index, const segment_entry&)>& each = {});
// Replaces the stored term; the vote is forgotten.
result<> store_term(const std::string& directory, uint64_t term);
// For the file that holds just entry `index`.
result<> replace_segment(const std::string& directory, uint64_t index, std::string_view content);

// Notes in the directory that server `id` keeps a log here. With the note, a directory whose log has vanished is
// errc::corrupt instead of a first start, and one of another server is errc::invalid.
result<> mark_directory(const std::string& directory, uint64_t id);
result<> check_mark(const std::string& directory, uint64_t id, const directory_report& report);

// Whether `bytes` can be allocated now.
result<> probe_space(const std::string& directory, uint64_t bytes);

}  // namespace drover::raft
