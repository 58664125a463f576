#include "agent/syslog.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>

#include "base/text.h"

namespace drover::agent {
namespace {

// By number, RFC 5424 table 1.
constexpr std::string_view facilities[] = {"KERN",   "USER",   "MAIL",     "DAEMON", "AUTH",   "SYSLOG",   "LPR",     "NEWS",
                                           "UUCP",   "CRON",   "AUTHPRIV", "FTP",    "NTP",    "SECURITY", "CONSOLE", "SOLARIS-CRON",
                                           "LOCAL0", "LOCAL1", "LOCAL2",   "LOCAL3", "LOCAL4", "LOCAL5",   "LOCAL6",  "LOCAL7"};
constexpr size_t line_bytes_max = 8 * 1024;

// RFC 5424 table 2.
int severity(log::level level) {
  switch (level) {
    case log::level::error: return 3;
    case log::level::warn: return 4;
    case log::level::info: return 6;
    default: return 7;
  }
}

class sender {
 public:
  sender(int facility, std::string path) : facility_(facility), path_(std::move(path)) {}
  ~sender() { close(); }
  sender(const sender&) = delete;
  sender& operator=(const sender&) = delete;

  void send(const log::event& e) {
    auto text = log::format_line(e);
    // The daemon writes the time; the level is in the number.
    auto rest = text.find(' ');
    auto line = fmt::format("<{}>drover[{}]: {}", facility_ * 8 + severity(e.level), getpid(), trim(std::string_view(text).substr(rest + 1)));
    if (line.size() > line_bytes_max) line.resize(line_bytes_max);
    std::lock_guard lock(mutex_);
    // A daemon that was restarted has a new socket.
    for (int attempt = 0; attempt < 2; ++attempt) {
      if (socket_ < 0 && !open()) return;
      if (::send(socket_, line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 || errno == EAGAIN) return;
      close();
    }
  }

  bool open() {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    if (path_.size() >= sizeof to.sun_path) return false;
    std::ranges::copy(path_, to.sun_path);
    socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket_ < 0) return false;
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0) return true;
    close();
    return false;
  }

 private:
  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }

  int facility_;
  std::string path_;
  std::mutex mutex_;
  int socket_ = -1;
};

}  // namespace

result<int> parse_syslog_facility(const std::string& name) {
  const auto* found = std::ranges::find(facilities, to_upper(name));
  if (found == std::end(facilities)) return fail(errc::invalid, "syslog_facility is \"{}\": use one of {}", name, fmt::join(facilities, ", "));
  return static_cast<int>(found - facilities);
}

result<std::unique_ptr<log::subscription>> log_to_syslog(log::level level, const std::string& facility, const std::string& socket_path) {
  TRY_ASSIGN(auto number, parse_syslog_facility(facility));
  auto to = std::make_shared<sender>(number, socket_path);
  if (!to->open()) return fail(errc::io, "enable_syslog is set, but no syslog daemon listens at {}: start one, or leave enable_syslog out", socket_path);
  return log::subscribe(level, [to](const log::event& e) { to->send(e); });
}

}  // namespace drover::agent
