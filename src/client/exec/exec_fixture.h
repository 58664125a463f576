// For this room's tests: real shims with real processes in a directory of their own. Everything that was started is
// ended by TearDown.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "client/exec/executor.h"

namespace drover::exec {

#define ASSERT_OK(expression)                                         \
  do {                                                                \
    auto&& ok_result_ = (expression);                                 \
    ASSERT_TRUE(ok_result_.has_value()) << ok_result_.error().text(); \
  } while (false)

class exec_fixture : public testing::Test {
 protected:
  static constexpr duration patience = seconds(20);

  void SetUp() override;
  void TearDown() override;

  // A directory of its own for each task of a test.
  launch_spec spec(const std::string& task, const std::string& command, std::vector<std::string> args = {});
  launch_spec shell(const std::string& task, const std::string& script) { return spec(task, "/bin/sh", {"-c", script}); }
  std::unique_ptr<shim_handle> start(const launch_spec& s);
  // Waits for the exited event.
  exit_status wait_exit(shim_handle& handle);
  // Waits for event `wanted`, skipping others.
  event wait_for(shim_handle& handle, enum event::kind wanted);
  // Starts, waits, shuts down.
  exit_status run(const launch_spec& s);
  std::string log(const std::string& task, const std::string& kind, int index = 0) const;
  bool log_exists(const std::string& task, const std::string& kind, int index) const;
  // Blocks until the log contains `text` (inotify) and returns the log.
  std::string wait_log(const std::string& task, const std::string& kind, const std::string& text);
  // Blocks until the process has ended. False after `patience`.
  static bool wait_gone(int pid);
  static std::string read(const std::string& path);
  // The group below which this process makes its groups; removed by TearDown.
  static std::string group_parent();
  std::string path(const std::string& name) const { return dir_ + "/" + name; }

  std::string dir_;
  std::string shim_path_;
  std::vector<reattach_info> started_;
  cgroup_manager groups_;
};

// Reads a non-blocking descriptor to its end (EIO of a terminal counts) or until it contains `until`.
std::string read_all(int fd, const std::string& until = {});

}  // namespace drover::exec
