#include "client/exec/exec_fixture.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "client/exec/connection.h"
#include "client/exec/files.h"
#include "shim/pidfd.h"

namespace drover::exec {

void exec_fixture::SetUp() {
  std::string pattern = "/tmp/drover-exec-test-XXXXXX";
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  dir_ = pattern;
  ::chmod(dir_.c_str(), 0755);
  auto shim = install_shim(dir_ + "/shim");
  ASSERT_OK(shim);
  shim_path_ = *shim;
}

void exec_fixture::TearDown() {
  for (const auto& info : started_) {
    if (auto handle = shim_handle::attach(info)) (void)(*handle)->shutdown();
    (void)shim_handle::find_exit(info);
    (void)info.cgroup.remove();
  }
  std::filesystem::remove_all(dir_);
  for (const char* hierarchy : {"cpu", "cpuacct", "cpuset", "memory", "freezer", "unified", "systemd"})
    ::rmdir(fmt::format("/sys/fs/cgroup/{}/{}", hierarchy, group_parent()).c_str());
  for (const char* slice : {"/share.slice", "/reserve.slice", ""}) ::rmdir(("/sys/fs/cgroup/" + group_parent() + slice).c_str());
}

std::string exec_fixture::group_parent() { return fmt::format("drover-test-{}", ::getpid()); }

launch_spec exec_fixture::spec(const std::string& task, const std::string& command, std::vector<std::string> args) {
  launch_spec s;
  s.id = "test/" + task;
  s.shim_path = shim_path_;
  s.control_dir = path(task + "/control");
  s.command = command;
  s.args = std::move(args);
  s.env = {{"PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}, {"NAME", task}};
  s.work_dir = path(task);
  s.logs.dir = path("logs");
  s.logs.task = task;
  std::filesystem::create_directories(s.control_dir);
  std::filesystem::create_directories(s.logs.dir);
  return s;
}

std::unique_ptr<shim_handle> exec_fixture::start(const launch_spec& s) {
  auto handle = shim_handle::start(s);
  if (!handle) {
    ADD_FAILURE() << handle.error().text();
    return nullptr;
  }
  started_.push_back((*handle)->info());
  return std::move(*handle);
}

event exec_fixture::wait_for(shim_handle& handle, enum event::kind wanted) {
  for (;;) {
    auto e = handle.wait_event(patience);
    if (!e) {
      ADD_FAILURE() << e.error().text();
      return {};
    }
    if (e->kind == wanted) return *e;
    if (e->kind == event::kind::disconnected) {
      ADD_FAILURE() << "disconnected: " << e->text;
      return *e;
    }
  }
}

exit_status exec_fixture::wait_exit(shim_handle& handle) { return wait_for(handle, event::kind::exited).exit; }

exit_status exec_fixture::run(const launch_spec& s) {
  auto handle = start(s);
  if (!handle) return {-1, -1, false, {}};
  auto status = wait_exit(*handle);
  auto ended = handle->shutdown();
  EXPECT_TRUE(ended) << ended.error().text();
  return status;
}

std::string exec_fixture::read(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::string exec_fixture::log(const std::string& task, const std::string& kind, int index) const {
  return read(fmt::format("{}/logs/{}.{}.{}", dir_, task, kind, index));
}

bool exec_fixture::log_exists(const std::string& task, const std::string& kind, int index) const {
  return std::filesystem::exists(fmt::format("{}/logs/{}.{}.{}", dir_, task, kind, index));
}

std::string exec_fixture::wait_log(const std::string& task, const std::string& kind, const std::string& text) {
  unique_fd watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  ::inotify_add_watch(watch.get(), path("logs").c_str(), IN_MODIFY | IN_CREATE);
  for (int64_t deadline = steady_ns() + patience.ns;;) {
    std::string content = log(task, kind);
    if (content.find(text) != content.npos) return content;
    pollfd waiting{watch.get(), POLLIN, 0};
    int64_t left_ms = (deadline - steady_ns()) / 1'000'000;
    if (left_ms <= 0 || ::poll(&waiting, 1, static_cast<int>(left_ms)) == 0) {
      ADD_FAILURE() << "log of " << task << " has no \"" << text << "\", but: " << content;
      return content;
    }
    char events[4096];
    (void)!::read(watch.get(), events, sizeof events);
  }
}

bool exec_fixture::wait_gone(int pid) {
  unique_fd fd(::pidfd_open(pid, 0));
  if (!fd) return true;
  pollfd waiting{fd.get(), POLLIN, 0};
  return ::poll(&waiting, 1, static_cast<int>(patience.ms())) == 1;
}

std::string read_all(int fd, const std::string& until) {
  std::string text;
  for (;;) {
    char buffer[4096];
    ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n > 0) text.append(buffer, static_cast<size_t>(n));
    if (n == 0 || (n < 0 && errno != EAGAIN)) return text;
    if (!until.empty() && text.find(until) != text.npos) return text;
    pollfd waiting{fd, POLLIN, 0};
    if (n < 0 && ::poll(&waiting, 1, 20'000) == 0) return text + "[no end within 20 s]";
  }
}

}  // namespace drover::exec
