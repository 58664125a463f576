#include "shim/isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "shim/util.h"

namespace drover::shim {
namespace {

constexpr unsigned long safe_flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

void fd_path(int fd, char* out, size_t size) { text_builder(out, size).add("/proc/self/fd/").add(fd); }

// Opens `path` below the directory `root`, making what is missing (the last part as a file when `directory` is false).
// Symbolic links are refused: the task may have left some in its directory the last time it ran, to have us mount or
// create somewhere else.
int open_below(int root, const char* path, bool directory, bool create) {
  int at = dup(root);
  while (at >= 0) {
    while (*path == '/') path++;
    if (!*path) return at;
    const char* end = strchrnul(path, '/');
    char name[256];
    if (static_cast<size_t>(end - path) >= sizeof name) {
      errno = ENAMETOOLONG;
      break;
    }
    memcpy(name, path, static_cast<size_t>(end - path));
    name[end - path] = 0;
    if (equal(name, "..")) {
      errno = EINVAL;
      break;
    }
    bool last = !*end;
    if (create && (!last || directory) && mkdirat(at, name, 0755) < 0 && errno != EEXIST) break;
    if (create && last && !directory) {
      int made = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
      if (made >= 0) close(made);
      if (made < 0 && errno != EEXIST) break;
    }
    int next = openat(at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC | (!last || directory ? O_DIRECTORY : 0));
    int error = errno;
    close(at);
    errno = error;
    at = next;
    path = end;
    struct stat info;
    if (at >= 0 && last && !directory && fstat(at, &info) == 0 && S_ISLNK(info.st_mode)) {
      errno = ELOOP;
      break;
    }
  }
  if (at < 0) return -1;
  int error = errno;
  close(at);
  errno = error;
  return -1;
}

bool mount_below(int root, const char* target, const char* type, unsigned long flags, const char* data, failure* f) {
  int fd = open_below(root, target, true, true);
  if (fd < 0) return fail(f, step_mount, target);
  char path[64];
  fd_path(fd, path, sizeof path);
  int rc = mount(type, path, type, flags, data);
  int error = errno;
  close(fd);
  errno = error;
  return rc == 0 || fail(f, step_mount, target);
}

// A copy of the mounts at `source` (relative to `base`), with `attributes`, on top of the open `target`.
bool attach_tree(int base, const char* source, int target, uint64_t attributes, uint64_t propagation = 0) {
  int tree = open_tree(base, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
  if (tree < 0) return false;
  mount_attr wanted = {};
  wanted.attr_set = attributes;
  wanted.propagation = propagation;
  bool ok = ((!attributes && !propagation) || mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &wanted, sizeof wanted) == 0) &&
            move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0;
  int error = errno;
  close(tree);
  errno = error;
  return ok;
}

bool mask(int root, const char* target, failure* f) {
  int fd = open_below(root, target, true, false);
  if (fd < 0) return errno == ENOENT || errno == ENOTDIR || errno == ELOOP || fail(f, step_mount, target);
  close(fd);
  return mount_below(root, target, "tmpfs", safe_flags | MS_RDONLY, "mode=000,size=4k", f);
}

bool mount_entry(int root, const char* entry, failure* f) {
  uint32_t flags;
  memcpy(&flags, entry, sizeof flags);
  const char* source = entry + sizeof flags;
  const char* target = source + strlen(source) + 1;
  if (flags & mount_mask) return mask(root, target, f);
  struct stat info;
  if (stat(source, &info) < 0) {
    if ((flags & mount_optional) && (errno == ENOENT || errno == ENOTDIR)) return true;
    return fail(f, step_mount, source);
  }
  int fd = open_below(root, target, S_ISDIR(info.st_mode), true);
  if (fd < 0) return fail(f, step_mount, target);
  uint64_t attributes = (flags & mount_read_only ? MOUNT_ATTR_RDONLY : 0) | (flags & mount_device ? 0 : MOUNT_ATTR_NODEV);
  bool ok = attach_tree(AT_FDCWD, source, fd, attributes, flags & mount_private ? MS_PRIVATE : 0);
  int error = errno;
  close(fd);
  errno = error;
  return ok || fail(f, step_mount, source);
}

// What root inside could use to change the host, or read of it, is made read-only or empty.
bool protect_proc(int root, failure* f) {
  static const char* const read_only[] = {"proc/sys", "proc/sysrq-trigger", "proc/irq", "proc/bus", "proc/fs"};
  static const char* const hidden[] = {"proc/kcore", "proc/keys", "proc/timer_list", "proc/sched_debug"};
  for (const char* path : read_only) {
    int fd = openat(root, path, O_PATH | O_CLOEXEC);
    if (fd < 0) continue;
    bool ok = attach_tree(root, path, fd, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    close(fd);
    if (!ok) return fail(f, step_mount, path);
  }
  for (const char* path : hidden) {
    int fd = openat(root, path, O_PATH | O_CLOEXEC);
    if (fd < 0) continue;
    bool ok = attach_tree(root, "dev/null", fd, 0);
    close(fd);
    if (!ok) return fail(f, step_mount, path);
  }
  return true;
}

bool make_devices(int root, failure* f) {
  static const struct {
    const char* name;
    unsigned major, minor;
  } nodes[] = {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};
  static const char* const links[][2] = {
      {"pts/ptmx", "ptmx"}, {"/proc/self/fd", "fd"}, {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"}, {"/proc/self/fd/2", "stderr"}};
  if (!mount_below(root, "dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=1m", f)) return false;
  int dev = openat(root, "dev", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (dev < 0) return fail(f, step_device, "/dev");
  bool ok = true;
  for (auto& node : nodes)
    if (ok && mknodat(dev, node.name, S_IFCHR | 0666, makedev(node.major, node.minor)) < 0) ok = fail(f, step_device, node.name);
  for (auto& link : links)
    if (ok && symlinkat(link[0], dev, link[1]) < 0) ok = fail(f, step_device, link[1]);
  close(dev);
  return ok && mount_below(root, "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5", f) &&
         mount_below(root, "dev/shm", "tmpfs", safe_flags, "mode=1777,size=64m", f);
}

bool enter_root(int root, failure* f) {
  if (fchdir(root) < 0) return fail(f, step_root, "chdir");
  if (syscall(SYS_pivot_root, ".", ".") == 0) {
    if (umount2(".", MNT_DETACH) < 0) return fail(f, step_root, "umount2");
  } else {
    // A system that runs from its initial ram disk has no root that could be swapped.
    if (errno != EINVAL) return fail(f, step_root, "pivot_root");
    if (mount(".", "/", nullptr, MS_MOVE, nullptr) < 0) return fail(f, step_root, "mount");
    if (chroot(".") < 0) return fail(f, step_root, "chroot");
  }
  return chdir("/") == 0 || fail(f, step_root, "chdir");
}

}  // namespace

bool fail(failure* f, uint32_t step, const char* detail) {
  f->step = step;
  f->error = errno;
  text_builder(f->detail, sizeof f->detail).add(detail);
  return false;
}

bool isolate(const config* c, failure* f) {
  if (unshare(CLONE_NEWNS | (c->namespaces & namespace_ipc ? CLONE_NEWIPC : 0)) < 0) return fail(f, step_namespaces, "unshare");
  // Slave, not private: an unmount on the host (at the end of the allocation) must reach us, or it would stay busy.
  if (mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) < 0) return fail(f, step_namespaces, "/");
  if (mount(c->root, c->root, nullptr, MS_BIND | MS_REC, nullptr) < 0) return fail(f, step_root, c->root);
  int root = open(c->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return fail(f, step_root, c->root);
  mode_t old_mask = umask(0);
  bool ok = mount_below(root, "proc", "proc", safe_flags, nullptr, f) && mount_below(root, "sys", "sysfs", safe_flags | MS_RDONLY, nullptr, f) &&
            make_devices(root, f) && protect_proc(root, f);
  for (uint32_t i = 0; ok && i < c->mounts.count; i++) ok = mount_entry(root, c->mounts.items[i], f);
  umask(old_mask);
  ok = ok && enter_root(root, f);
  close(root);
  return ok;
}

}  // namespace drover::shim
