// The log files of a task, TASK.stdout.N: which there are, and where a reader starts and goes on. Blocking reads of small size; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace drover::client {

struct log_file {
  int64_t index = 0;
  int64_t size = 0;
  std::string name;  // "redis.stdout.0"
};
// Oldest first. `type` is "stdout" or "stderr".
std::vector<log_file> list_log_files(const std::string& dir, const std::string& task, const std::string& type);

struct log_position {
  int64_t index = 0;
  int64_t offset = 0;
};
// `offset` bytes from the start of the oldest file, or back from the end of the newest. Nothing: there is no file yet.
std::optional<log_position> find_log_position(const std::vector<log_file>& files, const std::string& origin, int64_t offset);

// Up to `most` bytes at `offset`; empty at the end. not_found: the file is gone.
result<std::string> read_at(const std::string& path, int64_t offset, size_t most);

}  // namespace drover::client
