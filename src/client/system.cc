#include "client/system.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "base/text.h"
#include "env/clock.h"
#include "env/random.h"

namespace drover::client {

timestamp wall_now() { return env::real_clock().now(); }

double random_unit() { return static_cast<double>(env::real_random().number() >> 11) * 0x1.0p-53; }

duration with_jitter(duration d) { return duration(d.ns + static_cast<int64_t>(static_cast<double>(d.ns) * 0.25 * random_unit())); }

std::string new_uuid() { return env::real_random().uuid(); }

result<std::string> read_file(const std::string& path, size_t limit) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(system_error(errno, "open " + path));
  std::string out;
  char buffer[16384];
  for (;;) {
    auto n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      auto e = system_error(errno, "read " + path);
      ::close(fd);
      return fail(std::move(e));
    }
    if (n == 0) break;
    out.append(buffer, static_cast<size_t>(n));
    if (out.size() > limit) {
      ::close(fd);
      return fail(errc::too_large, "{} is larger than {} bytes", path, limit);
    }
  }
  ::close(fd);
  return out;
}

std::string read_line(const std::string& path) {
  auto text = read_file(path);
  if (!text) return {};
  return std::string(trim(text->substr(0, text->find('\n'))));
}

result<> write_file(const std::string& path, std::string_view data, unsigned mode) {
  auto temporary = path + ".new";
  int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
  if (fd < 0) return fail(system_error(errno, "create " + temporary));
  auto give_up = [&](const std::string& what) {
    auto e = system_error(errno, what);
    ::close(fd);
    ::unlink(temporary.c_str());
    return fail(std::move(e));
  };
  while (!data.empty()) {
    auto n = ::write(fd, data.data(), data.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return give_up("write " + temporary);
    data.remove_prefix(static_cast<size_t>(n));
  }
  if (::fchmod(fd, mode) != 0) return give_up("set the mode of " + temporary);
  if (::fsync(fd) != 0) return give_up("sync " + temporary);
  ::close(fd);
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    auto e = system_error(errno, "rename " + temporary);
    ::unlink(temporary.c_str());
    return fail(std::move(e));
  }
  return {};
}

result<> make_directories(const std::string& path, unsigned mode) {
  if (path.empty()) return fail(errc::invalid, "the path of a directory is empty");
  size_t at = 0;
  do {
    at = path.find('/', at + 1);
    auto part = path.substr(0, at);
    if (::mkdir(part.c_str(), mode) != 0 && errno != EEXIST) return fail(system_error(errno, "create directory " + part));
  } while (at != std::string::npos);
  struct stat st{};
  if (::stat(path.c_str(), &st) != 0) return fail(system_error(errno, "look at " + path));
  if (!S_ISDIR(st.st_mode)) return fail(errc::io, "{} exists and is no directory", path);
  return {};
}

}  // namespace drover::client
