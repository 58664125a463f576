#include "gossip/snapshot.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "gossip/limits.h"

namespace drover::gossip {
namespace {

class file {
 public:
  file(const std::string& path, int flags) : path_(path), handle_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~file() {
    if (handle_ >= 0) ::close(handle_);
  }
  file(const file&) = delete;
  file& operator=(const file&) = delete;
  bool is_open() const { return handle_ >= 0; }
  int handle() const { return handle_; }
  std::unexpected<error> failed(std::string_view doing) const { return fail(system_error(errno, fmt::format("{} {}", doing, path_))); }
  result<> write_durably(std::string_view text) {
    while (!text.empty()) {
      auto count = ::write(handle_, text.data(), text.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return failed("write");
      text.remove_prefix(static_cast<size_t>(count));
    }
    if (::fdatasync(handle_) != 0) return failed("sync");
    return {};
  }

 private:
  const std::string& path_;
  int handle_;
};

bool take_number(std::string_view line, std::string_view prefix, uint64_t& into) {
  if (!line.starts_with(prefix)) return false;
  if (auto number = parse_uint(line.substr(prefix.size()))) into = *number;
  return true;
}

}  // namespace

snapshot_state parse_snapshot(std::string_view text, bool rejoin_after_leave) {
  snapshot_state s;
  // What has no newline behind was torn off.
  for (size_t end; (end = text.find('\n')) != text.npos; text.remove_prefix(end + 1)) {
    auto line = text.substr(0, end);
    if (line.starts_with("alive: ")) {
      line.remove_prefix(7);
      auto blank = line.rfind(' ');
      if (blank == line.npos || blank == 0 || s.alive.size() >= members_max) continue;
      s.alive[std::string(line.substr(0, blank))] = line.substr(blank + 1);
      s.left = false;
    } else if (line.starts_with("not-alive: ")) {
      s.alive.erase(std::string(line.substr(11)));
    } else if (line == "leave") {
      if (rejoin_after_leave) continue;
      s = {.left = true};
    } else if (!take_number(line, "clock: ", s.clock) && !take_number(line, "event-clock: ", s.event_clock)) {
      take_number(line, "query-clock: ", s.query_clock);
    }
  }
  return s;
}

std::string format_snapshot(const snapshot_state& s) {
  // First, because a leave forgets what stands before it.
  std::string out = s.left ? "leave\n" : "";
  for (const auto& [name, address] : s.alive) out += fmt::format("alive: {} {}\n", name, address);
  out += fmt::format("clock: {}\nevent-clock: {}\nquery-clock: {}\n", s.clock, s.event_clock, s.query_clock);
  return out;
}

result<std::string> read_snapshot(const std::string& path) {
  file f(path, O_RDONLY);
  if (!f.is_open()) {
    if (errno == ENOENT) return std::string();
    return f.failed("open");
  }
  struct stat found;
  if (::fstat(f.handle(), &found) != 0) return f.failed("stat");
  off_t from = std::max<off_t>(0, found.st_size - static_cast<off_t>(snapshot_bytes_max));
  std::string text(static_cast<size_t>(found.st_size - from), '\0');
  size_t at = 0;
  while (at < text.size()) {
    auto count = ::pread(f.handle(), text.data() + at, text.size() - at, from + static_cast<off_t>(at));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return f.failed("read");
    if (count == 0) break;
    at += static_cast<size_t>(count);
  }
  text.resize(at);
  return text;
}

result<> append_snapshot(const std::string& path, std::string_view lines) {
  file f(path, O_WRONLY | O_APPEND | O_CREAT);
  if (!f.is_open()) return f.failed("open");
  return f.write_durably(lines);
}

result<> replace_snapshot(const std::string& path, std::string_view text) {
  auto temporary = path + ".compact";
  {
    file f(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (!f.is_open()) return f.failed("open");
    TRY(f.write_durably(text));
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return fail(system_error(errno, "rename " + temporary));
  return {};
}

}  // namespace drover::gossip
