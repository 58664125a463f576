#include "client/exec/executor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <mutex>

#include "base/ensure.h"
#include "base/text.h"
#include "client/exec/blob.h"
#include "client/exec/connection.h"
#include "client/exec/exec_io.h"
#include "client/exec/files.h"
#include "client/exec/limits.h"
#include "shim/pidfd.h"

namespace drover::exec {
namespace {

int64_t deadline_in(duration d) { return steady_ns() + d.ns; }

// Descriptors 3 and 4 are where the shim looks; ours must not be in the way while they are put there.
result<unique_fd> out_of_the_way(const unique_fd& fd) {
  unique_fd high(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 16));
  if (!high) return fail(system_error(errno, "dup"));
  return high;
}

// Runs the program; its first process forks the supervisor and ends, which this waits for.
result<> spawn_shim(const launch_spec& spec, const unique_fd& connection_end, const unique_fd& blob) {
  TRY_ASSIGN(auto socket, out_of_the_way(connection_end));
  TRY_ASSIGN(auto memory, out_of_the_way(blob));
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  for (int fd = 0; fd < 3; fd++) posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
  posix_spawn_file_actions_adddup2(&files, socket.get(), shim::start_connection_fd);
  posix_spawn_file_actions_adddup2(&files, memory.get(), shim::start_blob_fd);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::string name = "drover-shim", id = spec.id;
  char* argv[] = {name.data(), id.data(), nullptr};
  char* env[] = {nullptr};
  pid_t pid = 0;
  int rc = ::posix_spawn(&pid, spec.shim_path.c_str(), &files, &attributes, argv, env);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (rc != 0) return fail(system_error(rc, "task " + spec.id + ": starting its supervisor " + spec.shim_path));
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return {};
}

std::string field(std::string_view key, std::string_view value) { return fmt::format("{}={}\n", key, value); }

exit_status exit_of(const shim::packet& p, bool oom_killed) { return {p.a, static_cast<int>(p.b), oom_killed, timestamp(p.c)}; }

error reply_error(int number, std::string_view what) {
  if (number == ESRCH) return error(errc::not_found, fmt::format("{}: the process has ended", what));
  return system_error(number, what);
}

// A pidfd, or nothing when that process has ended (its number may have been given to another one).
unique_fd open_process(int pid, uint64_t start_ticks) {
  unique_fd fd(pid > 0 ? ::pidfd_open(pid, 0) : -1);
  return fd && process_start_ticks(pid) == start_ticks ? std::move(fd) : unique_fd();
}

bool wait_gone(const unique_fd& process, int64_t deadline) {
  for (int64_t left_ms; process && (left_ms = (deadline - steady_ns()) / 1'000'000) > 0;) {
    pollfd waiting{process.get(), POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(left_ms)) == 1) return true;
  }
  return !process;
}

// "key=value" words of the exit file.
result<exit_status> parse_exit(std::string_view text) {
  exit_status status;
  int seen = 0;
  for (auto word : split(trim(text), ' ')) {
    size_t equals = word.find('=');
    auto number = equals == word.npos ? std::nullopt : parse_int(word.substr(equals + 1));
    if (!number) return fail(errc::corrupt, "exit file: \"{}\" is not KEY=NUMBER", word);
    auto key = word.substr(0, equals);
    if (key == "code") status.code = static_cast<int>(*number), seen++;
    if (key == "signal") status.signal = static_cast<int>(*number), seen++;
    if (key == "oom") status.oom_killed = *number != 0;
    if (key == "finished") status.finished = timestamp(*number);
  }
  if (seen < 2) return fail(errc::corrupt, "exit file: \"{}\" names no code and signal", trim(text));
  return status;
}

}  // namespace

std::string reattach_info::serialise() const {
  std::string text = field("control_dir", control_dir) + field("shim_pid", std::to_string(shim_pid)) + field("shim_start", std::to_string(shim_start_ticks)) +
                     field("task_pid", std::to_string(task_pid)) + field("task_start", std::to_string(task_start_ticks));
  for (auto line : split(cgroup.serialise(), '\n'))
    if (!line.empty()) text += fmt::format("cgroup.{}\n", line);
  return text;
}

