#include "server/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>

namespace drover::server {
namespace {

class descriptor {
 public:
  explicit descriptor(int fd) : fd_(fd) {}
  ~descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  operator int() const { return fd_; }

 private:
  int fd_;
};

result<> sync_parent(const std::string& path) {
  auto slash = path.rfind('/');
  std::string directory = slash == std::string::npos ? "." : path.substr(0, slash);
  descriptor fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd < 0 || ::fsync(fd) != 0) return fail(system_error(errno, "syncing " + directory));
  return {};
}

}  // namespace

result<std::string> read_small_file(const std::string& path, size_t bytes_max) {
  descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd < 0 && errno == ENOENT) return fail(errc::not_found, "{} does not exist", path);
  if (fd < 0) return fail(system_error(errno, "opening " + path));
  std::string out;
  char buffer[16 * 1024];
  for (;;) {
    auto count = ::read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(system_error(errno, "reading " + path));
    if (count == 0) return out;
    out.append(buffer, static_cast<size_t>(count));
    if (out.size() > bytes_max) return fail(errc::too_large, "{} has more than {} bytes", path, bytes_max);
  }
}

result<> replace_file(const std::string& path, std::string_view content) {
  auto fresh = path + ".new";
  {
    descriptor fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (fd < 0) return fail(system_error(errno, "creating " + fresh));
    while (!content.empty()) {
      auto count = ::write(fd, content.data(), content.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return fail(system_error(errno, "writing " + fresh));
      content.remove_prefix(static_cast<size_t>(count));
    }
    if (::fsync(fd) != 0) return fail(system_error(errno, "syncing " + fresh));
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return fail(system_error(errno, "renaming " + fresh));
  return sync_parent(path);
}

result<> make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return fail(system_error(errno, "making the directory " + path));
  return {};
}

}  // namespace drover::server
