// Small file helpers for kernel files and the control directory. Internal to the room; any thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace drover::exec {

// Owns a descriptor.
class unique_fd {
 public:
  unique_fd() = default;
  explicit unique_fd(int fd) : fd_(fd) {}
  unique_fd(unique_fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  unique_fd& operator=(unique_fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~unique_fd() { reset(); }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void reset();
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// The whole file, at most limits::kernel_file_bytes_max.
result<std::string> read_small_file(const std::string& path);
// One write() to an existing file, as the kernel's control files want it.
result<> write_control_file(const std::string& path, std::string_view text);
// The file is there complete or not at all, also after a crash.
result<> write_file_atomically(const std::string& path, std::string_view content, unsigned mode);
// The number after `key` at the start of a line; 0 when there is none.
uint64_t number_of_key(std::string_view text, std::string_view key);

}  // namespace drover::exec