result<reattach_info> reattach_info::parse(std::string_view text) {
  reattach_info info;
  std::string group;
  for (auto line : split(text, '\n')) {
    if (line.empty()) continue;
    size_t equals = line.find('=');
    if (equals == line.npos) return fail(errc::corrupt, "stored task handle: line \"{}\" is not KEY=VALUE", line);
    auto key = line.substr(0, equals), value = line.substr(equals + 1);
    if (key.starts_with("cgroup.")) group += std::string(line.substr(7)) + "\n";
    if (key == "control_dir") info.control_dir = value;
    if (key == "shim_pid") info.shim_pid = static_cast<int>(parse_int(value).value_or(0));
    if (key == "task_pid") info.task_pid = static_cast<int>(parse_int(value).value_or(0));
    if (key == "shim_start") info.shim_start_ticks = parse_uint(value).value_or(0);
    if (key == "task_start") info.task_start_ticks = parse_uint(value).value_or(0);
  }
  if (info.control_dir.empty()) return fail(errc::corrupt, "stored task handle: control_dir is missing");
  TRY_ASSIGN(info.cgroup, task_cgroup::parse(group));
  return info;
}

struct shim_handle::state {
  mutable std::mutex lock;  // leaf: held while a request waits for its answer
  reattach_info info;
  std::string id;
  connection link;
  unique_fd events, wake;
  std::deque<event> queue;
  std::map<uint32_t, int> session_pids;
  uint32_t last_request = 0;

  result<> open_events();
  void push(event e);
  void disconnected(std::string why);
  void take(const received_packet& got);
  result<received_packet> request(shim::packet p, duration limit, const std::vector<int>& fds = {});
  // An answer that is only an errno.
  result<> simple_request(shim::packet p, std::string_view what);
  result<> collect_start();
};

result<> shim_handle::state::open_events() {
  events = unique_fd(::epoll_create1(EPOLL_CLOEXEC));
  wake = unique_fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!events || !wake) return fail(system_error(errno, "epoll_create1"));
  for (int fd : {link.fd(), wake.get()}) {
    epoll_event want{};
    want.events = EPOLLIN;
    if (::epoll_ctl(events.get(), EPOLL_CTL_ADD, fd, &want) < 0) return fail(system_error(errno, "epoll_ctl"));
  }
  return {};
}

// Events are few (an exit, the end of sessions); one that is dropped at the limit is said again at the next attach.
void shim_handle::state::push(event e) {
  if (queue.size() >= limits::events_queued_max) return;
  queue.push_back(std::move(e));
  (void)::eventfd_write(wake.get(), 1);
}

void shim_handle::state::disconnected(std::string why) {
  if (link.fd() < 0) return;
  link.close();
  event e;
  e.kind = event::kind::disconnected;
  e.text = std::move(why);
  push(std::move(e));
}

void shim_handle::state::take(const received_packet& got) {
  const auto& p = got.body;
  event e;
  switch (p.type) {
    case shim::packet_exited:
      e.kind = event::kind::exited;
      e.exit = exit_of(p, p.d != 0);
      return push(std::move(e));
    case shim::packet_session_exited:
      e.kind = event::kind::exec_exited;
      e.exit = exit_of(p, false);
      e.session = static_cast<uint32_t>(p.d);
      session_pids.erase(e.session);
      return push(std::move(e));
    case shim::packet_output_lost:
      e.kind = event::kind::output_lost;
      e.bytes = static_cast<uint64_t>(p.b);
      e.text = std::strerror(p.a);
      return push(std::move(e));
    case shim::packet_superseded: return disconnected("another agent has attached to this task");
    case shim::packet_hello:
      if (p.b > 0) session_pids[static_cast<uint32_t>(p.b)] = got.sender_pid;
      if (p.b == 0) info.task_pid = got.sender_pid;
      if (p.b < 0) info.shim_pid = got.sender_pid;
      return;
    default: return;  // of a later version
  }
}

result<received_packet> shim_handle::state::request(shim::packet p, duration limit, const std::vector<int>& fds) {
  if (link.fd() < 0) return fail(errc::closed, "the connection to the task's shim is closed");
  p.id = ++last_request;
  TRY(link.send(p, fds));
  int64_t deadline = deadline_in(limit);
  for (;;) {
    auto got = link.wait(deadline);
    if (!got) {
      if (got.error().code() == errc::closed) disconnected(got.error().message());
      return got;
    }
    bool answers = got->body.type == shim::packet_reply || got->body.type == shim::packet_session_started;
    if (answers && got->body.id == p.id) return got;
    take(*got);
    if (link.fd() < 0) return fail(errc::closed, "another agent has attached to this task");
  }
}

