#include "client/driver/run_program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "base/text.h"
#include "client/exec/files.h"

namespace drover::client {

namespace {
constexpr size_t output_bytes_max = 1024 * 1024;

// True: its end was read. False: it took too long, or says too much.
bool read_to_end(int fd, duration limit, std::string& into) {
  auto deadline = std::chrono::steady_clock::now() + std::chrono::nanoseconds(limit.ns);
  while (into.size() < output_bytes_max) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    pollfd waiting{fd, POLLIN, 0};
    if (left <= 0 || ::poll(&waiting, 1, static_cast<int>(left)) == 0) return false;
    char part[4096];
    auto n = ::read(fd, part, sizeof part);
    if (n > 0) into.append(part, static_cast<size_t>(n));
    else if (n == 0 || errno != EINTR) return true;
  }
  return false;
}

result<pid_t> spawn(const program_call& call, int in, int out) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, in, 0);
  posix_spawn_file_actions_adddup2(&files, out, 1);
  if (call.with_errors) posix_spawn_file_actions_adddup2(&files, out, 2);
  // Nothing else of the agent: a listening socket that a child holds would keep the next agent from its port.
  posix_spawn_file_actions_addclosefrom_np(&files, 3);
  std::vector<std::string> words = call.words;
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t pid = 0;
  int rc = ::posix_spawnp(&pid, argv[0], &files, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (rc == ENOENT) return fail(errc::not_found, "{} is not installed", call.words[0]);
  if (rc != 0) return fail(system_error(rc, "running " + call.words[0]));
  return pid;
}
}  // namespace

result<std::string> run_program(const program_call& call) {
  int in[2], out[2];
  if (::pipe2(in, O_CLOEXEC) < 0) return fail(system_error(errno, "pipe"));
  exec::unique_fd in_read(in[0]), in_write(in[1]);
  if (::pipe2(out, O_CLOEXEC) < 0) return fail(system_error(errno, "pipe"));
  exec::unique_fd out_read(out[0]), out_write(out[1]);
  TRY_ASSIGN(auto pid, spawn(call, in_read.get(), out_write.get()));
  out_write.reset();
  // Short enough for the pipe, so this does not wait; our own end of reading keeps a program that does not read from being a signal to us.
  (void)!::write(in_write.get(), call.input.data(), call.input.size());
  in_write.reset();
  in_read.reset();
  std::string answer;
  bool ended = read_to_end(out_read.get(), call.limit, answer);
  if (!ended) ::kill(pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!ended) return fail(errc::timeout, "{} did not answer within {}", call.words[0], to_string(call.limit));
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return fail(errc::invalid, "{}: {}", call.words[0], trim(std::string_view(answer).substr(0, 300)));
  return answer;
}

}  // namespace drover::client
