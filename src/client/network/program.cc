#include "client/network/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

namespace drover::client {

namespace {
class pipe_pair {
 public:
  pipe_pair() {
    if (::pipe2(ends_, O_CLOEXEC) != 0) ends_[0] = ends_[1] = -1;
  }
  ~pipe_pair() {
    close(0);
    close(1);
  }
  int end(int which) const { return ends_[which]; }
  void close(int which) {
    if (ends_[which] >= 0) ::close(ends_[which]);
    ends_[which] = -1;
  }

 private:
  int ends_[2];
};

result<pid_t> start(const program_run& run, pipe_pair& in, pipe_pair& out, pipe_pair& err) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, in.end(0), 0);
  posix_spawn_file_actions_adddup2(&files, out.end(1), 1);
  posix_spawn_file_actions_adddup2(&files, err.end(1), 2);
  // Nothing else of the agent: a listening socket that a child holds would keep the next agent from its port.
  posix_spawn_file_actions_addclosefrom_np(&files, 3);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::vector<std::string> entries;
  for (auto& [key, text] : run.env) entries.push_back(key + "=" + text);
  std::vector<char*> environment;
  for (auto& entry : entries) environment.push_back(entry.data());
  environment.push_back(nullptr);
  std::string path = run.path;
  char* arguments[] = {path.data(), nullptr};
  pid_t pid = 0;
  int rc = ::posix_spawn(&pid, path.c_str(), &files, &attributes, arguments, environment.data());
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (rc != 0) return fail(system_error(rc, "running " + run.path));
  return pid;
}

// Carries text both ways until the program has closed its outputs.
result<> carry(const program_run& run, pipe_pair& in, pipe_pair& out, pipe_pair& err, program_end& end) {
  auto deadline = std::chrono::steady_clock::now() + std::chrono::nanoseconds(run.timeout.ns);
  size_t written = 0;
  for (int each : {in.end(1), out.end(0), err.end(0)}) (void)::fcntl(each, F_SETFL, O_NONBLOCK);
  if (run.input.empty()) in.close(1);
  while (out.end(0) >= 0 || err.end(0) >= 0) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0) return fail(errc::timeout, "{} did not end within {}", run.path, to_string(run.timeout));
    pollfd watched[] = {{in.end(1), POLLOUT, 0}, {out.end(0), POLLIN, 0}, {err.end(0), POLLIN, 0}};
    if (::poll(watched, 3, static_cast<int>(left)) < 0 && errno != EINTR) return fail(system_error(errno, "waiting for " + run.path));
    if (watched[0].revents) {
      auto n = ::write(in.end(1), run.input.data() + written, run.input.size() - written);
      if (n > 0) written += static_cast<size_t>(n);
      if ((n < 0 && errno != EAGAIN) || written == run.input.size()) in.close(1);
    }
    char buffer[4096];
    for (auto [which, pipe, into] : {std::tuple{1, &out, &end.output}, {2, &err, &end.errors}}) {
      if (!watched[which].revents) continue;
      auto n = ::read(pipe->end(0), buffer, sizeof buffer);
      if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) pipe->close(0);
      if (n > 0) into->append(buffer, static_cast<size_t>(n));
      if (into->size() > run.output_bytes_max) return fail(errc::too_large, "{} says more than {} bytes", run.path, run.output_bytes_max);
    }
  }
  return {};
}
}  // namespace

result<program_end> run_program(const program_run& run) {
  pipe_pair in, out, err;
  if (in.end(0) < 0 || out.end(0) < 0 || err.end(0) < 0) return fail(system_error(errno, "making a pipe"));
  TRY_ASSIGN(auto pid, start(run, in, out, err));
  in.close(0);
  out.close(1);
  err.close(1);
  program_end end;
  auto carried = carry(run, in, out, err, end);
  if (!carried) (void)::kill(pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  TRY(carried);
  end.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return end;
}

}  // namespace drover::client
