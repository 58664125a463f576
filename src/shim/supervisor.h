// The shim itself: one task, one thread, one poll loop.
//
// Lifecycle: start (task running or reported as failed) -> loop: logs, control connection, child exits -> the task has
// ended: its exit is written to disk and told to whoever is attached, now or later -> packet_shutdown: everything is
// killed and the process ends.
#pragma once

#include <sys/types.h>

#include "shim/config.h"
#include "shim/log_pump.h"

namespace drover::shim {

struct session {
  pid_t pid = 0;  // 0: free
  uint32_t id = 0;
};

struct supervisor {
  config task;
  log_stream streams[2];  // stdout, stderr
  bool noted_loss[2] = {};

  int signal_fd = -1;
  int listen_fd = -1;
  int connection = -1;  // the agent
  int candidate = -1;   // connected, has not said attach yet

  pid_t pid = 0;  // 0: there is no task process
  int pid_fd = -1;
  bool ended = false;
  int32_t exit_code = 0, exit_signal = 0;
  int64_t finished_ns = 0;
  bool oom_killed = false;
  uint64_t oom_before = 0;

  session sessions[sessions_max];
  uint32_t last_session = 0;

  bool in_pid_namespace = false;
  bool killing = false;  // children that turn up are killed too
  bool shutting_down = false;
  uint32_t shutdown_id = 0;
  int32_t own_oom_score_adj = 0;
};

// Does not return: ends the process when shut down, or when the task could not be started.
[[noreturn]] void supervise(supervisor* s);

// Waits at most `timeout_ms` (-1: for ever) until something is there, and does it. True: `fd` is readable.
bool serve(supervisor* s, int fd, int timeout_ms);
// To the files of stream 0 or 1; the agent hears of a loss.
void store_output(supervisor* s, int index, const char* data, uint64_t size);

// kill.cc: SIGKILL to every process of the task, however deep; reap() carries on while s->killing.
void kill_everything(supervisor* s);
// Kills the shim's present children. Called again for the orphans that the kernel then hands to us, it reaches all
// descendants.
void kill_descendants(const supervisor* s);

// control.cc
bool open_control_socket(supervisor* s);
// After poll said so: a new connection, its first packet, a request. They may close descriptors.
void accept_connection(supervisor* s);
void read_candidate(supervisor* s);
void read_request(supervisor* s);
void send_packet(supervisor* s, packet p);
void send_failure(supervisor* s, uint32_t type, uint32_t id, uint32_t step, int error, const char* detail);
void send_started(supervisor* s);
void send_exited(supervisor* s);
void send_loss(supervisor* s, const log_stream& stream);

}  // namespace drover::shim
