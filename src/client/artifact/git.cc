#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "base/bytes.h"
#include "base/text.h"
#include "client/artifact/fetch.h"
#include "client/artifact/limits.h"
#include "client/system.h"

namespace drover::client {

namespace {
// Runs a program with its own few variables; what it says when it fails is the error.
class program {
 public:
  program(std::vector<std::string> words, std::vector<std::string> env) : words_(std::move(words)), env_(std::move(env)) {}
  ~program() {
    if (pid_ > 0) {
      ::kill(-pid_, SIGKILL);
      while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
    if (output_ >= 0) ::close(output_);
  }
  program(const program&) = delete;
  program& operator=(const program&) = delete;

  result<> run(std::chrono::steady_clock::time_point until) {
    TRY(spawn());
    std::string said;
    for (;;) {
      auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
      if (left <= 0) return fail(errc::timeout, "{} took too long", words_[0]);
      pollfd ready{output_, POLLIN, 0};
      if (::poll(&ready, 1, static_cast<int>(std::min<int64_t>(left, 60'000))) <= 0) continue;
      char buffer[4096];
      auto n = ::read(output_, buffer, sizeof buffer);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      said.append(buffer, static_cast<size_t>(n));
      if (said.size() > limits::artifact_output_max) said.erase(0, said.size() - limits::artifact_output_max);
    }
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    return fail(errc::unavailable, "{} {} failed: {}", words_[0], words_.size() > 1 ? words_[1] : "", trim(said));
  }

 private:
  static std::vector<char*> pointers(std::vector<std::string>& from) {
    std::vector<char*> out;
    for (auto& text : from) out.push_back(text.data());
    out.push_back(nullptr);
    return out;
  }

  result<> spawn() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return fail(system_error(errno, "make a pipe"));
    output_ = ends[0];
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, ends[1], 1);
    posix_spawn_file_actions_adddup2(&files, ends[1], 2);
    posix_spawn_file_actions_addclosefrom_np(&files, 3);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    auto words = pointers(words_), env = pointers(env_);
    int code = ::posix_spawnp(&pid_, words[0], &files, &attributes, words.data(), env.data());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    ::close(ends[1]);
    if (code == 0) return {};
    pid_ = 0;
    return fail(errc::unsupported, "{} cannot be run on this node: {}", words_[0], system_error(code, "start it").message());
  }

  std::vector<std::string> words_, env_;
  pid_t pid_ = 0;
  int output_ = -1;
};

bool looks_like_commit(std::string_view ref) { return ref.size() == 40 && ref.find_first_not_of("0123456789abcdef") == std::string_view::npos; }

class cloner {
 public:
  cloner(duration timeout, std::string into) : until_(std::chrono::steady_clock::now() + std::chrono::nanoseconds(timeout.ns)), into_(std::move(into)) {
    // This process got what a fetch may see, and nothing else (child.cc).
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) env_.emplace_back(*entry);
    env_.push_back("GIT_TERMINAL_PROMPT=0");
    env_.push_back("GIT_CONFIG_NOSYSTEM=1");
  }

  result<> use_key(const std::string& encoded, const std::string& path) {
    auto key = base64_decode(encoded);
    if (!key) return fail(errc::invalid, "the option sshkey must be the base64 of a private key");
    TRY(write_file(path, *key, 0600));
    env_.push_back("GIT_SSH_COMMAND=ssh -o BatchMode=yes -o StrictHostKeyChecking=accept-new -i '" + path + "'");
    return {};
  }

  result<> git(std::vector<std::string> words) {
    // "ext::" would run any program.
    std::vector<std::string> all{"git", "-c", "protocol.ext.allow=never", "-c", "core.hooksPath=/dev/null"};
    all.insert(all.end(), words.begin(), words.end());
    return program(std::move(all), env_).run(until_);
  }

  result<> clone(const std::string& url, const std::string& ref, int64_t depth) {
    std::vector<std::string> words{"clone", "--quiet"};
    // A commit cannot be named to clone: the whole history comes.
    bool named = !ref.empty() && !looks_like_commit(ref);
    if (depth > 0 && (ref.empty() || named)) words.insert(words.end(), {"--depth", std::to_string(depth)});
    if (named) words.insert(words.end(), {"--branch", ref});
    words.insert(words.end(), {"--", url, into_});
    TRY(git(std::move(words)));
    if (!ref.empty() && !named) TRY(git({"-C", into_, "checkout", "--quiet", ref}));
    if (!std::filesystem::exists(into_ + "/.gitmodules")) return {};
    return git({"-C", into_, "submodule", "update", "--quiet", "--init", "--recursive"});
  }

 private:
  std::chrono::steady_clock::time_point until_;
  std::string into_;
  std::vector<std::string> env_;
};
}  // namespace

result<> clone_git(const parsed_artifact& what, duration timeout, const std::string& into) {
  auto option = [&](const char* name) {
    auto found = what.options.find(name);
    return found == what.options.end() ? std::string() : found->second;
  };
  auto ref = option("ref");
  if (ref.starts_with('-') || what.url.starts_with('-')) return fail(errc::invalid, "the option ref \"{}\" must not begin with \"-\"", ref);
  auto depth = option("depth").empty() ? std::optional<int64_t>(0) : parse_int(option("depth"));
  if (!depth || *depth < 0) return fail(errc::invalid, "the option depth \"{}\" must be a whole number", option("depth"));
  cloner c(timeout, into);
  auto key = into + ".key";
  if (!option("sshkey").empty()) TRY(c.use_key(option("sshkey"), key));
  auto done = c.clone(what.url, ref, *depth);
  std::error_code ignored;
  std::filesystem::remove(key, ignored);
  return done;
}

}  // namespace drover::client
