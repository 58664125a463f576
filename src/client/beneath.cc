#include "client/beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>

#include "client/system.h"

namespace drover::client {

namespace {
namespace fs = std::filesystem;

result<> write_all(int fd, std::string_view text, const std::string& name) {
  while (!text.empty()) {
    auto n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error(errno, "write " + name));
    text.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}
}  // namespace

descriptor::~descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

// Mounts are crossed: a task's directories in memory are some.
result<descriptor> open_beneath(int root, const std::string& path, int flags, bool no_links) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  if (flags & O_CREAT) how.mode = 0600;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | (no_links ? RESOLVE_NO_SYMLINKS : 0);
  auto fd = static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how));
  if (fd < 0 && errno == EXDEV) return fail(errc::invalid, "\"{}\" leads outside of its directory", path);
  if (fd < 0) return fail(system_error(errno, "open " + path));
  return descriptor(fd);
}

result<descriptor> open_directory(const std::string& root) {
  int fd = ::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return fail(system_error(errno, "open " + root));
  return descriptor(fd);
}

result<descriptor> open_parent_beneath(int root, const std::string& path, bool no_links) {
  TRY_ASSIGN(auto at, open_beneath(root, ".", O_RDONLY | O_DIRECTORY));
  fs::path done;
  for (auto& part : fs::path(path).parent_path()) {
    done /= part;
    if (::mkdirat(at.get(), part.c_str(), 0777) != 0 && errno != EEXIST) return fail(system_error(errno, "create " + done.string()));
    TRY_ASSIGN(at, open_beneath(root, done.string(), O_RDONLY | O_DIRECTORY, no_links));
  }
  return at;
}

result<std::string> read_beneath(const std::string& root, const std::string& path, size_t bytes_max) {
  TRY_ASSIGN(auto top, open_directory(root));
  TRY_ASSIGN(auto file, open_beneath(top.get(), path, O_RDONLY | O_NONBLOCK));
  struct stat facts{};
  if (::fstat(file.get(), &facts) != 0) return fail(system_error(errno, "look at " + path));
  if (!S_ISREG(facts.st_mode)) return fail(errc::invalid, "\"{}\" is no regular file", path);
  std::string out;
  char buffer[65536];
  for (;;) {
    auto n = ::read(file.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error(errno, "read " + path));
    if (n == 0) return out;
    out.append(buffer, static_cast<size_t>(n));
    if (out.size() > bytes_max) return fail(errc::too_large, "\"{}\" is larger than {} bytes", path, bytes_max);
  }
}

result<> write_beneath(const std::string& root, const std::string& path, std::string_view text, new_file how) {
  TRY_ASSIGN(auto top, open_directory(root));
  auto wanted = fs::path(path).lexically_normal();
  TRY_ASSIGN(auto parent, open_parent_beneath(top.get(), wanted.string()));
  auto name = wanted.filename().string();
  if (name.empty() || name == "." || name == "..") return fail(errc::invalid, "\"{}\" names no file", path);
  auto temporary = "." + name + "." + new_uuid().substr(0, 8);
  descriptor file(::openat(parent.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file.get() < 0) return fail(system_error(errno, "create " + path));
  auto done = write_all(file.get(), text, path);
  if (done && (how.uid >= 0 || how.gid >= 0) && ::fchown(file.get(), static_cast<uid_t>(how.uid), static_cast<gid_t>(how.gid)) != 0)
    done = fail(system_error(errno, "change the owner of " + path));
  if (done && ::fchmod(file.get(), how.mode) != 0) done = fail(system_error(errno, "change the permissions of " + path));
  if (done && ::renameat(parent.get(), temporary.c_str(), parent.get(), name.c_str()) != 0) done = fail(system_error(errno, "replace " + path));
  if (!done) ::unlinkat(parent.get(), temporary.c_str(), 0);
  return done;
}

}  // namespace drover::client
