// var lock: runs a program while it holds the lock of a variable.
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "base/text.h"
#include "cli/command/all.h"
#include "cli/command/var.h"
#include "cli/job_file.h"
#include "cli/variable_text.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec flags[] = {{"ttl", flag_kind::duration, "For how long the lock is held without being renewed. Default: 15s."},
                               {"delay", flag_kind::duration, "For how long nobody gets a lock that was not renewed. Default: 15s."},
                               {"max-retry", flag_kind::number, "How often renewing is tried while the servers cannot answer. Default: 5."},
                               {"early-return", flag_kind::boolean, "Give up at once if somebody else holds the lock."},
                               {"backoff", flag_kind::duration, "How long to wait between attempts to get the lock. Default: 1.1 times -ttl."},
                               {"shell", flag_kind::boolean, "Run the program by $SHELL (default), or by itself with -shell=false."},
                               {"out", flag_kind::text, "Accepted for compatibility: nothing is shown."},
                               {"verbose", flag_kind::boolean, "Say what happens, on stderr."}};

constexpr duration retry_pause = seconds(1);

void note(context& c, std::string_view text) {
  if (c.verbose()) c.out.complain(text);
}

result<duration> length(const context& c, std::string_view name, duration otherwise) {
  if (!c.flags.has(name)) return otherwise;
  TRY_ASSIGN(auto out, parse_duration(c.flags.text(name)));
  if (out.ns <= 0) return fail(errc::invalid, "invalid value \"{}\" for flag -{}: it must be above zero", c.flags.text(name), name);
  return out;
}

class held_lock {
 public:
  held_lock(context& c, schema::variable v, duration backoff) : c_(c), variable_(std::move(v)), backoff_(backoff) {}

  // False: somebody else has it, and -early-return was given.
  result<bool> acquire() {
    for (;;) {
      TRY_ASSIGN(auto answer, send("lock-acquire"));
      if (answer.status < 300) {
        TRY_ASSIGN(auto stored, api_client::decode<schema::variable>(answer.body));
        if (!stored.lock) return fail(errc::unknown, "the agent did not say which lock it gave");
        variable_.lock = stored.lock;
        return true;
      }
      if (answer.status != 409) return refused(answer);
      if (c_.flags.on("early-return")) return false;
      note(c_, "The variable is locked; waiting");
      ::poll(nullptr, 0, static_cast<int>(backoff_.ms()));
    }
  }
  // Errors: the lock is lost.
  result<> renew() {
    auto tries = c_.flags.number("max-retry", 5);
    for (int64_t i = 0;; ++i) {
      auto answer = send("lock-renew");
      if (answer && answer->status < 300) return {};
      bool may_come_back = !answer || answer->status >= 500;
      if (!may_come_back) return refused(*answer);
      if (i >= tries) return answer ? refused(*answer) : fail(std::move(answer).error());
      ::poll(nullptr, 0, static_cast<int>(retry_pause.ms()));
    }
  }
  void release() {
    note(c_, "Releasing the lock");
    auto answer = send("lock-release");
    if (!answer || answer->status >= 300) c_.out.complain("Error releasing the lock: it ends by itself when its time is over");
  }
  duration ttl() const { return variable_.lock->ttl; }

 private:
  result<api_answer> send(const std::string& operation) {
    auto body = variable_;
    if (operation != "lock-acquire") body.items.clear();
    api_request request{.method = "PUT", .path = variable_path(variable_.path), .query = {{operation, ""}}, .body = codec::to_json(body)};
    request.any_status = true;
    return c_.api.send(std::move(request));
  }
  static std::unexpected<error> refused(const api_answer& answer) {
    return fail(errc::unknown, "Lock error: Unexpected response code: {} ({})", answer.status, answer.body);
  }

  context& c_;
  schema::variable variable_;
  duration backoff_;
};

