// Starts the task's main process and the processes of exec sessions.
#pragma once

#include <sys/types.h>

#include "shim/config.h"
#include "shim/isolate.h"

namespace drover::shim {

struct launch_options {
  // The task's config: cgroup, user, capabilities, root. `what` says what to run: the same one, or an exec session's.
  const config* task = nullptr;
  const config* what = nullptr;
  int in = -1, out = -1, err = -1;
  bool terminal = false;
  // -1: the main process. Otherwise a pidfd of the main process, whose namespaces are joined.
  int join = -1;
  uint32_t session = 0;
  // Gets a packet_hello; -1: nobody listens.
  int connection = -1;
  int32_t own_oom_score_adj = 0;
};

// fork() straight into a v2 cgroup; an ordinary fork where `directory` is null. `*inside` says whether the child is
// there already: a kernel that cannot do it leaves the joining to the child.
pid_t fork_into(const char* directory, bool* inside);
// Moves the calling process into a cgroup directory.
bool join_cgroup(const char* directory);

// Forks and waits until the child runs its program or could not. The pid, or -1 and `f`; the child is reaped then.
pid_t launch(const launch_options& o, failure* f);

}  // namespace drover::shim
