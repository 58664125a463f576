#include "client/alloc_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

#include "base/text.h"
#include "client/limits.h"
#include "client/system.h"

namespace drover::client {

namespace {
result<> make_directory(const std::string& path, unsigned mode) {
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) return fail(system_error(errno, "create directory " + path));
  // Not subject to the umask.
  if (::chmod(path.c_str(), mode) != 0) return fail(system_error(errno, "set the mode of " + path));
  return {};
}

bool is_mount_point(const std::string& path) {
  struct stat self{}, parent{};
  if (::lstat(path.c_str(), &self) != 0 || ::lstat((path + "/..").c_str(), &parent) != 0) return false;
  return self.st_dev != parent.st_dev;
}

// A small memory filesystem, so that secrets never reach a disk. Without the right to mount it stays a plain directory.
result<> make_memory_directory(const std::string& path, unsigned mode, int64_t megabytes) {
  TRY(make_directory(path, mode));
  if (::geteuid() != 0 || is_mount_point(path)) return {};
  auto options = fmt::format("size={}m,mode={:o}", megabytes, mode);
  if (::mount("tmpfs", path.c_str(), "tmpfs", MS_NOEXEC | MS_NOSUID | MS_NODEV, options.c_str()) != 0 && errno != EPERM && errno != EACCES)
    return fail(system_error(errno, "mount a memory filesystem on " + path));
  return {};
}

// Mount points below `root`, deepest first.
std::vector<std::string> mounts_below(const std::string& root) {
  std::vector<std::string> out;
  std::ifstream file("/proc/self/mountinfo");
  std::string line;
  while (std::getline(file, line)) {
    auto words = split(line, ' ');
    if (words.size() < 5) continue;
    // Blanks in a path are written as \040.
    auto path = replace_all(words[4], "\\040", " ");
    if (path.starts_with(root + "/")) out.push_back(std::move(path));
  }
  std::sort(out.begin(), out.end(), [](auto& a, auto& b) { return a.size() > b.size(); });
  return out;
}

schema::alloc_file_info describe_file(std::string name, const struct stat& st) {
  schema::alloc_file_info info;
  info.name = std::move(name);
  info.is_dir = S_ISDIR(st.st_mode);
  info.size = st.st_size;
  info.file_mode = mode_text(st.st_mode);
  info.mod_time = timestamp(st.st_mtim.tv_sec * 1'000'000'000LL + st.st_mtim.tv_nsec);
  return info;
}
}  // namespace

task_dir alloc_dir::task(const std::string& name) const {
  auto root = root_ + "/" + name;
  return {.root = root, .local = root + "/local", .secrets = root + "/secrets", .private_ = root + "/private", .tmp = root + "/tmp", .shared = root + "/alloc"};
}

result<> alloc_dir::build() const {
  TRY(make_directories(root_));
  TRY(make_directory(shared(), 0777));
  TRY(make_directory(data(), 0777));
  TRY(make_directory(logs(), 0777));
  return make_directory(shared_tmp(), 01777);
}

result<> alloc_dir::build_task(const std::string& name, int64_t secrets_mb) const {
  auto dir = task(name);
  TRY(make_directory(dir.root, 0777));
  TRY(make_directory(dir.local, 0777));
  TRY(make_directory(dir.tmp, 01777));
  TRY(make_memory_directory(dir.secrets, 0777, secrets_mb > 0 ? secrets_mb : limits::secrets_megabytes));
  return make_memory_directory(dir.private_, 0700, limits::secrets_megabytes);
}

result<> alloc_dir::destroy() const {
  for (auto& mount : mounts_below(root_)) {
    if (::umount2(mount.c_str(), UMOUNT_NOFOLLOW) == 0) continue;
    if (::umount2(mount.c_str(), UMOUNT_NOFOLLOW | MNT_DETACH) != 0 && errno != EINVAL && errno != ENOENT) return fail(system_error(errno, "unmount " + mount));
  }
  std::error_code failed;
  std::filesystem::remove_all(root_, failed);
  if (failed) return fail(system_error(failed.value(), "remove " + root_));
  return {};
}

result<> alloc_dir::take_over(const alloc_dir& earlier, const std::vector<std::string>& tasks) const {
  auto move = [](const std::string& from, const std::string& to) -> result<> {
    std::error_code failed;
    if (!std::filesystem::exists(from, failed)) return {};
    std::filesystem::remove_all(to, failed);
    std::filesystem::create_directories(std::filesystem::path(to).parent_path(), failed);
    if (::rename(from.c_str(), to.c_str()) != 0) return fail(system_error(errno, "move " + from + " to " + to));
    return {};
  };
  TRY(move(earlier.data(), data()));
  for (auto& name : tasks) TRY(move(earlier.task(name).local, task(name).local));
  return {};
}

result<std::string> alloc_dir::resolve(const std::string& path) const {
  namespace fs = std::filesystem;
  std::error_code failed;
  auto root = fs::canonical(root_, failed);
  if (failed) return fail(errc::not_found, "the directory of the allocation is gone from this node");
  auto wanted = root / fs::path("/" + path).lexically_normal().relative_path();
  auto real = fs::canonical(wanted, failed);
  if (failed) return fail(errc::not_found, "file \"{}\" does not exist", path);
  auto below = real.lexically_relative(root);
  if (below.empty() || *below.begin() == "..") return fail(errc::permission_denied, "\"{}\" leads outside of the allocation directory", path);
  auto part = below.begin();
  if (part != below.end() && *part != "alloc" && *part != ".") {
    ++part;
    if (part != below.end() && (*part == "secrets" || *part == "private")) return fail(errc::permission_denied, "Reading secret file prohibited: {}", path);
  }
  return real.string();
}

result<std::vector<schema::alloc_file_info>> alloc_dir::list(const std::string& path) const {
  TRY_ASSIGN(auto real, resolve(path));
  std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(real.c_str()), &::closedir);
  if (!dir) return fail(system_error(errno, "list " + path));
  std::vector<schema::alloc_file_info> out;
  while (auto* entry = ::readdir(dir.get())) {
    std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat st{};
    // A file may go while we look.
    if (::fstatat(::dirfd(dir.get()), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (out.size() >= limits::list_entries_max) return fail(errc::too_large, "{} has more than {} entries", path, limits::list_entries_max);
    out.push_back(describe_file(std::move(name), st));
  }
  std::sort(out.begin(), out.end(), [](auto& a, auto& b) { return a.name < b.name; });
  return out;
}

result<schema::alloc_file_info> alloc_dir::stat(const std::string& path) const {
  TRY_ASSIGN(auto real, resolve(path));
  struct stat st{};
  if (::stat(real.c_str(), &st) != 0) return fail(system_error(errno, "look at " + path));
  return describe_file(std::filesystem::path(real).filename().string(), st);
}

std::string mode_text(unsigned mode) {
  std::string out;
  if (S_ISDIR(mode)) out += 'd';
  if (S_ISLNK(mode)) out += 'L';
  if (S_ISBLK(mode) || S_ISCHR(mode)) out += 'D';
  if (S_ISFIFO(mode)) out += 'p';
  if (S_ISSOCK(mode)) out += 'S';
  if (mode & S_ISUID) out += 'u';
  if (mode & S_ISGID) out += 'g';
  if (S_ISCHR(mode)) out += 'c';
  if (mode & S_ISVTX) out += 't';
  if (out.empty()) out = "-";
  for (int bit = 8; bit >= 0; --bit) out += (mode & (1u << bit)) ? "xwr"[bit % 3] : '-';
  return out;
}

}  // namespace drover::client
