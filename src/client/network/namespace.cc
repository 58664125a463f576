#include "client/network/namespace.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "client/system.h"

namespace drover::client {

namespace {
// A thread's namespace can be changed, but not surely be changed back: each such thread ends.
result<> on_own_thread(const std::function<result<>()>& function) {
  result<> outcome;
  std::thread([&] { outcome = function(); }).join();
  return outcome;
}

// Mounts below reach others, and theirs us, as with `ip netns`.
result<> share_directory() {
  TRY(make_directories(namespace_directory, 0755));
  if (::mount("", namespace_directory, "none", MS_SHARED | MS_REC, nullptr) == 0) return {};
  if (errno != EINVAL) return fail(system_error(errno, std::string("sharing ") + namespace_directory));
  if (::mount(namespace_directory, namespace_directory, "none", MS_BIND | MS_REC, nullptr) != 0)
    return fail(system_error(errno, std::string("mounting ") + namespace_directory));
  if (::mount("", namespace_directory, "none", MS_SHARED | MS_REC, nullptr) != 0)
    return fail(system_error(errno, std::string("sharing ") + namespace_directory));
  return {};
}
}  // namespace

bool is_namespace(const std::string& path) {
  struct statfs info;
  return ::statfs(path.c_str(), &info) == 0 && static_cast<unsigned long>(info.f_type) == NSFS_MAGIC;
}

result<> make_namespace(const std::string& path) {
  if (is_namespace(path)) return {};
  if (path.starts_with(namespace_directory)) TRY(share_directory());
  int fd = ::open(path.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0444);
  if (fd < 0) return fail(system_error(errno, "making " + path));
  ::close(fd);
  return on_own_thread([&]() -> result<> {
    if (::unshare(CLONE_NEWNET) != 0) return fail(system_error(errno, "making a network namespace"));
    auto own = "/proc/self/task/" + std::to_string(::gettid()) + "/ns/net";
    if (::mount(own.c_str(), path.c_str(), "none", MS_BIND, nullptr) != 0) return fail(system_error(errno, "mounting a network namespace at " + path));
    return {};
  });
}

result<> remove_namespace(const std::string& path) {
  // As often as it is mounted; EINVAL: it is not.
  while (::umount2(path.c_str(), MNT_DETACH) == 0) {
  }
  if (errno != EINVAL && errno != ENOENT) return fail(system_error(errno, "unmounting " + path));
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail(system_error(errno, "removing " + path));
  return {};
}

result<> run_in_namespace(const std::string& path, const std::function<result<>()>& function) {
  return on_own_thread([&]() -> result<> {
    int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail(system_error(errno, "opening network namespace " + path));
    int rc = ::setns(fd, CLONE_NEWNET);
    int number = errno;
    ::close(fd);
    if (rc != 0) return fail(system_error(number, "entering network namespace " + path));
    return function();
  });
}

}  // namespace drover::client
