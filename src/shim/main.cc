// drover-shim: stands beside one task and outlives the agent. Started by the agent's client/exec library only; see
// protocol.h.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/fifo_logs.h"
#include "shim/launch.h"
#include "shim/supervisor.h"
#include "shim/util.h"

namespace {

using namespace drover::shim;

[[noreturn]] void refuse(uint32_t step, int error, const char* detail) {
  supervisor nobody;
  nobody.connection = start_connection_fd;
  send_failure(&nobody, packet_failed, 0, step, error, detail);
  _exit(1);
}

supervisor self;

// Process 1 of a container that only holds a network namespace.
int hold() {
  signal(SIGTERM, [](int) { _exit(0); });
  signal(SIGINT, [](int) { _exit(0); });
  for (;;) pause();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && equal(argv[1], "--fifo-logs")) return collect_fifo_logs(argc, argv);
  if (argc > 1 && equal(argv[1], "--hold")) return hold();
  self.connection = start_connection_fd;
  if (fcntl(start_connection_fd, F_SETFD, FD_CLOEXEC) < 0) {
    static const char usage[] = "drover-shim is started by drover's client agent, for one task; it has no use on its own.\n";
    (void)!write(2, usage, sizeof usage - 1);
    return 2;
  }
  umask(022);
  if (!load_config(start_blob_fd, &self.task)) refuse(step_config, errno, "blob");
  if (!self.task.control_dir || (!self.task.candidates.count && !self.task.docker_log)) refuse(step_config, EINVAL, "blob");
  close_range(start_blob_fd, ~0u, 0);
  fcntl(start_connection_fd, F_SETFL, O_NONBLOCK);
  prctl(PR_SET_NAME, "drover-shim", 0, 0, 0);
  setsid();
  // Process 1 of the task's pid namespace: it reaps what the task leaves behind, and the kernel ends the task with it.
  if ((self.task.namespaces & namespace_pid) && unshare(CLONE_NEWPID) < 0) refuse(step_namespaces, errno, "unshare");
  // The process the agent waits for ends here; the supervisor has no parent that could take it along.
  bool inside = false;
  pid_t child = fork_into(self.task.shim_unified, &inside);
  if (child < 0) refuse(step_fork, errno, "fork");
  if (child > 0) _exit(0);
  if (self.task.shim_unified && !inside) join_cgroup(self.task.shim_unified);
  supervise(&self);
}