result<> shim_handle::state::simple_request(shim::packet p, std::string_view what) {
  TRY_ASSIGN(auto answer, request(p, limits::request_timeout));
  if (answer.body.a != 0) return fail(reply_error(answer.body.a, what));
  return {};
}

// Until the shim has said that the task runs, or why not.
result<> shim_handle::state::collect_start() {
  int64_t deadline = deadline_in(limits::start_timeout);
  for (;;) {
    auto got = link.wait(deadline);
    if (!got) return wrap(got.error(), "task " + id + ": its supervisor did not start it");
    if (got->body.type == shim::packet_failed) return fail(launch_error(id, static_cast<uint32_t>(got->body.b), got->body.a, got->text()));
    take(*got);
    if (got->body.type != shim::packet_started) continue;
    // In its own pid namespace the shim knows another number than we do: the credentials carry ours.
    if (info.task_pid == 0)
      info.task_pid = got->body.b & shim::started_in_pid_namespace ? (got->sender_pid == info.shim_pid ? 0 : got->sender_pid) : got->body.a;
    if (info.shim_start_ticks == 0) info.shim_start_ticks = process_start_ticks(info.shim_pid);
    if (info.task_start_ticks == 0) info.task_start_ticks = process_start_ticks(info.task_pid);
    return {};
  }
}

result<std::unique_ptr<shim_handle>> shim_handle::start(const launch_spec& spec) {
  TRY_ASSIGN(auto instructions, encode_launch(spec));
  // An agent that died between starting a shim and storing its handle has left one here that nobody knows.
  reattach_info unknown;
  unknown.control_dir = spec.control_dir;
  if (auto stale = attach(unknown); stale) TRY((*stale)->shutdown());
  TRY_ASSIGN(auto blob, make_memfd(instructions));
  auto s = std::make_unique<state>();
  s->id = spec.id;
  s->info.control_dir = spec.control_dir;
  s->info.cgroup = spec.cgroup;
  {
    TRY_ASSIGN(auto ends, connection::pair());
    s->link = std::move(ends.first);
    TRY(spawn_shim(spec, ends.second, blob));
  }
  if (auto started = s->collect_start(); !started) {
    if (s->info.shim_pid > 1 && started.error().code() == errc::timeout) ::kill(s->info.shim_pid, SIGKILL);
    return fail(started.error());
  }
  TRY(s->open_events());
  return std::unique_ptr<shim_handle>(new shim_handle(std::move(s)));
}

result<std::unique_ptr<shim_handle>> shim_handle::attach(const reattach_info& info) {
  auto s = std::make_unique<state>();
  s->info = info;
  s->id = info.control_dir;
  TRY_ASSIGN(s->link, connection::open(info.control_dir));
  int peer = s->link.peer_pid();
  if (info.shim_pid != 0 && (peer != info.shim_pid || process_start_ticks(peer) != info.shim_start_ticks))
    return fail(errc::not_found, "process {} listens in {}, not the shim {} that was started for this task", peer, info.control_dir, info.shim_pid);
  s->info.shim_pid = peer;
  shim::packet hello{};
  hello.type = shim::packet_attach;
  TRY(s->link.send(hello));
  TRY(s->collect_start());
  TRY(s->open_events());
  return std::unique_ptr<shim_handle>(new shim_handle(std::move(s)));
}

result<std::optional<exit_status>> shim_handle::find_exit(const reattach_info& info) {
  // Its connection closes a moment before it is gone.
  auto shim = open_process(info.shim_pid, info.shim_start_ticks);
  if (!wait_gone(shim, deadline_in(limits::shim_end_grace)))
    return fail(errc::exists, "the shim {} in {} still runs: attach to it", info.shim_pid, info.control_dir);
  if (auto task = open_process(info.task_pid, info.task_start_ticks)) ::pidfd_send_signal(task.get(), SIGKILL, nullptr, 0);
  TRY(info.cgroup.kill());
  // Its shim is gone, so nobody else will. One that is busy goes with the allocation.
  (void)info.cgroup.remove();
  std::string path = info.control_dir + "/" + shim::exit_name;
  if (::access(path.c_str(), F_OK) < 0 && errno == ENOENT) return std::nullopt;
  TRY_ASSIGN(auto text, read_small_file(path));
  TRY_ASSIGN(auto status, parse_exit(text));
  return status;
}

shim_handle::shim_handle(std::unique_ptr<state> s) : state_(std::move(s)) {}
shim_handle::~shim_handle() = default;

