#include "client/exec/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/text.h"
#include "client/exec/limits.h"

namespace drover::exec {

void unique_fd::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

result<std::string> read_small_file(const std::string& path) {
  unique_fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail(system_error(errno, "open " + path));
  std::string text;
  char buffer[4096];
  while (text.size() < limits::kernel_file_bytes_max) {
    ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error(errno, "read " + path));
    if (n == 0) break;
    text.append(buffer, static_cast<size_t>(n));
  }
  return text;
}

result<> write_control_file(const std::string& path, std::string_view text) {
  unique_fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return fail(system_error(errno, "open " + path));
  if (::write(fd.get(), text.data(), text.size()) < 0) return fail(system_error(errno, fmt::format("write \"{}\" to {}", trim(text), path)));
  return {};
}

namespace {

result<> write_and_sync(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error(errno, "write " + path));
    content.remove_prefix(static_cast<size_t>(n));
  }
  if (::fsync(fd) < 0) return fail(system_error(errno, "fsync " + path));
  return {};
}

}  // namespace

result<> write_file_atomically(const std::string& path, std::string_view content, unsigned mode) {
  std::string temporary = path + ".XXXXXX";
  unique_fd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) return fail(system_error(errno, "create " + temporary));
  auto written = write_and_sync(fd.get(), content, temporary);
  if (written && ::fchmod(fd.get(), mode) < 0) written = fail(system_error(errno, "chmod " + temporary));
  // A file that is still open for writing cannot be executed.
  fd.reset();
  if (written && ::rename(temporary.c_str(), path.c_str()) < 0) written = fail(system_error(errno, "rename to " + path));
  if (!written) ::unlink(temporary.c_str());
  return written;
}

uint64_t number_of_key(std::string_view text, std::string_view key) {
  for (auto line : split(text, '\n'))
    if (line.size() > key.size() && line.starts_with(key) && (line[key.size()] == ' ' || line[key.size()] == ':'))
      return parse_uint(split(trim(line.substr(key.size() + 1)), ' ')[0]).value_or(0);
  return 0;
}

}  // namespace drover::exec
