// Log files: rotation, restarts, loss.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "client/exec/exec_fixture.h"

namespace drover::exec {
namespace {

class task_log : public exec_fixture {
 protected:
  uintmax_t size(const std::string& task, int index) const { return std::filesystem::file_size(fmt::format("{}/logs/{}.stdout.{}", dir_, task, index)); }
};

TEST_F(task_log, keeps_both_streams_apart) {
  EXPECT_EQ(run(shell("task", "echo out; echo err >&2; printf end")).code, 0);
  EXPECT_EQ(log("task", "stdout"), "out\nend");
  EXPECT_EQ(log("task", "stderr"), "err\n");
}

TEST_F(task_log, rotates_at_the_exact_size_and_keeps_the_newest_files) {
  auto s = shell("task", "i=0; while [ $i -lt 100 ]; do printf '%09d\\n' $i; i=$((i+1)); done");
  s.logs.max_files = 3;
  s.logs.max_file_bytes = 128;
  EXPECT_EQ(run(s).code, 0);
  // 1,000 bytes: files 0 to 7, of which 5, 6 and 7 are left.
  EXPECT_FALSE(log_exists("task", "stdout", 4));
  EXPECT_EQ(size("task", 5), 128u);
  EXPECT_EQ(size("task", 6), 128u);
  EXPECT_EQ(size("task", 7), 1000u - 7 * 128);
  EXPECT_FALSE(log_exists("task", "stdout", 8));
  std::string end = log("task", "stdout", 5) + log("task", "stdout", 6) + log("task", "stdout", 7);
  EXPECT_TRUE(end.ends_with("000000098\n000000099\n"));
  EXPECT_EQ(end.find('\n'), 9u - 640 % 10);
}

TEST_F(task_log, a_restart_appends_to_the_highest_file) {
  auto s = shell("task", "printf 0123456789");
  s.logs.max_file_bytes = 15;
  s.logs.max_files = 2;
  for (int i = 0; i < 4; i++) EXPECT_EQ(run(s).code, 0);
  EXPECT_FALSE(log_exists("task", "stdout", 0));
  EXPECT_EQ(log("task", "stdout", 1), "567890123456789");
  EXPECT_EQ(log("task", "stdout", 2), "0123456789");
  s.logs.max_files = 1;
  EXPECT_EQ(run(s).code, 0);
  EXPECT_FALSE(log_exists("task", "stdout", 1));
}

TEST_F(task_log, other_files_in_the_directory_do_not_disturb) {
  auto s = shell("task", "echo hello");
  for (const char* name : {"task.stdout.x", "task.stdout.", "task.stdout", "task.stdoutt.7", "task2.stdout.9", "task.stderr.5"})
    std::ofstream(path("logs/" + std::string(name))) << "other";
  EXPECT_EQ(run(s).code, 0);
  EXPECT_EQ(log("task", "stdout", 0), "hello\n");
  EXPECT_EQ(log("task2", "stdout", 9), "other");
}

TEST_F(task_log, takes_a_flood_without_losing_a_byte) {
  auto s = shell("task", "head -c 64000000 /dev/zero; head -c 1000000 /dev/zero >&2; exit 3");
  s.logs.max_file_bytes = 10'000'000;
  s.logs.max_files = 10;
  EXPECT_EQ(run(s).code, 3);
  uintmax_t total = 0;
  for (int i = 0; log_exists("task", "stdout", i); i++) total += size("task", i);
  EXPECT_EQ(total, 64'000'000u);
  EXPECT_EQ(log("task", "stderr").size(), 1'000'000u);
}

TEST_F(task_log, output_of_descendants_goes_on_after_the_main_process) {
  auto s = shell("task", "(read line < fifo; echo late) & echo early");
  ASSERT_EQ(::mkfifo(path("task/fifo").c_str(), 0600), 0);
  auto handle = start(s);
  ASSERT_TRUE(handle);
  EXPECT_EQ(wait_exit(*handle).code, 0);
  EXPECT_EQ(log("task", "stdout"), "early\n");
  std::ofstream(path("task/fifo")) << "go\n";
  EXPECT_EQ(wait_log("task", "stdout", "late"), "early\nlate\n");
  ASSERT_OK(handle->shutdown());
}

TEST_F(task_log, a_full_disk_loses_output_with_a_note_and_never_the_task) {
  // Two pipes: the second read would end at once if it opened the one that the test is still closing.
  auto s = shell("task", "head -c 200000 /dev/zero | tr '\\0' x; read line < fifo; echo again; read line < never");
  ASSERT_EQ(::mkfifo(path("task/fifo").c_str(), 0600), 0);
  ASSERT_EQ(::mkfifo(path("task/never").c_str(), 0600), 0);
  ASSERT_EQ(::mount("tmpfs", path("logs").c_str(), "tmpfs", 0, "size=64k"), 0);
  auto handle = start(s);
  ASSERT_TRUE(handle);
  auto lost = wait_for(*handle, event::kind::output_lost);
  EXPECT_GT(lost.bytes, 0u);
  EXPECT_EQ(lost.text, "No space left on device");
  ASSERT_EQ(::mount("tmpfs", path("logs").c_str(), "tmpfs", MS_REMOUNT, "size=1m"), 0);
  std::ofstream(path("task/fifo")) << "go\n";
  auto content = wait_log("task", "stdout", "again\n");
  EXPECT_NE(content.find("bytes of output could not be written here: no space left]\n"), std::string::npos);
  ASSERT_OK(handle->signal(0));
  EXPECT_EQ(::kill(handle->task_pid(), 0), 0);
  ASSERT_OK(handle->shutdown());
  EXPECT_EQ(::umount(path("logs").c_str()), 0);  // shutdown() returns when the shim holds no file any more
}

}  // namespace
}  // namespace drover::exec
