// Starts, re-attaches to and controls shims: the one small supervisor process that stands beside each task and outlives
// the agent.
//
//   install_shim() once at agent start  ->  shim_handle::start(spec)  ->  handle->info() into the state database
//   agent restarts                      ->  shim_handle::attach(info) ->  events go on; an exit that nobody saw is
//   reported at once exited event handled and stored     ->  handle->shutdown()        ->  the shim kills what is left
//   of the task and ends
//
// Lifecycle: destroying a handle only closes the connection; the shim and its task run on. Only shutdown() ends a shim.
// Thread rule: every function of shim_handle may be called from any thread; requests take a short leaf lock and wait at
// most limits::request_timeout for the shim's answer (normally well below a millisecond). next_event() never blocks. No
// Asio here: event_fd() is a descriptor to wait on (readable while an event may be there).
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "client/exec/cgroup.h"
#include "client/exec/isolation.h"
#include "client/exec/stats.h"

namespace drover::exec {

// Where the task's output goes: <dir>/<task>.stdout.N and <dir>/<task>.stderr.N.
struct log_spec {
  std::string dir;
  std::string task;
  int max_files = 10;
  int64_t max_file_bytes = 10 * 1024 * 1024;
  // Output goes to /dev/null.
  bool disabled = false;
};

struct rlimit_spec {
  int resource = 0;  // RLIMIT_NOFILE ...
  uint64_t soft = 0;
  uint64_t hard = 0;
};

// The log of a docker container, which the shim follows itself instead of starting a process.
struct docker_log_spec {
  // dockerd's unix socket; the request, which lacks only since=; a file that remembers how far it is.
  std::string socket, target, position;
  // The container has a terminal.
  bool terminal = false;
};

// Everything about one task. Paths are absolute host paths unless said otherwise.
struct launch_spec {
  // "ALLOC/TASK", for messages only.
  std::string id;
  // From install_shim().
  std::string shim_path;
  // Exists, private to the agent, survives an agent restart; one per task. Holds the shim's socket and its state file.
  // Any length.
  std::string control_dir;

  // With a slash at its start: that file (inside the root when isolated). Otherwise it is looked for in search_dirs in
  // order, and, only when it has no slash at all, in the directories of env PATH (or the usual ones).
  std::string command;
  // Without the command itself.
  std::vector<std::string> args;
  // Usually {TASK/local, TASK} for raw_exec, {"/local", "/"} for exec.
  std::vector<std::string> search_dirs;
  std::map<std::string, std::string> env;
  // Inside the root when isolated. Empty: "/".
  std::string work_dir;
  // A name or a number, looked up on the host. Empty: the agent's user. Anything else needs root.
  std::string user;

  log_spec logs;
  // Set: no process is started, `command` and what is about it does not count.
  std::optional<docker_log_spec> docker_log;
  // nullopt: runs on the host (raw_exec). Needs root.
  std::optional<isolation_spec> isolation;
  // nullopt: capabilities are left as they are. Otherwise a set from resolve_capabilities().
  std::optional<capability_set> capabilities;
  bool no_new_privs = false;
  // Empty: the agent's. Otherwise a path such as /var/run/netns/NAME; the task and its exec sessions run inside.
  std::string network_namespace;
  std::vector<rlimit_spec> rlimits;
  std::optional<int> oom_score_adj;
  // From cgroup_manager::create(); an empty one runs the task without a cgroup.
  task_cgroup cgroup;
  // Directories of groups that are somebody else's and that the task joins, after its own. They must exist; they are neither emptied nor removed.
  std::vector<std::string> joined_cgroups;
  // From cgroup_manager::shim_cgroup(); keeps the shim out of the agent's own cgroup, which a service manager may kill.
  task_cgroup shim_cgroup;
};

// What a later agent needs to find the shim again. Small and plain: store it as text.
struct reattach_info {
  std::string control_dir;
  int shim_pid = 0;
  // Ticks since boot, field 22 of /proc/PID/stat: a pid alone may have been reused.
  uint64_t shim_start_ticks = 0;
  int task_pid = 0;
  uint64_t task_start_ticks = 0;
  task_cgroup cgroup;

