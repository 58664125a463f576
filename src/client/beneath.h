// Files below a directory whose contents a task may change at any time: no link and no ".." leads out of it, whenever it was made.
// Blocking; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace drover::client {

struct new_file {
  unsigned mode = 0644;
  // -1: as it is.
  int64_t uid = -1, gid = -1;
};

class descriptor {
 public:
  explicit descriptor(int fd = -1) : fd_(fd) {}
  descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~descriptor();
  int get() const { return fd_; }

 private:
  int fd_;
};
result<descriptor> open_directory(const std::string& path);
// `flags` as of open(). Follows links that stay below `root`; `no_links`: refuses every one.
result<descriptor> open_beneath(int root, const std::string& path, int flags, bool no_links = false);
// The directory that `path` lies in, made where it is missing.
result<descriptor> open_parent_beneath(int root, const std::string& path, bool no_links = false);

// The text of `path` below `root`, following links that stay below.
result<std::string> read_beneath(const std::string& root, const std::string& path, size_t bytes_max);
// Makes the directories on the way; the file is replaced as a whole or not at all.
result<> write_beneath(const std::string& root, const std::string& path, std::string_view text, new_file how);

}  // namespace drover::client
