#include "client/migration/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>

#include "client/beneath.h"
#include "client/migration/limits.h"
#include "client/system.h"

namespace drover::client {

namespace {
// 2000-0-0 as Go counts it: marks the file that reports a failure.
constexpr time_t error_time = 943'920'000;

using entry_handle = std::unique_ptr<archive_entry, void (*)(archive_entry*)>;

struct directory {
  std::unique_ptr<DIR, int (*)(DIR*)> listing{nullptr, &::closedir};
  std::string name;  // from the allocation's directory
};

result<directory> list(descriptor fd, std::string name) {
  directory out;
  out.listing.reset(::fdopendir(::dup(fd.get())));
  if (!out.listing) return fail(system_error(errno, "list " + name));
  out.name = std::move(name);
  return out;
}
}  // namespace

std::string snapshot_error_name(const std::string& alloc_id) { return "NOMAD-" + alloc_id + "-ERROR.log"; }

struct snapshot_archive::state {
  archive* out = archive_write_new();
  descriptor root;
  std::string alloc_id;
  // Still to come, the last first.
  std::vector<std::string> roots;
  std::vector<directory> open;
  descriptor file;
  std::string file_name;
  std::string ready;
  bool ended = false;

  ~state() { archive_write_free(out); }

  static la_ssize_t take(archive*, void* self, const void* data, size_t size) {
    static_cast<state*>(self)->ready.append(static_cast<const char*>(data), size);
    return static_cast<la_ssize_t>(size);
  }

  result<> begin() {
    archive_write_set_format_pax_restricted(out);
    archive_write_set_bytes_per_block(out, 0);
    archive_write_set_bytes_in_last_block(out, 1);
    if (archive_write_open(out, this, nullptr, &state::take, nullptr) != ARCHIVE_OK) return fail(errc::unavailable, "there is no memory to write an archive");
    return {};
  }

  result<> header(const std::string& name, const struct stat& st, const std::string& link) {
    entry_handle entry(archive_entry_new(), &archive_entry_free);
    archive_entry_copy_stat(entry.get(), &st);
    archive_entry_set_pathname(entry.get(), name.c_str());
    if (!link.empty()) archive_entry_set_symlink(entry.get(), link.c_str());
    if (archive_write_header(out, entry.get()) < ARCHIVE_WARN) return fail(errc::io, "archive {}: {}", name, archive_error_string(out));
    return {};
  }

  result<> enter(descriptor fd, const std::string& name) {
    struct stat st{};
    if (::fstat(fd.get(), &st) != 0) return fail(system_error(errno, "look at " + name));
    if (open.size() >= limits::snapshot_depth_max) return fail(errc::too_large, "{} lies deeper than {} directories", name, limits::snapshot_depth_max);
    TRY(header(name, st, ""));
    TRY_ASSIGN(auto listed, list(std::move(fd), name));
    open.push_back(std::move(listed));
    return {};
  }

  result<> next_root() {
    auto name = std::move(roots.back());
    roots.pop_back();
    auto fd = open_beneath(root.get(), name, O_RDONLY | O_DIRECTORY, true);
    // A task that never began has none.
    if (!fd && fd.error().code() == errc::not_found) return {};
    if (!fd) return fail(fd.error());
    return enter(std::move(*fd), name);
  }

  result<> add(int parent, const char* leaf, const std::string& name) {
    struct stat st{};
    if (::fstatat(parent, leaf, &st, AT_SYMLINK_NOFOLLOW) != 0) return errno == ENOENT ? result<>{} : fail(system_error(errno, "look at " + name));
    if (S_ISLNK(st.st_mode)) {
      char target[PATH_MAX];
      auto n = ::readlinkat(parent, leaf, target, sizeof target);
      return n < 0 ? fail(system_error(errno, "read the link " + name)) : header(name, st, std::string(target, static_cast<size_t>(n)));
    }
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) return {};
    descriptor fd(::openat(parent, leaf, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | (S_ISDIR(st.st_mode) ? O_DIRECTORY : 0)));
    if (fd.get() < 0) return errno == ENOENT ? result<>{} : fail(system_error(errno, "open " + name));
    if (S_ISDIR(st.st_mode)) return enter(std::move(fd), name);
    if (::fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode)) return fail(errc::conflict, "{} was exchanged while it was read", name);
    TRY(header(name, st, ""));
    file = std::move(fd);
    file_name = name;
    return {};
  }

  result<> more_of_file() {
    std::string part(limits::snapshot_chunk_bytes, '\0');
    auto n = ::read(file.get(), part.data(), part.size());
    if (n < 0) return fail(system_error(errno, "read " + file_name));
    // A file that grew meanwhile is cut off at the size it had, one that shrank is filled up with zeros.
    if (n > 0 && archive_write_data(out, part.data(), static_cast<size_t>(n)) > 0) return {};
    file = descriptor();
    return {};
  }

  // One small step. `ended` after the last.
  result<> step() {
    if (file.get() >= 0) return more_of_file();
    if (open.empty()) {
      if (!roots.empty()) return next_root();
      return finish();
    }
    auto* entry = ::readdir(open.back().listing.get());
    if (entry == nullptr) {
      open.pop_back();
      return {};
    }
    std::string_view leaf = entry->d_name;
    if (leaf == "." || leaf == "..") return {};
    // `open` may move below.
    auto name = open.back().name + "/" + std::string(leaf);
    return add(::dirfd(open.back().listing.get()), entry->d_name, name);
  }

  result<> finish() {
    ended = true;
    if (archive_write_close(out) != ARCHIVE_OK) return fail(errc::io, "the archive cannot be ended: {}", archive_error_string(out));
    return {};
  }

  result<> report(const error& wrong) {
    file = descriptor();
    struct stat st{};
    auto text = wrong.text().substr(0, limits::snapshot_error_bytes_max);
    st.st_mode = S_IFREG | 0666;
    st.st_size = static_cast<off_t>(text.size());
    st.st_mtim.tv_sec = st.st_atim.tv_sec = st.st_ctim.tv_sec = error_time;
    TRY(header(snapshot_error_name(alloc_id), st, ""));
    archive_write_data(out, text.data(), text.size());
    return finish();
  }
};

snapshot_archive::snapshot_archive(std::unique_ptr<state> s) : state_(std::move(s)) {}
snapshot_archive::~snapshot_archive() = default;

result<std::unique_ptr<snapshot_archive>> snapshot_archive::open(const alloc_dir& dir, std::string alloc_id, std::vector<std::string> tasks) {
  auto s = std::make_unique<state>();
  if (s->out == nullptr) return fail(errc::unavailable, "there is no memory to write an archive");
  TRY_ASSIGN(s->root, open_directory(dir.root()));
  s->alloc_id = std::move(alloc_id);
  for (auto& task : tasks) s->roots.push_back(task + "/local");
  s->roots.emplace_back("alloc/data");
  TRY(s->begin());
  return std::unique_ptr<snapshot_archive>(new snapshot_archive(std::move(s)));
}

result<std::string> snapshot_archive::next() {
  auto& s = *state_;
  while (!s.ended && s.ready.size() < limits::snapshot_chunk_bytes)
    if (auto done = s.step(); !done) {
      if (s.ended) return fail(done.error());
      TRY(s.report(done.error()));
    }
  return std::exchange(s.ready, {});
}

}  // namespace drover::client