const reattach_info& shim_handle::info() const { return state_->info; }
int shim_handle::event_fd() const { return state_->events.get(); }

std::optional<event> shim_handle::next_event() {
  std::lock_guard hold(state_->lock);
  while (state_->queue.empty()) {
    if (state_->link.fd() < 0) return std::nullopt;
    auto got = state_->link.receive();
    if (!got) {
      state_->disconnected(got.error().message());
    } else if (!*got) {
      return std::nullopt;
    } else {
      state_->take(**got);
    }
  }
  event first = std::move(state_->queue.front());
  state_->queue.pop_front();
  eventfd_t count;
  if (state_->queue.empty()) (void)::eventfd_read(state_->wake.get(), &count);
  return first;
}

result<event> shim_handle::wait_event(duration limit) {
  for (int64_t deadline = deadline_in(limit);;) {
    if (auto e = next_event()) return *e;
    int64_t left_ms = (deadline - steady_ns()) / 1'000'000;
    if (left_ms <= 0) return fail(errc::timeout, "no event of task {} within {}", state_->id, to_string(limit));
    pollfd waiting{event_fd(), POLLIN, 0};
    ::poll(&waiting, 1, static_cast<int>(left_ms) + 1);
  }
}

result<> shim_handle::signal(int number) { return signal_session(0, number); }

result<> shim_handle::signal_session(uint32_t session, int number) {
  std::lock_guard hold(state_->lock);
  shim::packet p{};
  p.type = shim::packet_signal;
  p.a = number;
  p.b = session;
  return state_->simple_request(p, "sending " + signal_name(number));
}

result<> shim_handle::kill_tree() {
  std::lock_guard hold(state_->lock);
  shim::packet p{};
  p.type = shim::packet_kill_tree;
  return state_->simple_request(p, "killing the task");
}

result<exec_session> shim_handle::exec(const exec_request& request) {
  TRY_ASSIGN(auto instructions, encode_exec(request));
  TRY_ASSIGN(auto blob, make_memfd(instructions));
  TRY_ASSIGN(auto streams, open_streams(request.tty, request.rows, request.columns));
  std::lock_guard hold(state_->lock);
  shim::packet p{};
  p.type = shim::packet_exec;
  p.a = request.tty ? 1 : 0;
  TRY_ASSIGN(auto answer, state_->request(p, limits::start_timeout, {blob.get(), streams.theirs[0].get(), streams.theirs[1].get(), streams.theirs[2].get()}));
  if (answer.body.type == shim::packet_reply) {
    if (answer.body.a == ESRCH) return fail(errc::not_found, "the task has ended; there is nothing to execute in");
    if (answer.body.a == EUSERS) return fail(errc::too_large, "this task has {} exec sessions already", shim::sessions_max);
    return fail(launch_error(state_->id, static_cast<uint32_t>(answer.body.b), answer.body.a, answer.text()));
  }
  exec_session session;
  session.id_ = static_cast<uint32_t>(answer.body.b);
  session.pid_ = answer.body.a;
  if (auto known = state_->session_pids.find(session.id_); known != state_->session_pids.end()) session.pid_ = known->second;
  session.tty_ = request.tty;
  for (int i = 0; i < 3; i++) session.fds_[i] = streams.ours[i].release();
  return session;
}

result<task_usage> shim_handle::stats() const { return read_usage(state_->info.cgroup, state_->info.task_pid); }
result<> shim_handle::resize(const cgroup_limits& limits) { return state_->info.cgroup.apply(limits); }

result<> shim_handle::shutdown() {
  std::lock_guard hold(state_->lock);
  shim::packet p{};
  p.type = shim::packet_shutdown;
  auto process = open_process(state_->info.shim_pid, state_->info.shim_start_ticks);
  int64_t deadline = deadline_in(limits::shutdown_timeout);
  auto answer = state_->request(p, limits::shutdown_timeout);
  // A shim that is gone already has nothing left to do.
  if (!answer && answer.error().code() != errc::closed) return wrap(answer.error(), "ending the shim of " + state_->id);
  state_->link.close();
  // Only then are its files closed, and what they lie on can be unmounted.
  if (!wait_gone(process, deadline)) return fail(errc::timeout, "the shim of {} does not end", state_->id);
  TRY(state_->info.cgroup.kill());
  return state_->info.cgroup.remove();
}

}  // namespace drover::exec
