#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "shim/supervisor.h"
#include "shim/util.h"

namespace drover::shim {
namespace {

// Reads "pid pid ..." and kills them. False when the file cannot be read.
bool kill_listed(const char* path) {
  char text[4096];
  ssize_t n = read_file(path, text, sizeof text);
  if (n < 0) return false;
  // A number that was cut off at the end of the buffer would be another process: the next round takes it.
  if (n == sizeof text - 1)
    while (n > 0 && text[n - 1] >= '0' && text[n - 1] <= '9') text[--n] = 0;
  for (const char* at = text; *at;) {
    const char* end;
    uint64_t pid = parse_number(at, &end);
    if (pid > 1) kill(static_cast<pid_t>(pid), SIGKILL);
    at = *end ? end + 1 : end;
  }
  return true;
}

bool freezer_write(const supervisor* s, const char* state) {
  char path[1024];
  text_builder(path, sizeof path).add(s->task.freezer_dir).add("/freezer.state");
  return write_file(path, state);
}

}  // namespace

void kill_descendants(const supervisor* s) {
  if (s->in_pid_namespace) {
    kill(-1, SIGKILL);  // everything in the namespace but process 1, which we are
    return;
  }
  kill_listed("/proc/thread-self/children");
}

void kill_everything(supervisor* s) {
  s->killing = true;
  bool by_cgroup = s->task.kill_file && write_file(s->task.kill_file, "1");
  if (!by_cgroup && s->task.freezer_dir && !s->in_pid_namespace) {
    // Frozen processes cannot fork while their list is read; the kill takes effect at the thaw.
    char path[1024];
    text_builder(path, sizeof path).add(s->task.freezer_dir).add("/cgroup.procs");
    freezer_write(s, "FROZEN");
    kill_listed(path);
    freezer_write(s, "THAWED");
  }
  kill_descendants(s);
}

}  // namespace drover::shim
