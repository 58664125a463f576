#include "agent/syslog.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

namespace drover::agent {
namespace {

// A daemon's socket.
struct syslog_daemon {
  syslog_daemon() {
    char name[] = "/tmp/drover-syslog-XXXXXX";
    directory = mkdtemp(name);
    path = directory + "/log";
    listen();
  }
  ~syslog_daemon() {
    ::close(socket);
    std::filesystem::remove_all(directory);
  }
  void listen() {
    std::filesystem::remove(path);
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::ranges::copy(path, at.sun_path);
    if (socket >= 0) ::close(socket);
    socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  }
  std::string next() {
    char buffer[4096];
    auto n = ::recv(socket, buffer, sizeof buffer, MSG_DONTWAIT);
    return n < 0 ? std::string() : std::string(buffer, static_cast<size_t>(n));
  }
  std::string directory, path;
  int socket = -1;
};

TEST(syslog, lines_with_facility_and_severity) {
  syslog_daemon daemon;
  auto handle = log_to_syslog(log::level::info, "local3", daemon.path);
  ASSERT_TRUE(handle) << handle.error().text();
  log::logger logger("http");
  logger.warn("slow reader", {{"peer", "10.0.0.1"}});
  EXPECT_EQ(daemon.next(), fmt::format("<{}>drover[{}]: [WARN]  http: slow reader: peer=10.0.0.1", 19 * 8 + 4, getpid()));
  logger.debug("not for it");
  EXPECT_EQ(daemon.next(), "");
}

TEST(syslog, finds_a_daemon_that_was_restarted_and_never_waits) {
  syslog_daemon daemon;
  auto handle = log_to_syslog(log::level::info, "DAEMON", daemon.path);
  ASSERT_TRUE(handle);
  log::logger logger("nomad");
  for (int i = 0; i < 5000; ++i) logger.info("more than the socket holds");  // nobody reads
  daemon.listen();
  logger.info("after");
  EXPECT_TRUE(daemon.next().ends_with("nomad: after"));
}

TEST(syslog, says_what_is_wrong) {
  EXPECT_NE(parse_syslog_facility("local9").error().text().find("LOCAL7"), std::string::npos);
  auto handle = log_to_syslog(log::level::info, "LOCAL0", "/nonexistent/log");
  ASSERT_FALSE(handle);
  EXPECT_NE(handle.error().text().find("no syslog daemon listens at /nonexistent/log"), std::string::npos);
}

}  // namespace
}  // namespace drover::agent
