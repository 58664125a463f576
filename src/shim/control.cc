// The agent's side of the shim: connections, requests and what is told.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "shim/launch.h"
#include "shim/supervisor.h"
#include "shim/util.h"

namespace drover::shim {
namespace {

constexpr int passed_fds_max = 4;  // blob, stdin, stdout, stderr

struct incoming {
  packet p;
  int fds[passed_fds_max] = {-1, -1, -1, -1};
  int fd_count = 0;
};

void close_fd(int* fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

enum class received { packet, nothing, end };

// One packet with the descriptors that came along. `end` also for anything that is not a packet of ours.
received receive(int fd, incoming* in) {
  iovec part = {&in->p, sizeof in->p};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * passed_fds_max)];
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return received::nothing;
  if (n <= 0) return received::end;
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    int count = static_cast<int>((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    for (int i = 0; i < count && in->fd_count < passed_fds_max; i++)
      memcpy(&in->fds[in->fd_count++], CMSG_DATA(c) + sizeof(int) * static_cast<size_t>(i), sizeof(int));
  }
  if (n == sizeof in->p && in->p.magic == magic && !(message.msg_flags & MSG_TRUNC)) return received::packet;
  for (int& passed : in->fds) close_fd(&passed);
  return received::end;
}

// The agent that started an exec session is gone: nobody reads it, and nobody can end it any more.
void drop_connection(supervisor* s) {
  close_fd(&s->connection);
  for (session& one : s->sessions)
    if (one.pid) kill(-one.pid, SIGKILL);
}

void reply(supervisor* s, uint32_t id, int error) { send_failure(s, packet_reply, id, step_none, error, ""); }

session* find_session(supervisor* s, uint32_t id) {
  for (session& one : s->sessions)
    if (one.pid && one.id == id) return &one;
  return nullptr;
}

int send_signal(supervisor* s, int number, uint32_t id) {
  if (number < 0 || number >= NSIG) return EINVAL;
  if (id == 0) return s->ended || !s->pid ? ESRCH : kill(s->pid, number) < 0 ? errno : 0;
  session* one = find_session(s, id);
  return !one ? ESRCH : kill(-one->pid, number) < 0 ? errno : 0;
}

void start_session(supervisor* s, incoming* in) {
  session* place = nullptr;
  for (session& one : s->sessions)
    if (!one.pid) place = &one;
  if (s->ended || s->killing || !s->pid) return reply(s, in->p.id, ESRCH);
  if (!place) return reply(s, in->p.id, EUSERS);
  config what;
  if (in->fd_count != passed_fds_max || !load_config(in->fds[0], &what)) {
    free_config(&what);
    return reply(s, in->p.id, EBADMSG);
  }
  launch_options o;
  o.task = &s->task;
  o.what = &what;
  o.in = in->fds[1];
  o.out = in->fds[2];
  o.err = in->fds[3];
  o.terminal = in->p.a == 1;
  o.join = s->pid_fd;
  o.session = ++s->last_session;
  o.connection = s->connection;
  o.own_oom_score_adj = s->own_oom_score_adj;
  failure f;
  pid_t pid = launch(o, &f);
  free_config(&what);
  if (pid < 0) return send_failure(s, packet_reply, in->p.id, f.step, f.error, f.detail);
  place->pid = pid;
  place->id = o.session;
  packet p = {};
  p.type = packet_session_started;
  p.id = in->p.id;
  p.a = pid;
  p.b = o.session;
  send_packet(s, p);
}

void handle(supervisor* s, incoming* in) {
  switch (in->p.type) {
    case packet_attach: send_started(s); break;
    case packet_signal: reply(s, in->p.id, send_signal(s, in->p.a, static_cast<uint32_t>(in->p.b))); break;
    case packet_kill_tree:
      kill_everything(s);
      reply(s, in->p.id, 0);
      break;
    case packet_exec: start_session(s, in); break;
    case packet_shutdown:
      s->shutting_down = true;
      s->shutdown_id = in->p.id;
      kill_everything(s);
      break;
    default: reply(s, in->p.id, ENOSYS); break;
  }
  for (int& fd : in->fds) close_fd(&fd);
}

}  // namespace

void send_packet(supervisor* s, packet p) {
  if (s->connection < 0) return;
  p.magic = magic;
  // An agent that lets its socket fill up is treated as gone. It attaches again, and what matters is said again then.
  if (send(s->connection, &p, sizeof p, MSG_DONTWAIT | MSG_NOSIGNAL) != sizeof p) drop_connection(s);
}

void send_failure(supervisor* s, uint32_t type, uint32_t id, uint32_t step, int error, const char* detail) {
  packet p = {};
  p.type = type;
  p.id = id;
  p.a = error;
  p.b = step;
  text_builder(p.text, sizeof p.text).add(detail);
  send_packet(s, p);
}

// Carries the task's credentials where the kernel lets us, so that an agent in another pid namespace learns the pid as
// it sees it.
void send_started(supervisor* s) {
  if (s->connection < 0) return;
  packet p = {};
  p.magic = magic;
  p.type = packet_started;
  p.a = s->pid ? s->pid : getpid();
  p.b = s->in_pid_namespace ? started_in_pid_namespace : 0;
  iovec part = {&p, sizeof p};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))];
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* c = CMSG_FIRSTHDR(&message);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_CREDENTIALS;
  c->cmsg_len = CMSG_LEN(sizeof(ucred));
  ucred who = {p.a, getuid(), getgid()};
  memcpy(CMSG_DATA(c), &who, sizeof who);
  if (s->ended || sendmsg(s->connection, &message, MSG_DONTWAIT | MSG_NOSIGNAL) != sizeof p) send_packet(s, p);
}

