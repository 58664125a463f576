#include "client/exec/program.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "base/text.h"
#include "client/exec/files.h"

namespace drover::exec {
namespace {

int64_t monotonic_ns() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

struct pipe_pair {
  unique_fd read, write;
};
result<pipe_pair> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) return fail(system_error(errno, "making a pipe"));
  return pipe_pair{unique_fd(ends[0]), unique_fd(ends[1])};
}

std::vector<std::string> environment_of(const program_request& request) {
  auto env = request.env;
  for (const char* kept : {"PATH", "HOME"})
    if (const char* text = std::getenv(kept); text && !env.contains(kept)) env[kept] = text;
  for (char** at = request.with_own_env ? environ : nullptr; at != nullptr && *at != nullptr; ++at) {
    std::string_view entry = *at;
    if (auto equals = entry.find('='); equals != std::string_view::npos) env.try_emplace(std::string(entry.substr(0, equals)), entry.substr(equals + 1));
  }
  std::vector<std::string> out;
  for (auto& [key, text] : env) out.push_back(key + "=" + text);
  return out;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (auto& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// The three pipes of a running program, and the program itself.
struct conversation {
  unique_fd in, out, err, process;
  size_t written = 0;
  std::string said, complained;
  bool ended = false;

  // One read. False: it said more than it may.
  static bool take(unique_fd& from, std::string& into, size_t limit) {
    std::array<char, 16384> buffer;
    auto n = ::read(from.get(), buffer.data(), buffer.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return true;
    if (n <= 0) {
      from.reset();
      return true;
    }
    into.append(buffer.data(), static_cast<size_t>(n));
    return into.size() <= limit;
  }

  void give(const std::string& input) {
    auto n = ::write(in.get(), input.data() + written, input.size() - written);
    if (n > 0) written += static_cast<size_t>(n);
    else if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (n < 0 || written == input.size()) in.reset();
  }

  result<> listen(const program_request& request) {
    if ((out && !take(out, said, request.output_bytes_max)) || (err && !take(err, complained, request.output_bytes_max)))
      return fail(errc::too_large, "{} said more than {} bytes", request.command[0], request.output_bytes_max);
    return {};
  }

  result<> step(const program_request& request, duration left) {
    pollfd each[4] = {{in.get(), POLLOUT, 0}, {out.get(), POLLIN, 0}, {err.get(), POLLIN, 0}, {process.get(), POLLIN, 0}};
    int wait_ms = static_cast<int>(std::max<int64_t>(left.ns / 1'000'000, 0) + 1);
    if (::poll(each, 4, wait_ms) < 0 && errno != EINTR) return fail(system_error(errno, "waiting for " + request.command[0]));
    if (in && each[0].revents) give(request.input);
    if (each[1].revents || each[2].revents) return listen(request);
    // Everything it said has been read: what it left running may hold the pipes open.
    ended = each[3].revents != 0;
    return {};
  }
};

int wait_end(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

// Until it has ended and everything that it said is read.
result<> talk(conversation& with, const program_request& request) {
  auto deadline = monotonic_ns() + request.timeout.ns;
  while (!with.ended) {
    duration left{deadline - monotonic_ns()};
    if (left.ns <= 0) return fail(errc::timeout, "{} did not end within {}", request.command[0], to_string(request.timeout));
    TRY(with.step(request, left));
  }
  return {};
}

}  // namespace

// A group of its own, so that all of it can be ended; signals as a fresh program expects them.
result<int> start_program(const program_request& request, int in, int out, int err) {
  if (request.command.empty()) return fail(errc::invalid, "no program to run");
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&files, in, 0);
  posix_spawn_file_actions_adddup2(&files, out, 1);
  posix_spawn_file_actions_adddup2(&files, err, 2);
  // Nothing else of the agent: a listening socket that a child holds would keep the next agent from its port.
  posix_spawn_file_actions_addclosefrom_np(&files, 3);
  if (!request.directory.empty()) posix_spawn_file_actions_addchdir_np(&files, request.directory.c_str());
  sigset_t none, defaults;
  sigemptyset(&none);
  sigfillset(&defaults);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  auto words = request.command;
  auto variables = environment_of(request);
  auto argv = pointers_to(words), envp = pointers_to(variables);
  pid_t pid = 0;
  int code = ::posix_spawnp(&pid, argv[0], &files, &attributes, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (code != 0) return fail(system_error(code, "running " + request.command[0]));
  return pid;
}

std::string program_result::how() const {
  auto said = trim(err.empty() ? out : err);
  auto line = said.substr(said.rfind('\n') == std::string_view::npos ? 0 : said.rfind('\n') + 1);
  auto end = signal ? fmt::format("ended by signal {}", signal) : fmt::format("exit code {}", code);
  return line.empty() ? end : fmt::format("{}: {}", end, line.substr(0, 512));
}

result<program_result> run_program(const program_request& request) {
  TRY_ASSIGN(auto in, make_pipe());
  TRY_ASSIGN(auto out, make_pipe());
  TRY_ASSIGN(auto err, make_pipe());
  TRY_ASSIGN(pid_t pid, start_program(request, in.read.get(), out.write.get(), err.write.get()));
  conversation with;
  with.in = std::move(in.write);
  with.out = std::move(out.read);
  with.err = std::move(err.read);
  with.process = unique_fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  in.read.reset();
  out.write.reset();
  err.write.reset();
  for (auto* each : {&with.in, &with.out, &with.err}) ::fcntl(each->get(), F_SETFL, O_NONBLOCK);
  if (request.input.empty()) with.in.reset();
  auto done = talk(with, request);
  if (!done) ::kill(-pid, SIGKILL);
  int status = wait_end(pid);
  if (!done) return std::unexpected(done.error());
  program_result result;
  result.out = std::move(with.said);
  result.err = std::move(with.complained);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  else result.code = WEXITSTATUS(status);
  return result;
}

result<std::string> output_of(const program_request& request, bool with_errors) {
  TRY_ASSIGN(auto ended, run_program(request));
  if (ended.ok()) return with_errors ? ended.out + ended.err : ended.out;
  auto said = trim(ended.out.empty() ? ended.err : ended.out);
  return fail(errc::invalid, "{}: {}", request.command.front(), said.empty() ? ended.how() : std::string(said.substr(0, 300)));
}

}  // namespace drover::exec