// The program, which gets the signals that this one gets.
class child {
 public:
  static result<child> start(const std::vector<std::string>& words, bool by_shell) {
    sigset_t signals, before;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    ::sigprocmask(SIG_BLOCK, &signals, &before);
    const char* shell = std::getenv("SHELL");
    std::vector<std::string> line = words;
    if (by_shell) line = {shell != nullptr && *shell != '\0' ? shell : "/bin/sh", "-c", join(words, " ")};
    std::vector<char*> argv;
    for (auto& word : line) argv.push_back(word.data());
    argv.push_back(nullptr);
    auto pid = ::fork();
    if (pid < 0) return fail(system_error(errno, "starting the program"));
    if (pid == 0) {
      ::sigprocmask(SIG_SETMASK, &before, nullptr);
      ::execvp(argv[0], argv.data());
      ::_exit(127);
    }
    return child(pid, static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)), ::signalfd(-1, &signals, SFD_CLOEXEC));
  }
  child(child&& other) noexcept : pid_(std::exchange(other.pid_, -1)), ends_(std::exchange(other.ends_, -1)), signals_(std::exchange(other.signals_, -1)) {}
  child& operator=(child&&) = delete;
  ~child() {
    if (ends_ >= 0) ::close(ends_);
    if (signals_ >= 0) ::close(signals_);
  }

  // True: it has ended.
  bool wait(duration at_most) {
    pollfd on[] = {{.fd = ends_, .events = POLLIN, .revents = 0}, {.fd = signals_, .events = POLLIN, .revents = 0}};
    if (::poll(on, 2, static_cast<int>(at_most.ms())) <= 0) return false;
    signalfd_siginfo info{};
    if ((on[1].revents & POLLIN) != 0 && ::read(signals_, &info, sizeof info) == sizeof info) ::kill(pid_, static_cast<int>(info.ssi_signo));
    return (on[0].revents & POLLIN) != 0;
  }
  void terminate() { ::kill(pid_, SIGTERM); }
  int status() {
    int out = 0;
    ::waitpid(pid_, &out, 0);
    return WIFEXITED(out) ? WEXITSTATUS(out) : 128 + WTERMSIG(out);
  }

 private:
  child(pid_t pid, int ends, int signals) : pid_(pid), ends_(ends), signals_(signals) {}
  pid_t pid_;
  int ends_, signals_;
};

// PATH or @FILE, perhaps with @FILE behind; what is left is the program.
result<schema::variable> take_variable(const context& c, std::vector<std::string>& words) {
  schema::variable v;
  auto take_file = [&]() -> result<> {
    auto name = words[0].substr(1);
    TRY_ASSIGN(auto text, read_input(name));
    TRY_ASSIGN(v, parse_variable(format_of_file(name, "json"), name, std::move(text)));
    words.erase(words.begin());
    return {};
  };
  std::string path;
  if (words[0].starts_with('@')) {
    TRY(take_file());
  } else {
    path = words[0];
    words.erase(words.begin());
    if (!words.empty() && words[0].starts_with('@')) TRY(take_file());
  }
  if (!path.empty()) v.path = path;
  if (v.path.empty()) return fail(errc::invalid, "the path is missing; give it as the first argument or in the specification");
  if (v.items.empty()) {
    // Locking stores the items that come along: without a specification they stay as they are.
    auto stored = c.api.get<schema::variable>(variable_path(v.path));
    if (stored) v.items = std::move(stored->items);
    else if (stored.error().code() != errc::not_found) return fail(std::move(stored).error());
  }
  return v;
}

result<int> run(context& c) {
  if (c.arguments.size() < 2) return c.misused(fmt::format("Not enough arguments (expected >2, got {})", c.arguments.size()));
  TRY(check_one_namespace(c));
  auto words = c.arguments;
  TRY_ASSIGN(auto v, take_variable(c, words));
  if (words.empty()) return c.misused("Not enough arguments: which program shall run?");
  if (!v.lock) v.lock = schema::variable_lock{.id = {}, .ttl = seconds(15), .lock_delay = seconds(15)};
  TRY_ASSIGN(v.lock->ttl, length(c, "ttl", v.lock->ttl));
  TRY_ASSIGN(v.lock->lock_delay, length(c, "delay", v.lock->lock_delay));
  TRY_ASSIGN(auto backoff, length(c, "backoff", v.lock->ttl + v.lock->ttl / 10));
  held_lock lock(c, std::move(v), backoff);
  note(c, "Attempting to acquire lock");
  TRY_ASSIGN(bool held, lock.acquire());
  if (!held) return fail(errc::conflict, "Lock error: the variable is locked by somebody else");
  note(c, "Variable locked, ready to execute: " + join(words, " "));
  c.out.flush();
  auto program = child::start(words, c.flags.on("shell", true));
  if (!program) {
    lock.release();
    return fail(std::move(program).error());
  }
  // Well before it ends: two more attempts fit.
  while (!program->wait(lock.ttl() / 3)) {
    if (auto renewed = lock.renew(); !renewed) {
      c.out.complain("The lock is lost: " + renewed.error().text());
      program->terminate();
      program->status();
      return 1;
    }
  }
  auto status = program->status();
  lock.release();
  if (status != 0) return fail(errc::unknown, "Lock error:exit status {}", status);
  return 0;
}

}  // namespace

const command var_lock = {.name = "var lock",
                          .synopsis = "Run a program while a variable is locked",
                          .usage = "[options] <path or @file> [@file] <program>...",
                          .help =
                              "Waits for the lock, runs the program, renews the lock while it runs, and releases it. If the lock is lost the program gets "
                              "SIGTERM.",
                          .flags = flags,
                          .run = &run,
                          .stop_at_argument = true};

}  // namespace drover::cli::commands
