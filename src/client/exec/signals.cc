// Signal names.
#include <csignal>

#include "base/text.h"
#include "client/exec/isolation.h"

namespace drover::exec {
namespace {

struct named_signal {
  std::string_view name;
  int number;
};

constexpr named_signal signals[] = {
    {"SIGHUP", SIGHUP},   {"SIGINT", SIGINT},       {"SIGQUIT", SIGQUIT}, {"SIGILL", SIGILL},       {"SIGTRAP", SIGTRAP},   {"SIGABRT", SIGABRT},
    {"SIGBUS", SIGBUS},   {"SIGFPE", SIGFPE},       {"SIGKILL", SIGKILL}, {"SIGUSR1", SIGUSR1},     {"SIGSEGV", SIGSEGV},   {"SIGUSR2", SIGUSR2},
    {"SIGPIPE", SIGPIPE}, {"SIGALRM", SIGALRM},     {"SIGTERM", SIGTERM}, {"SIGSTKFLT", SIGSTKFLT}, {"SIGCHLD", SIGCHLD},   {"SIGCONT", SIGCONT},
    {"SIGSTOP", SIGSTOP}, {"SIGTSTP", SIGTSTP},     {"SIGTTIN", SIGTTIN}, {"SIGTTOU", SIGTTOU},     {"SIGURG", SIGURG},     {"SIGXCPU", SIGXCPU},
    {"SIGXFSZ", SIGXFSZ}, {"SIGVTALRM", SIGVTALRM}, {"SIGPROF", SIGPROF}, {"SIGIO", SIGIO},         {"SIGWINCH", SIGWINCH}, {"SIGPWR", SIGPWR},
    {"SIGSYS", SIGSYS},   {"SIGIOT", SIGIOT},       {"SIGPOLL", SIGPOLL},
};

}  // namespace

result<int> parse_signal(std::string_view text) {
  if (auto number = parse_int(text)) {
    if (*number >= 1 && *number < NSIG) return static_cast<int>(*number);
    return fail(errc::invalid, "signal {} does not exist; numbers go from 1 to {}", text, NSIG - 1);
  }
  std::string name = to_upper(text);
  if (!name.starts_with("SIG")) name = "SIG" + name;
  for (const auto& s : signals)
    if (s.name == name) return s.number;
  auto guess = nearest(name, signal_names());
  return fail(errc::invalid, "signal \"{}\" is not known; {}", text,
              guess ? fmt::format("did you mean {}?", *guess) : std::string("a name such as SIGTERM or SIGHUP is expected"));
}

std::string signal_name(int number) {
  for (const auto& s : signals)
    if (s.number == number) return std::string(s.name);
  return fmt::format("SIG{}", number);
}

const std::vector<std::string>& signal_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const auto& s : signals) all.emplace_back(s.name);
    return all;
  }();
  return names;
}

}  // namespace drover::exec
