// With migration/archive.cc the only file that sees libarchive.
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <memory>

#include "base/text.h"
#include "client/artifact/fetch.h"
#include "client/artifact/limits.h"
#include "client/beneath.h"

namespace drover::client {

namespace {
namespace fs = std::filesystem;

using archive_handle = std::unique_ptr<archive, int (*)(archive*)>;

std::string said(archive* a) {
  auto* text = archive_error_string(a);
  return text == nullptr ? "the archive is damaged" : text;
}

// The name as a path below the directory, or an error for one that would not be.
result<std::string> safe_name(const char* name) {
  if (name == nullptr || *name == 0) return fail(errc::invalid, "the archive has an entry without a name");
  fs::path given(name);
  if (given.is_absolute()) return fail(errc::invalid, "the archive's entry \"{}\" has an absolute name", name);
  for (auto& part : given)
    if (part == "..") return fail(errc::invalid, "the archive's entry \"{}\" leads outside of the destination", name);
  auto out = given.lexically_normal().string();
  while (out.ends_with('/')) out.pop_back();
  return out.empty() ? "." : out;
}

// Whether the link `at` -> `target` stays below.
bool stays_below(const std::string& at, const std::string& target) {
  if (target.empty() || target[0] == '/') return false;
  auto end = (fs::path(at).parent_path() / target).lexically_normal();
  return end.empty() || *end.begin() != "..";
}

class unpacker {
 public:
  unpacker(archive* a, int root, unpack_limits limits) : a_(a), root_(root), limits_(limits) {}

  result<> run(const std::string& single_name) {
    for (;;) {
      archive_entry* entry = nullptr;
      auto code = archive_read_next_header(a_, &entry);
      if (code == ARCHIVE_EOF) return {};
      if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return fail(errc::invalid, "the archive cannot be read: {}", said(a_));
      if (limits_.files_max > 0 && ++files_ > limits_.files_max)
        return fail(errc::too_large, "the archive has more than {} files (client.artifact.decompression_file_count_limit)", limits_.files_max);
      TRY(one(entry, single_name));
    }
  }

 private:
  result<> one(archive_entry* entry, const std::string& single_name) {
    TRY_ASSIGN(auto name, safe_name(single_name.empty() ? archive_entry_pathname(entry) : single_name.c_str()));
    auto mode = single_name.empty() ? archive_entry_perm(entry) & 0777 : 0644u;
    if (auto* target = archive_entry_hardlink(entry)) return hard_link(name, target);
    switch (single_name.empty() ? archive_entry_filetype(entry) : static_cast<unsigned>(AE_IFREG)) {
      case AE_IFDIR: return directory(name, mode, entry);
      case AE_IFREG: return file(name, mode, entry);
      case AE_IFLNK: return link(name, archive_entry_symlink(entry));
      default: return fail(errc::invalid, "the archive's entry \"{}\" is a device, pipe or socket", name);
    }
  }

  result<descriptor> parent_of(const std::string& name) { return open_parent_beneath(root_, name, true); }
  static std::string leaf(const std::string& name) { return fs::path(name).filename().string(); }

  result<> directory(const std::string& name, unsigned mode, archive_entry* entry) {
    if (name == ".") return {};
    TRY_ASSIGN(auto parent, parent_of(name));
    if (::mkdirat(parent.get(), leaf(name).c_str(), 0700 | mode) != 0 && errno != EEXIST) return fail(system_error(errno, "create " + name));
    if (!limits_.keep_owner) return {};
    TRY_ASSIGN(auto made, open_beneath(parent.get(), leaf(name), O_RDONLY | O_DIRECTORY, true));
    return own(made.get(), name, mode, entry);
  }

  // The mode last: a change of the owner takes bits away.
  result<> own(int fd, const std::string& name, unsigned mode, archive_entry* entry) {
    if (::geteuid() == 0 && ::fchown(fd, static_cast<uid_t>(archive_entry_uid(entry)), static_cast<gid_t>(archive_entry_gid(entry))) != 0)
      return fail(system_error(errno, "change the owner of " + name));
    if (::fchmod(fd, mode) != 0) return fail(system_error(errno, "change the permissions of " + name));
    return {};
  }

