#include "shim/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/util.h"

namespace drover::shim {
namespace {

// By system call: glibc keeps two signals for itself and refuses to touch them, and we may have inherited them ignored.
void reset_signals() {
  struct {
    void* handler;
    unsigned long flags;
    void* restorer;
    uint64_t mask;
  } standard = {};
  for (int number = 1; number < NSIG; number++) syscall(SYS_rt_sigaction, number, &standard, nullptr, sizeof standard.mask);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

bool connect_streams(const launch_options& o, failure* f) {
  if (dup2(o.in, 0) < 0 || dup2(o.out, 1) < 0 || dup2(o.err, 2) < 0) return fail(f, step_fork, "dup2");
  setsid();
  if (o.terminal && ioctl(0, TIOCSCTTY, 0) < 0) return fail(f, step_terminal, "TIOCSCTTY");
  return true;
}

bool join_cgroups(const config* c, bool inside, failure* f) {
  if (c->task_unified && !inside && !join_cgroup(c->task_unified)) return fail(f, step_cgroup, c->task_unified);
  for (uint32_t i = 0; i < c->task_cgroups.count; i++)
    if (!write_file(c->task_cgroups.items[i], "0")) return fail(f, step_cgroup, c->task_cgroups.items[i]);
  return true;
}

void say_hello(const launch_options& o) {
  if (o.connection < 0) return;
  packet p = {};
  p.magic = magic;
  p.type = packet_hello;
  p.b = o.session;
  send(o.connection, &p, sizeof p, MSG_NOSIGNAL | MSG_DONTWAIT);
}

bool set_oom_score(const launch_options& o, failure* f) {
  char text[16];
  text_builder(text, sizeof text).add(o.task->has_oom_score_adj ? o.task->oom_score_adj : o.own_oom_score_adj);
  if (write_file("/proc/self/oom_score_adj", text)) return true;
  return !o.task->has_oom_score_adj || fail(f, step_oom_score, text);
}

bool enter_namespaces(const launch_options& o, failure* f) {
  const config* c = o.task;
  if (o.join >= 0) {
    int types = (c->root ? CLONE_NEWNS : 0) | (c->root && c->namespaces & namespace_ipc ? CLONE_NEWIPC : 0) | (c->network_namespace ? CLONE_NEWNET : 0);
    return !types || setns(o.join, types) == 0 || fail(f, step_namespaces, "setns");
  }
  if (c->network_namespace) {
    int fd = open(c->network_namespace, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNET) < 0) return fail(f, step_network_namespace, c->network_namespace);
    close(fd);
  }
  return !c->root || isolate(c, f);
}

bool set_limits(const config* c, failure* f) {
  for (uint32_t i = 0; i < c->rlimits.count; i++) {
    auto numbers = reinterpret_cast<const uint64_t*>(c->rlimits.items[i]);
    rlimit limit = {numbers[1], numbers[2]};
    if (setrlimit(static_cast<__rlimit_resource>(numbers[0]), &limit) < 0) return fail(f, step_rlimit, "setrlimit");
  }
  return true;
}

bool drop_bounding(const config* c, failure* f) {
  if (!c->has_capabilities) return true;
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  for (int cap = 0; cap < 64; cap++) {
    int held = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
    if (held < 0) break;
    if (held && !(c->capabilities_bounding >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) return fail(f, step_capabilities, "bounding set");
  }
  return true;
}

// For a user other than root the kernel empties the effective set; ambient capabilities are what survives execve.
bool raise_ambient(uint64_t wanted, failure* f) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  for (int word = 0; word < 2; word++) data[word].effective = data[word].permitted = data[word].inheritable = static_cast<uint32_t>(wanted >> (32 * word));
  if (syscall(SYS_capset, &header, data) < 0) return fail(f, step_capabilities, "capset");
  for (int cap = 0; cap < 64; cap++)
    if ((wanted >> cap & 1) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0) return fail(f, step_capabilities, "ambient set");
  return true;
}

bool become_user(const config* c, bool terminal, failure* f) {
  uint64_t ambient = c->has_capabilities ? c->capabilities_ambient & c->capabilities_bounding : 0;
  bool keep = c->has_ids && c->uid != 0 && ambient;
  if (keep) prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
  if (c->has_ids) {
    // The streams are ours; a program that opens /dev/stdout needs them to be its own.
    struct stat info;
    for (int fd = 0; fd < 3; fd++)
      if (fstat(fd, &info) == 0 && (S_ISFIFO(info.st_mode) || terminal)) (void)!fchown(fd, c->uid, static_cast<gid_t>(-1));
    static_assert(sizeof(gid_t) == sizeof(uint32_t));
    if (setgroups(c->group_count, c->groups) < 0) return fail(f, step_user, "setgroups");
    if (setresgid(c->gid, c->gid, c->gid) < 0) return fail(f, step_user, "setresgid");
    if (setresuid(c->uid, c->uid, c->uid) < 0) return fail(f, step_user, "setresuid");
  }
  if (keep && !raise_ambient(ambient, f)) return false;
  if (c->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return fail(f, step_capabilities, "no_new_privs");
  return true;
}

// The error that says most: that of a file which exists wins over "no such file".
bool run(const config* c, failure* f) {
  f->step = step_exec;
  f->error = ENOENT;
  text_builder(f->detail, sizeof f->detail).add(c->command_name ? c->command_name : "");
  for (uint32_t i = 0; i < c->candidates.count; i++) {
    const char* path = c->candidates.items[i];
    c->arguments.items[0] = path;
    execve(path, const_cast<char* const*>(c->arguments.items), const_cast<char* const*>(c->environment.items));
    if (errno == ENOTDIR) continue;
    struct stat info;
    if (errno == ENOENT) {
      if (stat(path, &info) < 0) continue;
      errno = ENOEXEC;  // the file is there: what its first line or its loader names is not
      f->step = step_exec;
      f->error = ENOENT;
      text_builder(f->detail, sizeof f->detail).add("interpreter of ").add(path);
      return false;
    }
    if (f->error != ENOENT) continue;
    if (errno == EACCES && stat(path, &info) == 0 && S_ISDIR(info.st_mode)) errno = EISDIR;
    f->error = errno;
    text_builder(f->detail, sizeof f->detail).add(path);
  }
  return false;
}

bool become_task(const launch_options& o, pid_t parent, bool inside, failure* f) {
  reset_signals();
  if (!connect_streams(o, f) || !join_cgroups(o.task, inside, f)) return false;
  say_hello(o);
  if (!set_oom_score(o, f) || !enter_namespaces(o, f) || !set_limits(o.task, f) || !drop_bounding(o.task, f) || !become_user(o.task, o.terminal, f))
    return false;
  const char* directory = o.what->work_dir ? o.what->work_dir : o.task->work_dir ? o.task->work_dir : "/";
  if (chdir(directory) < 0) return fail(f, step_work_dir, directory);
  // Cleared by the change of user, so last. A parent that has ended already sends nothing any more.
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid() != parent) _exit(1);
  return run(o.what, f);
}

}  // namespace

bool join_cgroup(const char* directory) {
  char path[1024];
  text_builder(path, sizeof path).add(directory).add("/cgroup.procs");
  return write_file(path, "0");
}

pid_t fork_into(const char* directory, bool* inside) {
  *inside = false;
  int fd = directory ? open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
  if (fd < 0) return fork();
  clone_args wanted = {};
  wanted.flags = CLONE_INTO_CGROUP;
  wanted.exit_signal = SIGCHLD;
  wanted.cgroup = static_cast<uint64_t>(fd);
  *inside = true;
  auto child = static_cast<pid_t>(syscall(SYS_clone3, &wanted, sizeof wanted));
  if (child == 0) return 0;
  close(fd);
  if (child > 0) return child;
  *inside = false;
  return fork();
}

pid_t launch(const launch_options& o, failure* f) {
  int report[2];
  if (pipe2(report, O_CLOEXEC) < 0) {
    fail(f, step_fork, "pipe");
    return -1;
  }
  pid_t self = getpid();
  bool inside = false;
  pid_t child = fork_into(o.task->task_unified, &inside);
  if (child == 0) {
    become_task(o, self, inside, f);
    while (write(report[1], f, sizeof *f) < 0 && errno == EINTR) {
    }
    _exit(1);
  }
  int fork_error = errno;
  close(report[1]);
  ssize_t n = 0;
  if (child > 0) {
    while ((n = read(report[0], f, sizeof *f)) < 0 && errno == EINTR) {
    }
  }
  close(report[0]);
  if (child < 0) {
    errno = fork_error;
    fail(f, step_fork, "fork");
    return -1;
  }
  if (n <= 0) return child;  // the write end closed itself at execve
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return -1;
}

}  // namespace drover::shim
