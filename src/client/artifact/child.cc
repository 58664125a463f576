#include "client/artifact/child.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/text.h"
#include "client/artifact/fetch.h"
#include "client/artifact/limits.h"
#include "client/beneath.h"
#include "codec/json.h"
#include "net/descriptor.h"

namespace drover::client {

namespace {
// ---- the parent's side ----

// Ends with its owner, and what it started with it.
class child_process {
 public:
  child_process() = default;
  ~child_process() { end(); }
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;

  // The end of the pipe from which what it says is read.
  result<int> start(const artifact_request& request) {
    auto text = codec::value_to_json(to_value(request));
    descriptor input(::memfd_create("artifact", MFD_CLOEXEC));
    if (input.get() < 0 || ::write(input.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) || ::lseek(input.get(), 0, SEEK_SET) != 0)
      return fail(system_error(errno, "hand a request over"));
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return fail(system_error(errno, "make a pipe"));
    descriptor reading(ends[0]), writing(ends[1]);
    auto env = environment(request);
    TRY(spawn(input.get(), writing.get(), env));
    return ::dup(reading.get());
  }

 private:
  static std::vector<std::string> environment(const artifact_request& request) {
    std::vector<std::string> out;
    auto named = [&](const char* name) {
      return std::ranges::find(request.limits.environment, name) != request.limits.environment.end() && std::getenv(name) != nullptr;
    };
    if (!named("PATH")) out.emplace_back("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    if (!named("HOME")) out.push_back("HOME=" + request.root);
    auto take = [&](const std::string& name) {
      if (const char* v = std::getenv(name.c_str())) out.push_back(name + "=" + v);
    };
    for (const char* name : {"http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"}) take(name);
    for (auto& name : request.limits.environment) take(name);
    return out;
  }

  result<> spawn(int input, int output, std::vector<std::string>& env) {
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, input, 0);
    posix_spawn_file_actions_adddup2(&files, output, 1);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    // Nothing else of the agent: a listening socket that a child holds would keep the next agent from its port.
    posix_spawn_file_actions_addclosefrom_np(&files, 3);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    std::string name = "drover", word = artifact_child_word;
    char* words[] = {name.data(), word.data(), nullptr};
    std::vector<char*> variables;
    for (auto& v : env) variables.push_back(v.data());
    variables.push_back(nullptr);
    int code = ::posix_spawn(&pid_, "/proc/self/exe", &files, &attributes, words, variables.data());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    if (code == 0) return {};
    pid_ = 0;
    return fail(system_error(code, "start the process that fetches"));
  }

  // It has said all that it says, or is not wanted any more.
  void end() {
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
  }

  pid_t pid_ = 0;
};

// "ok", or the number of the error's code and its sentence.
result<> understand(std::string_view said) {
  if (said == "ok\n") return {};
  auto blank = said.find(' ');
  auto code = blank == std::string_view::npos ? std::nullopt : parse_int(said.substr(0, blank));
  if (!code || *code < 0 || *code > static_cast<int64_t>(errc::exists)) return fail(errc::unavailable, "the process that fetches ended early");
  return fail(error(static_cast<errc>(*code), std::string(trim(said.substr(blank)))));
}

// ---- the child's side ----

uint64_t rights(bool writing) {
  uint64_t reading = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
  uint64_t all = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
#ifdef LANDLOCK_ACCESS_FS_REFER
  all |= LANDLOCK_ACCESS_FS_REFER;
#endif
  return writing ? all : reading;
}

void allow(int rules, const std::string& path, bool writing) {
  descriptor at(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (at.get() < 0) return;
  struct stat facts{};
  if (::fstat(at.get(), &facts) != 0) return;
  auto wanted = rights(writing);
  if (!S_ISDIR(facts.st_mode)) wanted &= LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
  landlock_path_beneath_attr rule{};
  rule.allowed_access = wanted;
  rule.parent_fd = at.get();
  ::syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

result<> cut_down(const artifact_request& request) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail(system_error(errno, "give up new privileges"));
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  auto version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  // A kernel without it fetches unconfined, as before Landlock.
  if (request.limits.disable_isolation || version <= 0) return {};
  landlock_ruleset_attr attributes{};
  attributes.handled_access_fs = rights(true);
#ifdef LANDLOCK_ACCESS_FS_REFER
  if (version < 2) attributes.handled_access_fs &= ~static_cast<uint64_t>(LANDLOCK_ACCESS_FS_REFER);
#endif
  descriptor rules(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0)));
  if (rules.get() < 0) return fail(system_error(errno, "make a Landlock rule set"));
  for (const char* path : {"/usr", "/bin", "/lib", "/lib64", "/etc", "/proc/self", "/run/systemd/resolve", "/dev/urandom", "/dev/random"})
    allow(rules.get(), path, false);
  allow(rules.get(), "/dev/null", true);
  allow(rules.get(), request.root, true);
  if (auto what = parse_artifact(request); what && what->by == getter::file) allow(rules.get(), what->url, false);
  if (auto sums = request.options.find("checksum"); sums != request.options.end() && sums->second.starts_with("file:/"))
    allow(rules.get(), sums->second.substr(5), false);
  // "r:/path", "rw:/path", as Nomad's "f:r:/path" and "d:rw:/path" end.
  for (auto& text : request.limits.extra_paths) {
    auto slash = text.find('/');
    if (slash != std::string::npos) allow(rules.get(), text.substr(slash), text.substr(0, slash).find('w') != std::string::npos);
  }
  if (::syscall(SYS_landlock_restrict_self, rules.get(), 0) != 0) return fail(system_error(errno, "cut its access down"));
  return {};
}

result<> fetch_as_told() {
  std::string text;
  char buffer[65536];
  for (;;) {
    auto n = ::read(0, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    text.append(buffer, static_cast<size_t>(n));
  }
  TRY_ASSIGN(auto parsed, codec::value_from_json(text));
  TRY_ASSIGN(auto request, artifact_from_value(parsed));
  TRY(cut_down(request));
  return fetch_artifact(request);
}
}  // namespace

net::awaitable<result<>> fetch_in_child(net::loop& l, artifact_request request) {
  child_process child;
  CO_TRY_ASSIGN(int end, child.start(request));
  CO_TRY_ASSIGN(auto output, net::adopt_descriptor(l, end));
  std::string said;
  char buffer[4096];
  for (;;) {
    auto n = co_await output->read_some(buffer);
    if (!n) co_return fail(n.error());
    if (*n == 0) break;
    if (said.size() < limits::artifact_output_max) said.append(buffer, *n);
  }
  co_return understand(said);
}

int run_artifact_child() {
  ::signal(SIGPIPE, SIG_IGN);
  // When the agent goes, so does what it wanted.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  auto done = fetch_as_told();
  auto said = done ? std::string("ok\n")
                   : fmt::format("{} {}\n", static_cast<int>(done.error().code()), done.error().text().substr(0, limits::artifact_output_max - 16));
  auto written = ::write(1, said.data(), said.size());
  return done && written > 0 ? 0 : 1;
}

}  // namespace drover::client
