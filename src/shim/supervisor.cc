#include "shim/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/docker_logs.h"
#include "shim/launch.h"
#include "shim/pidfd.h"
#include "shim/util.h"

// From the linker: the program's first byte and the end of its code.
extern "C" char __executable_start[];
extern "C" char etext[];

namespace drover::shim {
namespace {

// How much of one stream is moved before the others get their turn.
constexpr uint64_t pump_bytes_max = 256 * 1024;

[[noreturn]] void give_up(supervisor* s, uint32_t step, int error, const char* detail) {
  if (s->listen_fd >= 0) unlink(socket_name);
  send_failure(s, packet_failed, 0, step, error, detail);
  _exit(1);
}

uint64_t oom_count(const supervisor* s) {
  char text[1024];
  if (!s->task.oom_file || read_file(s->task.oom_file, text, sizeof text) < 0) return 0;
  return number_after(text, "oom_kill");
}

// The supervisor must not be what the kernel kills for memory, nor be stopped by a signal meant for a session or a
// group.
void protect_self(supervisor* s) {
  char text[16];
  if (read_file("/proc/self/oom_score_adj", text, sizeof text) > 0)
    s->own_oom_score_adj =
        static_cast<int32_t>(text[0] == '-' ? -static_cast<int64_t>(parse_number(text + 1, nullptr)) : static_cast<int64_t>(parse_number(text, nullptr)));
  write_file("/proc/self/oom_score_adj", "-950");
  for (uint32_t i = 0; i < s->task.shim_cgroups.count; i++) write_file(s->task.shim_cgroups.items[i], "0");
  // Inside the task's pid namespace we can be seen; nothing of ours may be read there.
  if (s->in_pid_namespace) prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
}

// write_ends: null where nobody writes into pipes.
void open_streams(supervisor* s, int* write_ends) {
  static const char* const kinds[] = {"stdout", "stderr"};
  for (int i = 0; i < 2; i++) {
    log_stream* stream = &s->streams[i];
    stream->prefix = s->task.log_prefix;
    stream->kind = kinds[i];
    stream->files_max = s->task.log_files;
    stream->file_bytes_max = s->task.log_file_bytes;
    int ends[2];
    if (!log_open(stream)) give_up(s, step_logs, errno, s->task.log_prefix);
    if (!write_ends) continue;
    if (pipe2(ends, O_CLOEXEC) < 0) give_up(s, step_logs, errno, "pipe");
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    stream->pipe_fd = ends[0];
    write_ends[i] = ends[1];
  }
}

void start_task(supervisor* s) {
  launch_options o;
  o.task = o.what = &s->task;
  o.in = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (o.in < 0) give_up(s, step_logs, errno, "/dev/null");
  int ends[2] = {o.in, o.in};
  if (s->task.log_prefix) open_streams(s, ends);
  o.out = ends[0];
  o.err = ends[1];
  o.connection = s->connection;
  o.own_oom_score_adj = s->own_oom_score_adj;
  s->oom_before = oom_count(s);
  failure f;
  s->pid = launch(o, &f);
  if (s->pid < 0) give_up(s, f.step, f.error, f.detail);
  s->pid_fd = pidfd_open(s->pid, 0);
  close(o.in);
  if (ends[0] != o.in) close(ends[0]);
  if (ends[1] != o.in) close(ends[1]);
}

// The start has mapped much of the program that the loop never needs (mostly libc's own start), and the kernel maps 16
// pages around each one that is touched. Unmapped, what is needed comes back page by page: a tenth.
void forget_start() {
  auto first = reinterpret_cast<uintptr_t>(__executable_start) & ~4095ul;
  auto size = (reinterpret_cast<uintptr_t>(etext) - first + 4095) & ~4095ul;
  madvise(reinterpret_cast<void*>(first), size, MADV_RANDOM);
  madvise(reinterpret_cast<void*>(first), size, MADV_DONTNEED);
}

void write_exit_file(const supervisor* s) {
  char text[128];
  text_builder(text, sizeof text)
      .add("code=")
      .add(s->exit_code)
      .add(" signal=")
      .add(s->exit_signal)
      .add(" oom=")
      .add(s->oom_killed)
      .add(" finished=")
      .add(s->finished_ns)
      .add("\n");
  static const char temporary[] = "exit.new";
  int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return;
  bool ok = write(fd, text, strlen(text)) == static_cast<ssize_t>(strlen(text)) && fsync(fd) == 0;
  close(fd);
  if (!ok || rename(temporary, exit_name) < 0) return;
  int directory = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return;
  fsync(directory);
  close(directory);
}

// Told at the first loss and at the first after the files could be written again, not for every write.
void tell_loss(supervisor* s, int index, uint64_t lost_before) {
  log_stream* stream = &s->streams[index];
  if (stream->lost_total > lost_before && !s->noted_loss[index]) send_loss(s, *stream);
  s->noted_loss[index] = stream->lost_unnoted > 0;
}

void pump(supervisor* s, int index, bool drain) {
  log_stream* stream = &s->streams[index];
  uint64_t before = stream->lost_total;
  if (drain) log_drain(stream);
  else log_pump(stream, pump_bytes_max);
  tell_loss(s, index, before);
}

void task_ended(supervisor* s, int code, int signal) {
  s->ended = true;
  s->exit_code = code;
  s->exit_signal = signal;
  s->finished_ns = now_ns();
  // A shell whose child was killed for memory ends with 128 + SIGKILL.
  s->oom_killed = (s->exit_signal || s->exit_code) && oom_count(s) > s->oom_before;
  for (int i = 0; i < 2; i++) pump(s, i, true);  // whoever sees the exit finds all of the output
  // Told before it is on disk: a machine that crashes in between has lost the task either way.
  send_exited(s);
  write_exit_file(s);
}

void session_ended(supervisor* s, session* one, int status) {
  packet p = {};
  p.type = packet_session_exited;
  p.a = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
  p.b = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  p.c = now_ns();
  p.d = one->id;
  *one = session();
  send_packet(s, p);
}

// Our own children and the orphans below them. True when none is left.
bool reap(supervisor* s) {
  for (;;) {
    int status;
    pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid < 0 && errno == EINTR) continue;
    if (pid < 0) return true;
    if (pid == 0) break;
    if (pid == s->pid && !s->ended) task_ended(s, WIFEXITED(status) ? WEXITSTATUS(status) : 0, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    for (session& one : s->sessions)
      if (one.pid == pid) session_ended(s, &one, status);
  }
  if (s->killing) kill_descendants(s);
  return false;
}

void finish(supervisor* s) {
  for (int i = 0; i < 2; i++) pump(s, i, true);
  unlink(socket_name);
  send_failure(s, packet_reply, s->shutdown_id, step_none, 0, "");
  _exit(0);
}

}  // namespace

void store_output(supervisor* s, int index, const char* data, uint64_t size) {
  uint64_t before = s->streams[index].lost_total;
  log_store(&s->streams[index], data, size);
  tell_loss(s, index, before);
}

bool serve(supervisor* s, int fd, int timeout_ms) {
  pollfd fds[] = {{s->signal_fd, POLLIN, 0},
                  {s->listen_fd, POLLIN, 0},
                  {s->connection, POLLIN, 0},
                  {s->candidate, POLLIN, 0},
                  {s->streams[0].pipe_fd, POLLIN, 0},
                  {s->streams[1].pipe_fd, POLLIN, 0},
                  {fd, POLLIN, 0}};
  if (poll(fds, sizeof fds / sizeof fds[0], timeout_ms) < 0) return false;
  if (fds[0].revents) {
    signalfd_siginfo info[4];
    while (read(s->signal_fd, info, sizeof info) > 0) {
    }
  }
  for (int i = 0; i < 2; i++)
    if (fds[4 + i].revents) pump(s, i, false);
  bool childless = (fds[0].revents || s->shutting_down) && reap(s);
  if (s->shutting_down && childless) finish(s);
  if (fds[2].revents && s->connection == fds[2].fd) read_request(s);
  if (fds[3].revents && s->candidate == fds[3].fd) read_candidate(s);
  if (fds[1].revents) accept_connection(s);
  if (s->shutting_down && reap(s)) finish(s);
  return fds[6].revents != 0;
}

void supervise(supervisor* s) {
  s->in_pid_namespace = s->task.namespaces & namespace_pid;
  protect_self(s);
  packet hello = {};
  hello.type = packet_hello;
  hello.b = -1;
  send_packet(s, hello);
  if (chdir(s->task.control_dir) < 0) give_up(s, step_control_socket, errno, s->task.control_dir);
  unlink(exit_name);
  if (!open_control_socket(s)) give_up(s, step_control_socket, errno, s->task.control_dir);
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  s->signal_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  if (s->signal_fd < 0) give_up(s, step_fork, errno, "signalfd");
  if (s->task.docker_log) {
    if (s->task.arguments.count < 3 || !s->task.log_prefix) give_up(s, step_config, EINVAL, "docker log");
    open_streams(s, nullptr);
  } else {
    start_task(s);
  }
  send_started(s);
  forget_start();
  if (s->task.docker_log) {
    follow_docker_log(s);
    task_ended(s, 0, 0);
  }
  for (;;) serve(s, -1, -1);
}

}  // namespace drover::shim
