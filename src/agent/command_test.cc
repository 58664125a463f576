// The command as a process: started, told to stop, ended cleanly. systemd's notifications say when.
#include "agent/command.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace drover::agent {
namespace {

// Receives what the child tells its supervisor.
class supervisor {
 public:
  supervisor() {
    char pattern[] = "/tmp/drover-notify-XXXXXX";
    directory_ = ::mkdtemp(pattern);
    path_ = directory_ + "/socket";
    fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    timeval limit{.tv_sec = 30, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  ~supervisor() {
    close(fd_);
    std::filesystem::remove_all(directory_);
  }
  std::string next() {
    char text[256];
    auto n = recv(fd_, text, sizeof text, 0);
    return n < 0 ? std::string("(nothing)") : std::string(text, static_cast<size_t>(n));
  }
  const std::string& path() const { return path_; }
  const std::string& directory() const { return directory_; }

 private:
  std::string directory_, path_;
  int fd_ = -1;
};

pid_t start(const supervisor& s, std::vector<std::string> words) {
  pid_t child = fork();
  if (child != 0) return child;
  setenv("NOTIFY_SOCKET", s.path().c_str(), 1);
  int nowhere = open("/dev/null", O_WRONLY);
  dup2(nowhere, STDOUT_FILENO);
  dup2(nowhere, STDERR_FILENO);
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  _exit(run_agent_command(static_cast<int>(argv.size()), argv.data()));
}

int wait_for(pid_t child) {
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::string free_ports(const supervisor& s) {
  auto path = s.directory() + "/agent.hcl";
  std::ofstream(path) << "ports {\n http = 0\n rpc = 0\n serf = 0\n}\n";
  return "-config=" + path;
}

TEST(command, one_signal_ends_it_cleanly) {
  for (int number : {SIGINT, SIGTERM}) {
    supervisor s;
    auto child = start(s, {"-dev", "-log-level=error", free_ports(s)});
    EXPECT_EQ(s.next(), "READY=1");
    kill(child, number);
    EXPECT_EQ(s.next(), "STOPPING=1");
    EXPECT_EQ(wait_for(child), 0);
  }
}

TEST(command, hangup_reloads) {
  supervisor s;
  auto child = start(s, {"-dev", "-log-level=error", free_ports(s)});
  EXPECT_EQ(s.next(), "READY=1");
  kill(child, SIGHUP);
  EXPECT_EQ(s.next(), "RELOADING=1");
  EXPECT_EQ(s.next(), "READY=1");
  kill(child, SIGTERM);
  EXPECT_EQ(s.next(), "STOPPING=1");
  EXPECT_EQ(wait_for(child), 0);
}

TEST(command, an_agent_with_a_data_directory_starts_again) {
  supervisor s;
  auto data = s.directory() + "/data";
  for (int i = 0; i < 2; ++i) {
    auto child = start(s, {"-server", "-client", "-bootstrap-expect=1", "-bind=127.0.0.1", "-log-level=error", "-data-dir=" + data, free_ports(s)});
    EXPECT_EQ(s.next(), "READY=1");
    kill(child, SIGTERM);
    EXPECT_EQ(s.next(), "STOPPING=1");
    EXPECT_EQ(wait_for(child), 0);
    EXPECT_TRUE(std::filesystem::exists(data + "/client/client-id"));
  }
}

TEST(command, wrong_arguments_end_with_1) {
  supervisor s;
  EXPECT_EQ(wait_for(start(s, {"-nope"})), 1);
  EXPECT_EQ(wait_for(start(s, {"-config=/no/such/file.hcl"})), 1);
  EXPECT_EQ(wait_for(start(s, {})), 1);
  EXPECT_EQ(wait_for(start(s, {"-help"})), 0);
}

}  // namespace
}  // namespace drover::agent
