#include "client/logs/log_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/text.h"

namespace drover::client {

std::vector<log_file> list_log_files(const std::string& dir, const std::string& task, const std::string& type) {
  std::vector<log_file> out;
  auto prefix = task + "." + type + ".";
  std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(dir.c_str()), &::closedir);
  if (!open) return out;
  while (auto* entry = ::readdir(open.get())) {
    std::string_view name = entry->d_name;
    if (!name.starts_with(prefix)) continue;
    auto index = parse_int(name.substr(prefix.size()));
    struct stat st{};
    if (!index || *index < 0 || ::fstatat(::dirfd(open.get()), entry->d_name, &st, 0) != 0) continue;
    out.push_back({*index, st.st_size, std::string(name)});
  }
  std::sort(out.begin(), out.end(), [](auto& a, auto& b) { return a.index < b.index; });
  return out;
}

std::optional<log_position> find_log_position(const std::vector<log_file>& files, const std::string& origin, int64_t offset) {
  if (files.empty()) return std::nullopt;
  int64_t total = 0;
  for (auto& f : files) total += f.size;
  auto at = origin == "end" ? std::max<int64_t>(0, total - offset) : std::min(offset, total);
  for (auto& f : files) {
    if (at < f.size || &f == &files.back()) return log_position{f.index, at};
    at -= f.size;
  }
  return std::nullopt;
}

result<std::string> read_at(const std::string& path, int64_t offset, size_t most) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    if (errno == ENOENT) return fail(errc::not_found, "{} does not exist", path);
    return fail(system_error(errno, "open " + path));
  }
  std::string data(most, '\0');
  auto n = ::pread(fd, data.data(), most, offset);
  int failed = errno;
  ::close(fd);
  if (n < 0) return fail(system_error(failed, "read " + path));
  data.resize(static_cast<size_t>(n));
  return data;
}

}  // namespace drover::client
