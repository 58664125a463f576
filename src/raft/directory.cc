#include "raft/directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/text.h"
#include "raft/crc32.h"
#include "raft/framing.h"
#include "raft/segment.h"

namespace drover::raft {

namespace {

class file {
 public:
  explicit file(int fd) : fd_(fd) {}
  ~file() {
    if (fd_ >= 0) close(fd_);
  }
  file(const file&) = delete;
  file& operator=(const file&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

// A system error about a path, with the code that callers act on.
error path_error(int number, std::string_view doing, const std::string& path) {
  error e = system_error(number, fmt::format("{} {}", doing, path));
  if (number == EACCES || number == EPERM || number == EROFS) return error(errc::permission_denied, e.message());
  return error(errc::io, e.message());
}

}  // namespace

result<std::string> read_file(const std::string& path) {
  file f(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (f.fd() < 0) return fail(path_error(errno, "cannot open", path));
  struct stat info;
  if (fstat(f.fd(), &info) != 0) return fail(path_error(errno, "cannot examine", path));
  std::string content(static_cast<size_t>(info.st_size), '\0');
  size_t have = 0;
  while (have < content.size()) {
    ssize_t n = pread(f.fd(), content.data() + have, content.size() - have, static_cast<off_t>(have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(path_error(errno, "cannot read", path));
    if (n == 0) break;
    have += static_cast<size_t>(n);
  }
  content.resize(have);
  return content;
}

namespace {

result<> sync_directory(const std::string& directory) {
  file f(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (f.fd() < 0) return fail(path_error(errno, "cannot open", directory));
  if (fsync(f.fd()) != 0) return fail(path_error(errno, "cannot sync", directory));
  return {};
}

result<> make_directory(const std::string& directory) {
  for (size_t at = 1; at <= directory.size(); at++) {
    if (at != directory.size() && directory[at] != '/') continue;
    std::string part = directory.substr(0, at);
    if (mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) return fail(path_error(errno, "cannot make the data directory", part));
  }
  struct stat info;
  if (stat(directory.c_str(), &info) != 0) return fail(path_error(errno, "cannot examine the data directory", directory));
  if (!S_ISDIR(info.st_mode)) return fail(errc::invalid, "the data directory {} is not a directory", directory);
  return {};
}

struct segment_name {
  std::string name;
  bool open = false;
  uint64_t counter = 0;  // of an open one
  uint64_t first = 0, last = 0;
};

struct snapshot_name {
  std::string name;
  uint64_t term = 0, index = 0, timestamp = 0;
};

std::optional<segment_name> parse_segment(const std::string& name) {
  if (name.starts_with("open-")) {
    auto counter = parse_uint(std::string_view(name).substr(5));
    if (!counter) return std::nullopt;
    return segment_name{name, true, *counter, 0, 0};
  }
  auto parts = split(name, '-');
  if (parts.size() != 2 || parts[0].size() < 16 || parts[1].size() < 16) return std::nullopt;
  auto first = parse_uint(parts[0]), last = parse_uint(parts[1]);
  if (!first || !last || *first == 0 || *first > *last) return std::nullopt;
  return segment_name{name, false, 0, *first, *last};
}

std::optional<snapshot_name> parse_snapshot(const std::string& name) {
  auto parts = split(name, '-');
  if (parts.size() != 4 || parts[0] != "snapshot") return std::nullopt;
  auto term = parse_uint(parts[1]), index = parse_uint(parts[2]), timestamp = parse_uint(parts[3]);
  if (!term || !index || !timestamp) return std::nullopt;
  return snapshot_name{name, *term, *index, *timestamp};
}

struct listing {
  std::vector<segment_name> closed;  // by index
  std::vector<segment_name> open;    // by counter
  std::vector<snapshot_name> snapshots;
  bool metadata = false;
};

result<listing> list_directory(const std::string& directory) {
  DIR* handle = opendir(directory.c_str());
  if (handle == nullptr) return fail(path_error(errno, "cannot read the data directory", directory));
  std::vector<std::string> names;
  while (dirent* entry = readdir(handle)) names.emplace_back(entry->d_name);
  closedir(handle);

  listing out;
  for (const std::string& name : names) {
    if (name == "metadata1" || name == "metadata2") out.metadata = true;
    if (auto segment = parse_segment(name)) (segment->open ? out.open : out.closed).push_back(*segment);
    // A snapshot without its .meta was never finished; libraft removes it.
    auto snapshot = parse_snapshot(name);
    if (snapshot && std::find(names.begin(), names.end(), name + ".meta") != names.end()) out.snapshots.push_back(*snapshot);
  }
  std::sort(out.closed.begin(), out.closed.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::sort(out.open.begin(), out.open.end(), [](const auto& a, const auto& b) { return a.counter < b.counter; });
  std::sort(out.snapshots.begin(), out.snapshots.end(),
            [](const auto& a, const auto& b) { return std::tie(a.term, a.index, a.timestamp) < std::tie(b.term, b.index, b.timestamp); });
  return out;
}

result<uint64_t> check_snapshot(const std::string& directory, const listing& files) {
  if (files.snapshots.empty()) return 0;
  const snapshot_name& newest = files.snapshots.back();
  TRY_ASSIGN(std::string content, read_file(directory + "/" + newest.name));
  auto view = read_snapshot_frame(content);
  if (!view) {
    return fail(error(errc::corrupt,
                      fmt::format("snapshot {}/{} is damaged; restore the directory from a backup or from another server", directory, newest.name),
                      view.error()));
  }
  if (view->index != newest.index) {
    return fail(errc::corrupt, "snapshot {}/{} holds the state at index {}, not at {}", directory, newest.name, view->index, newest.index);
  }
  return newest.index;
}

// Closed segments were written completely before they got their name: any flaw in them is damage.
result<> check_closed(const std::string& directory, const segment_name& segment) {
  TRY_ASSIGN(std::string content, read_file(directory + "/" + segment.name));
  segment_scan scan = scan_segment(content);
  uint64_t expected = segment.last - segment.first + 1;
  if (scan.end != content.size() || scan.entries != expected) {
    return fail(errc::corrupt,
                "log file {}/{} is damaged at byte {} (entry {}): {}; restore the directory from a backup or from another "
                "server",
                directory, segment.name, scan.end, segment.first + scan.entries,
                scan.problem.empty() ? fmt::format("it holds {} entries instead of {}", scan.entries, expected) : scan.problem);
  }
  if (segment.first == 1 && scan.first_type != entry_type_configuration) {
    return fail(errc::corrupt, "log file {}/{} does not begin with a configuration", directory, segment.name);
  }
  return {};
}

// The run of closed segments without a gap that the newest entries end in. Older ones were replaced by a snapshot.
result<> check_closed_segments(const std::string& directory, const listing& files, uint64_t snapshot_index, directory_report& report) {
  const auto& closed = files.closed;
  if (closed.empty()) return {};
  size_t begin = closed.size() - 1;
  while (begin > 0 && closed[begin - 1].last + 1 == closed[begin].first) begin--;
  if (closed[begin].first > snapshot_index + 1) {
    uint64_t known = begin > 0 ? std::max(snapshot_index, closed[begin - 1].last) : snapshot_index;
    return fail(errc::corrupt, "log entries {} to {} are missing in {}; restore the directory from a backup or from another server", known + 1,
                closed[begin].first - 1, directory);
  }
  for (size_t i = begin; i < closed.size(); i++) TRY(check_closed(directory, closed[i]));
  report.first_index = closed[begin].first;
  report.last_index = closed.back().last;
  return {};
}

// What to do with one open segment.
struct open_plan {
  const segment_name* segment = nullptr;
  size_t keep_bytes = 0;  // 0: remove
  uint64_t first = 0, last = 0;
  std::string repair;
};

result<std::vector<open_plan>> plan_open_segments(const std::string& directory, const listing& files, uint64_t snapshot_index, directory_report& report) {
  std::vector<open_plan> plans;
  const segment_name* torn = nullptr;
  for (const segment_name& segment : files.open) {
    TRY_ASSIGN(std::string content, read_file(directory + "/" + segment.name));
    segment_scan scan = scan_segment(content);
    tail_state tail = judge_tail(content, scan);
    bool has_data = scan.entries > 0 || tail != tail_state::clean;
    if (torn != nullptr && has_data) {
      return fail(errc::corrupt,
                  "log file {}/{} breaks off, but {} goes on after it; restore the directory from a backup or from "
                  "another server",
                  directory, torn->name, segment.name);
    }
    if (tail == tail_state::damaged) {
      return fail(errc::corrupt, "log file {}/{} is damaged at byte {}: {}; restore the directory from a backup or from another server", directory,
                  segment.name, scan.end, scan.problem);
    }
    open_plan plan{&segment, 0, 0, 0, {}};
    if (tail == tail_state::torn) {
      torn = &segment;
      plan.repair = fmt::format(
          "log file {} ended in a write that a crash had cut short, at byte {}; it was never acknowledged and is "
          "dropped",
          segment.name, scan.end);
    }
    if (scan.entries > 0) {
      if (report.last_index != 0 && report.last_index < snapshot_index) {
        return fail(errc::corrupt, "log entries {} to {} are missing in {}", report.last_index + 1, snapshot_index, directory);
      }
      plan.first = (report.last_index != 0 ? report.last_index : snapshot_index) + 1;
      plan.last = plan.first + scan.entries - 1;
      plan.keep_bytes = scan.end;
      if (report.first_index == 0) report.first_index = plan.first;
      report.last_index = plan.last;
    }
    plans.push_back(std::move(plan));
  }
  return plans;
}

// Closes an open segment as libraft does when it is full: cut to what it holds, then renamed to the entries in it.
result<> carry_out(const std::string& directory, const open_plan& plan) {
  std::string path = directory + "/" + plan.segment->name;
  if (plan.keep_bytes == 0) {
    if (unlink(path.c_str()) != 0) return fail(path_error(errno, "cannot remove", path));
    return {};
  }
  file f(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (f.fd() < 0) return fail(path_error(errno, "cannot open", path));
  if (ftruncate(f.fd(), static_cast<off_t>(plan.keep_bytes)) != 0) return fail(path_error(errno, "cannot shorten", path));
  if (fsync(f.fd()) != 0) return fail(path_error(errno, "cannot sync", path));
  std::string closed = fmt::format("{}/{:016}-{:016}", directory, plan.first, plan.last);
  if (rename(path.c_str(), closed.c_str()) != 0) return fail(path_error(errno, "cannot rename", path));
  return {};
}

// The term and vote are written before the first segment; a crash between leaves a server that has done nothing yet.
result<> check_metadata_alone(const std::string& directory, directory_report& report) {
  for (const char* name : {"metadata1", "metadata2"}) {
    std::string path = directory + "/" + name;
    if (access(path.c_str(), F_OK) != 0) continue;
    TRY_ASSIGN(std::string content, read_file(path));
    bool complete = content.size() >= 32;
    if (complete && (load_u64(content.data() + 16) > 1 || load_u64(content.data() + 24) != 0)) {
      // It has voted, so it was a member: a follower that has not received anything yet, which libraft handles.
      report.empty = false;
      return {};
    }
  }
  for (const char* name : {"metadata1", "metadata2"}) {
    std::string path = directory + "/" + name;
    if (unlink(path.c_str()) != 0 && errno != ENOENT) return fail(path_error(errno, "cannot remove", path));
  }
  report.repairs.push_back("a first start was cut short; it begins anew");
  return {};
}

// All checks, in order.
result<std::vector<open_plan>> check_all(const std::string& directory, const listing& files, directory_report& report) {
  TRY_ASSIGN(report.snapshot_index, check_snapshot(directory, files));
  TRY(check_closed_segments(directory, files, report.snapshot_index, report));
  TRY_ASSIGN(std::vector<open_plan> plans, plan_open_segments(directory, files, report.snapshot_index, report));
  for (const open_plan& plan : plans) {
    if (!plan.repair.empty()) report.repairs.push_back(plan.repair);
  }
  report.empty = report.snapshot_index == 0 && report.last_index == 0;
  return plans;
}

// libraft's metadata files (raft/uv.h): format, version, term, vote. The one with the higher version counts.
constexpr size_t metadata_bytes = 32;
struct stored_metadata {
  uint64_t version = 0;
  uint64_t term = 0;
};
result<stored_metadata> read_metadata(const std::string& directory) {
  stored_metadata out;
  for (const char* name : {"metadata1", "metadata2"}) {
    std::string path = directory + "/" + name;
    if (access(path.c_str(), F_OK) != 0) continue;
    TRY_ASSIGN(std::string content, read_file(path));
    if (content.size() < metadata_bytes || load_u64(content.data()) != 1) continue;
    uint64_t version = load_u64(content.data() + 8);
    if (version > out.version) out = {version, load_u64(content.data() + 16)};
  }
  return out;
}

// A snapshot's .meta: format, checksum, index of the configuration, its length, the configuration.
result<> read_snapshot_configuration(const std::string& path, stored_log& log) {
  constexpr size_t header = 32;
  TRY_ASSIGN(std::string content, read_file(path));
  if (content.size() < header || load_u64(content.data()) != 1 || load_u64(content.data() + 24) > content.size() - header)
    return fail(errc::corrupt, "{} is damaged", path);
  std::string_view body = std::string_view(content).substr(16, 16 + load_u64(content.data() + 24));
  if (static_cast<uint32_t>(load_u64(content.data() + 8)) != crc32(body.data(), body.size()))
    return fail(errc::corrupt, "{} does not match its checksum", path);
  log.configuration_index = load_u64(content.data() + 16);
  log.configuration = body.substr(16);
  return {};
}

result<> write_file(const std::string& path, std::string_view content) {
  file f(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (f.fd() < 0) return fail(path_error(errno, "cannot write", path));
  while (!content.empty()) {
    ssize_t n = write(f.fd(), content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(path_error(errno, "cannot write", path));
    content.remove_prefix(static_cast<size_t>(n));
  }
  if (fsync(f.fd()) != 0) return fail(path_error(errno, "cannot sync", path));
  return {};
}

}  // namespace

result<std::unique_ptr<directory_lock>> directory_lock::take(const std::string& directory) {
  if (directory.empty()) return fail(errc::invalid, "raft needs a data directory");
  TRY(make_directory(directory));
  std::string path = directory + "/lock";
  int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return fail(path_error(errno, "the data directory cannot be written: cannot open", path));
  std::unique_ptr<directory_lock> lock(new directory_lock(fd));
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail(path_error(errno, "cannot lock", path));
    char owner[32] = {};
    ssize_t n = pread(fd, owner, sizeof owner - 1, 0);
    return fail(errc::conflict, "the data directory {} is in use by another process{}; stop it, or choose another directory", directory,
                n > 0 ? fmt::format(" (pid {})", trim(owner)) : "");
  }
  // Only for the message above: a failed write here (a full disk) must not keep a server from starting.
  std::string pid = fmt::format("{}\n", getpid());
  if (ftruncate(fd, 0) == 0 && pwrite(fd, pid.data(), pid.size(), 0) < 0) errno = 0;
  return lock;
}

directory_lock::~directory_lock() { close(fd_); }

result<directory_report> recover_directory(const std::string& directory) {
  directory_report report;
  TRY_ASSIGN(listing files, list_directory(directory));
  TRY_ASSIGN(std::vector<open_plan> plans, check_all(directory, files, report));
  // Everything has been checked; only now is anything changed.
  for (const open_plan& plan : plans) {
    TRY(carry_out(directory, plan));
  }
  bool marked = access((directory + "/server").c_str(), F_OK) == 0;
  if (report.empty && files.metadata && !marked) TRY(check_metadata_alone(directory, report));
  if (!plans.empty() || !report.repairs.empty()) TRY(sync_directory(directory));
  return report;
}

result<directory_report> examine_directory(const std::string& directory) {
  directory_report report;
  TRY_ASSIGN(listing files, list_directory(directory));
  TRY(check_all(directory, files, report));
  return report;
}

result<stored_log> read_stored_log(const std::string& directory, const std::function<void(uint64_t, const segment_entry&)>& each) {
  stored_log log;
  TRY_ASSIGN(listing files, list_directory(directory));
  TRY_ASSIGN(std::vector<open_plan> plans, check_all(directory, files, log.report));
  TRY_ASSIGN(stored_metadata metadata, read_metadata(directory));
  log.term = metadata.term;
  if (!files.snapshots.empty()) {
    const snapshot_name& newest = files.snapshots.back();
    log.last_index = newest.index;
    log.last_term = log.snapshot_term = newest.term;
    log.snapshot_file = directory + "/" + newest.name;
    TRY(read_snapshot_configuration(directory + "/" + newest.name + ".meta", log));
  }
  auto take = [&](const std::string& name, uint64_t first) -> result<> {
    TRY_ASSIGN(std::string content, read_file(directory + "/" + name));
    uint64_t index = first;
    visit_entries(content, scan_segment(content), [&](const segment_entry& entry) {
      if (index > log.last_index || log.last_index == 0) {
        log.last_index = index;
        log.last_term = entry.term;
      }
      if (each) each(index, entry);
      if (entry.type == entry_type_configuration && index >= log.configuration_index) {
        log.configuration_index = index;
        log.configuration = entry.data;
      }
      index++;
    });
    return {};
  };
  for (const segment_name& segment : files.closed) {
    if (segment.first >= log.report.first_index) TRY(take(segment.name, segment.first));
  }
  for (const open_plan& plan : plans) {
    if (plan.keep_bytes != 0) TRY(take(plan.segment->name, plan.first));
  }
  if (auto note = read_file(directory + "/server")) log.owner = parse_uint(trim(*note)).value_or(0);
  return log;
}

result<> store_term(const std::string& directory, uint64_t term) {
  TRY_ASSIGN(stored_metadata metadata, read_metadata(directory));
  std::string content(metadata_bytes, '\0');
  store_u64(content.data(), 1);
  store_u64(content.data() + 8, metadata.version + 1);
  store_u64(content.data() + 16, term);
  // libraft writes odd versions to the first file and even ones to the second.
  TRY(write_file(directory + ((metadata.version + 1) % 2 == 1 ? "/metadata1" : "/metadata2"), content));
  return sync_directory(directory);
}

result<> replace_segment(const std::string& directory, uint64_t index, std::string_view content) {
  TRY(write_file(fmt::format("{}/{:016}-{:016}", directory, index, index), content));
  return sync_directory(directory);
}

// Not synced: losing the note in a crash loses no entry.
result<> mark_directory(const std::string& directory, uint64_t id) {
  std::string path = directory + "/server";
  if (access(path.c_str(), F_OK) == 0) return {};
  file f(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  std::string content = fmt::format("{}\n", id);
  if (f.fd() < 0 || write(f.fd(), content.data(), content.size()) < 0) return fail(path_error(errno, "cannot write", path));
  return {};
}

result<> check_mark(const std::string& directory, uint64_t id, const directory_report& report) {
  std::string path = directory + "/server";
  if (access(path.c_str(), F_OK) != 0) return {};
  TRY_ASSIGN(std::string content, read_file(path));
  auto owner = parse_uint(trim(content));
  if (!owner) return {};  // a full disk when it was written
  if (*owner != id) {
    return fail(errc::invalid, "the data directory {} belongs to server {}, not to this one ({}); choose another directory", directory, *owner, id);
  }
  if (report.last_index == 0 && report.snapshot_index == 0) {
    return fail(errc::corrupt, "the log in {} is gone; restore the directory from a backup, or remove it to begin anew", directory);
  }
  return {};
}

result<> probe_space(const std::string& directory, uint64_t bytes) {
  std::string path = directory + "/tmp-space";
  file f(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (f.fd() < 0) return fail(path_error(errno, "cannot make", path));
  int number = posix_fallocate(f.fd(), 0, static_cast<off_t>(bytes));
  unlink(path.c_str());
  if (number != 0) return fail(path_error(number, fmt::format("cannot allocate {} bytes in", bytes), directory));
  return {};
}

}  // namespace drover::raft