void send_exited(supervisor* s) {
  packet p = {};
  p.type = packet_exited;
  p.a = s->exit_code;
  p.b = s->exit_signal;
  p.c = s->finished_ns;
  p.d = s->oom_killed;
  send_packet(s, p);
}

void send_loss(supervisor* s, const log_stream& stream) {
  packet p = {};
  p.type = packet_output_lost;
  p.a = stream.lost_errno;
  p.b = static_cast<int64_t>(stream.lost_total);
  send_packet(s, p);
}

bool open_control_socket(supervisor* s) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  // Relative: the working directory is the control directory, whose path may be too long for an address.
  text_builder(address.sun_path, sizeof address.sun_path).add(socket_name);
  unlink(socket_name);
  s->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (s->listen_fd < 0) return false;
  mode_t old_mask = umask(0177);
  bool ok = bind(s->listen_fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 && listen(s->listen_fd, 4) == 0;
  umask(old_mask);
  return ok;
}

void accept_connection(supervisor* s) {
  int fd = accept4(s->listen_fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || (peer.uid != 0 && peer.uid != getuid())) {
    close(fd);
    return;
  }
  close_fd(&s->candidate);
  s->candidate = fd;
}

// The agent that is attached stays until the new one has shown that it speaks our language.
void read_candidate(supervisor* s) {
  incoming in;
  received what = receive(s->candidate, &in);
  if (what == received::nothing) return;
  for (int& fd : in.fds) close_fd(&fd);
  if (what == received::end || in.p.type != packet_attach) return close_fd(&s->candidate);
  packet goodbye = {};
  goodbye.type = packet_superseded;
  send_packet(s, goodbye);
  if (s->connection >= 0) drop_connection(s);
  s->connection = s->candidate;
  s->candidate = -1;
  send_started(s);
  for (const log_stream& stream : s->streams)
    if (stream.lost_total) send_loss(s, stream);
  if (s->ended) send_exited(s);
}

void read_request(supervisor* s) {
  incoming in;
  switch (receive(s->connection, &in)) {
    case received::packet: return handle(s, &in);
    case received::end: return drop_connection(s);
    case received::nothing: return;
  }
}

}  // namespace drover::shim