  std::string serialise() const;
  static result<reattach_info> parse(std::string_view text);
};

struct exit_status {
  // 0 when a signal ended it.
  int code = 0;
  // 0 when it exited by itself.
  int signal = 0;
  bool oom_killed = false;
  timestamp finished;
};

struct event {
  enum class kind {
    exited,        // `exit` is filled; sent once on every attach after the exit, until shutdown()
    exec_exited,   // session `session` ended; `exit` is filled
    output_lost,   // log files could not be written: `bytes` dropped so far, `text` says why; the task runs on
    disconnected,  // the shim is gone or another agent took over (`text` says which): attach() again or find_exit()
  };
  event::kind kind = kind::disconnected;
  exit_status exit;
  uint32_t session = 0;
  uint64_t bytes = 0;
  std::string text;
};

struct exec_request {
  std::vector<std::string> argv;
  std::map<std::string, std::string> env;
  // Inside the root when isolated. Empty: the task's.
  std::string work_dir;
  bool tty = false;
  // With a tty.
  uint16_t rows = 24, columns = 80;
};

// A further process inside the task's namespaces, cgroup and user. The caller's event loop reads and writes the
// descriptors, which are non-blocking; its end comes as event exec_exited of the handle. Destroying closes the
// descriptors (the process sees end of input / SIGHUP).
class exec_session {
 public:
  exec_session() = default;
  exec_session(exec_session&&) noexcept;
  exec_session& operator=(exec_session&&) noexcept;
  ~exec_session();
  uint32_t id() const { return id_; }
  int pid() const { return pid_; }
  // The same descriptor three times (dup'ed) when it is a terminal, so that each can be closed by itself; -1 after a
  // close. A terminal has no separate stderr: -1.
  int stdin_fd() const { return fds_[0]; }
  int stdout_fd() const { return fds_[1]; }
  int stderr_fd() const { return fds_[2]; }
  // End of input. On a terminal: sends ^D.
  void close_stdin();
  // Only with a tty.
  result<> resize(uint16_t rows, uint16_t columns);

 private:
  friend class shim_handle;
  uint32_t id_ = 0;
  int pid_ = 0;
  bool tty_ = false;
  int fds_[3] = {-1, -1, -1};
};

class shim_handle {
 public:
  // Blocks until the task runs or could not be started (then nothing is left behind). The error says which step failed
  // and why: not_found when the command does not exist, permission_denied when it may not be executed.
  static result<std::unique_ptr<shim_handle>> start(const launch_spec& spec);
  // not_found: that shim is gone (see find_exit()). The exited event follows at once if the task has ended meanwhile.
  static result<std::unique_ptr<shim_handle>> attach(const reattach_info& info);
  // For a shim that is gone: the exit status that it wrote to disk before it ended, or nothing: the task was lost.
  // Kills what may be left of the task. Error exists when that shim still runs: nothing was done, attach() again.
  static result<std::optional<exit_status>> find_exit(const reattach_info& info);

  ~shim_handle();
  shim_handle(const shim_handle&) = delete;
  shim_handle& operator=(const shim_handle&) = delete;

  const reattach_info& info() const;
  int task_pid() const { return info().task_pid; }
  // Owned by the handle, level-triggered.
  int event_fd() const;
  std::optional<event> next_event();
  // Blocks; for tests and simple callers. Error timeout when nothing came.
  result<event> wait_event(duration limit);

  // To the task's main process. not_found once it has ended.
  result<> signal(int number);
  // SIGKILL to everything of the task; the exited event follows.
  result<> kill_tree();
  // A command that cannot be run is an error not_found (report 127) or permission_denied (report 126).
  result<exec_session> exec(const exec_request& request);
  // Signals the process group of a session.
  result<> signal_session(uint32_t session, int number);
  result<task_usage> stats() const;
  // New limits for a running task (an in-place update).
  result<> resize(const cgroup_limits& limits);
  // Kills what is left of the task, removes the cgroup and ends the shim. Call it after the exit status is stored; also
  // ends a task that still runs. The handle is of no use afterwards.
  result<> shutdown();

 private:
  struct state;
  explicit shim_handle(std::unique_ptr<state> s);
  std::unique_ptr<state> state_;
};

// Writes the supervisor program to <dir>/drover-shim-<hash> (0755, complete or not at all) unless it is there, and
// returns its path. An old agent's copy stays: its shims still run from it.
result<std::string> install_shim(const std::string& dir);

}  // namespace drover::exec