  result<> file(const std::string& name, unsigned mode, archive_entry* entry) {
    TRY_ASSIGN(auto parent, parent_of(name));
    ::unlinkat(parent.get(), leaf(name).c_str(), 0);
    descriptor out(::openat(parent.get(), leaf(name).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (out.get() < 0) return fail(system_error(errno, "create " + name));
    char buffer[65536];
    for (;;) {
      auto n = archive_read_data(a_, buffer, sizeof buffer);
      if (n < 0) return fail(errc::invalid, "the archive's entry \"{}\" cannot be read: {}", name, said(a_));
      if (n == 0) break;
      bytes_ += n;
      if (limits_.bytes_max > 0 && bytes_ > limits_.bytes_max)
        return fail(errc::too_large, "the archive holds more than {} bytes (client.artifact.decompression_size_limit)", limits_.bytes_max);
      for (ssize_t done = 0; done < n;) {
        auto wrote = ::write(out.get(), buffer + done, static_cast<size_t>(n - done));
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return fail(system_error(errno, "write " + name));
        done += wrote;
      }
    }
    if (limits_.keep_owner) return own(out.get(), name, mode, entry);
    if (::fchmod(out.get(), 0600 | mode) != 0) return fail(system_error(errno, "change the permissions of " + name));
    return {};
  }

  result<> link(const std::string& name, const char* target) {
    if (target == nullptr || !stays_below(name, target)) return fail(errc::invalid, "the archive's link \"{}\" leads outside of the destination", name);
    TRY_ASSIGN(auto parent, parent_of(name));
    ::unlinkat(parent.get(), leaf(name).c_str(), 0);
    if (::symlinkat(target, parent.get(), leaf(name).c_str()) != 0) return fail(system_error(errno, "create " + name));
    return {};
  }

  result<> hard_link(const std::string& name, const char* target) {
    TRY_ASSIGN(auto existing, safe_name(target));
    TRY_ASSIGN(auto from, parent_of(existing));
    TRY_ASSIGN(auto parent, parent_of(name));
    ::unlinkat(parent.get(), leaf(name).c_str(), 0);
    if (::linkat(from.get(), leaf(existing).c_str(), parent.get(), leaf(name).c_str(), 0) != 0)
      return fail(errc::invalid, "the archive's hard link \"{}\" has no target \"{}\" before it", name, existing);
    return {};
  }

  archive* a_;
  int root_;
  unpack_limits limits_;
  int64_t files_ = 0, bytes_ = 0;
};
}  // namespace

archive_kind archive_kind_of(std::string_view name) {
  auto lower = to_lower(name);
  for (std::string_view end : {"tar", "tar.gz", "tgz", "tar.bz2", "tbz2", "tar.xz", "txz", "tar.zst", "tzst"})
    if (lower == end || lower.ends_with("." + std::string(end))) return archive_kind::tar;
  if (lower == "zip" || lower.ends_with(".zip")) return archive_kind::zip;
  for (std::string_view end : {"gz", "bz2", "xz", "zst"})
    if (lower == end || lower.ends_with("." + std::string(end))) return archive_kind::single;
  return archive_kind::none;
}

result<> unpack(const std::string& path, archive_kind kind, const std::string& single_name, const std::string& into, unpack_limits limits) {
  archive_handle a(archive_read_new(), &archive_read_free);
  if (!a) return fail(errc::unavailable, "there is no memory to read an archive");
  archive_read_support_filter_gzip(a.get());
  archive_read_support_filter_bzip2(a.get());
  archive_read_support_filter_xz(a.get());
  archive_read_support_filter_zstd(a.get());
  if (kind == archive_kind::tar) archive_read_support_format_tar(a.get());
  if (kind == archive_kind::zip) archive_read_support_format_zip(a.get());
  if (kind == archive_kind::single) archive_read_support_format_raw(a.get());
  if (archive_read_open_filename(a.get(), path.c_str(), 65536) != ARCHIVE_OK) return fail(errc::invalid, "the archive cannot be read: {}", said(a.get()));
  TRY_ASSIGN(auto root, open_directory(into));
  return unpacker(a.get(), root.get(), limits).run(kind == archive_kind::single ? single_name : "");
}

}  // namespace drover::client
