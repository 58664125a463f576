// Control groups of whatever kind this machine has, with real processes.
#include "client/exec/cgroup.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/text.h"
#include "client/exec/exec_fixture.h"
#include "client/exec/files.h"

namespace drover::exec {
namespace {

class cgroups : public exec_fixture {
 protected:
  void SetUp() override {
    exec_fixture::SetUp();
    groups_ = cgroup_manager::detect(group_parent());
    ASSERT_NE(groups_.mode(), cgroup_mode::none) << groups_.reason();
    ASSERT_TRUE(groups_.can_limit_memory()) << groups_.reason();
  }
  task_cgroup create(const std::string& name, const cgroup_limits& limits) {
    auto group = groups_.create(fmt::format("{}.{}", name, ::getpid()), limits);
    EXPECT_TRUE(group) << group.error().text();
    return group.value_or(task_cgroup{});
  }
  bool v2() const { return groups_.mode() == cgroup_mode::v2; }
};

TEST_F(cgroups, a_task_is_inside_and_its_shim_is_not) {
  auto s = spec("task", "/bin/sleep", {"1000"});
  s.cgroup = create("inside", {.cpu_shares = 200, .memory_mb = 64, .memory_max_mb = 0, .cores = {}});
  s.shim_cgroup = groups_.shim_cgroup();
  auto handle = start(s);
  ASSERT_TRUE(handle);
  EXPECT_EQ(s.cgroup.processes(), std::vector<int>{handle->task_pid()});
  for (const auto& dir : s.cgroup.dirs) EXPECT_EQ(read(dir + "/cgroup.procs"), fmt::format("{}\n", handle->task_pid())) << dir;
  auto session = handle->exec({.argv = {"cat"}, .env = {}, .work_dir = {}});
  ASSERT_OK(session);
  EXPECT_EQ(s.cgroup.processes().size(), 2u);
  ASSERT_OK(handle->shutdown());
  for (const auto& dir : s.cgroup.dirs) EXPECT_FALSE(std::filesystem::exists(dir)) << dir;
}

TEST_F(cgroups, limits_are_set_and_changed) {
  auto group = create("limits", {.cpu_shares = 500, .memory_mb = 32, .memory_max_mb = 64, .cores = "0"});
  auto value = [&](const std::string& dir, const char* one, const char* two) { return std::string(trim(read(dir + (v2() ? two : one)))); };
  EXPECT_EQ(value(group.cpu, "/cpu.shares", "/cpu.weight"), v2() ? "19" : "500");
  EXPECT_EQ(value(group.memory, "/memory.limit_in_bytes", "/memory.max"), "67108864");
  EXPECT_EQ(value(group.memory, "/memory.soft_limit_in_bytes", "/memory.low"), "33554432");
  EXPECT_EQ(value(group.cpuset, "/cpuset.cpus", "/cpuset.cpus"), "0");
  ASSERT_OK(group.apply({.cpu_shares = 1000, .memory_mb = 128, .memory_max_mb = 0, .cores = {}}));
  EXPECT_EQ(value(group.memory, "/memory.limit_in_bytes", "/memory.max"), "134217728");
  auto bad = group.apply({.cpu_shares = 0, .memory_mb = 0, .memory_max_mb = 0, .cores = "nonsense"});
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().text().find("cpuset.cpus"), std::string::npos);
  ASSERT_OK(group.remove());
  ASSERT_OK(group.remove());
}

TEST_F(cgroups, a_task_beyond_its_memory_is_reported_as_killed_for_it) {
  for (bool direct : {true, false}) {
    // Directly, and as a child of a shell that ends with 137.
    auto s = direct ? spec("direct", "/usr/bin/tail", {"/dev/zero"}) : shell("child", "tail /dev/zero; exit $?");
    s.cgroup = create("oom", {.cpu_shares = 0, .memory_mb = 20, .memory_max_mb = 0, .cores = {}});
    auto status = run(s);
    EXPECT_TRUE(status.oom_killed);
    if (direct) EXPECT_EQ(status.signal, SIGKILL);
    if (!direct) EXPECT_EQ(status.code, 137);
  }
}

TEST_F(cgroups, an_ordinary_kill_is_no_lack_of_memory) {
  auto s = shell("task", "kill -9 $$");
  s.cgroup = create("plain", {.cpu_shares = 0, .memory_mb = 20, .memory_max_mb = 0, .cores = {}});
  auto status = run(s);
  EXPECT_EQ(status.signal, SIGKILL);
  EXPECT_FALSE(status.oom_killed);
}

TEST_F(cgroups, usage_is_measured) {
  auto s = shell("task", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo ready; sleep 1000");
  s.cgroup = create("usage", {.cpu_shares = 100, .memory_mb = 64, .memory_max_mb = 0, .cores = {}});
  auto handle = start(s);
  ASSERT_TRUE(handle);
  wait_log("task", "stdout", "ready");
  // The kernel adds up what a group's memory is a little later than it gives it.
  auto usage = handle->stats();
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (usage && (usage->cpu_total_ns <= 1'000'000 || usage->rss_bytes <= 10'000) && std::chrono::steady_clock::now() < give_up) usage = handle->stats();
  ASSERT_OK(usage);
  EXPECT_GT(usage->cpu_total_ns, 1'000'000u);
  EXPECT_GT(usage->rss_bytes, 10'000u);
  EXPECT_LT(usage->rss_bytes, 64'000'000u);
  EXPECT_GT(usage->max_usage_bytes, 0u);
  EXPECT_GT(usage->read_at_ns, 0);
  EXPECT_TRUE(usage->processes.contains(handle->task_pid()));
  EXPECT_FALSE(usage->measured_cpu.empty());
  EXPECT_FALSE(usage->measured_memory.empty());
  ASSERT_OK(handle->shutdown());
}

TEST_F(cgroups, usage_without_a_group_is_summed_over_the_processes) {
  auto s = shell("task", "sleep 1000 & echo ready; i=0; while :; do i=$((i+1)); done");
  auto handle = start(s);
  ASSERT_TRUE(handle);
  wait_log("task", "stdout", "ready");
  uint64_t total = 0;
  task_usage last;
  while (total == 0) {
    auto usage = handle->stats();
    ASSERT_OK(usage);
    last = *usage;
    total = last.cpu_total_ns;
  }
  EXPECT_EQ(last.processes.size(), 2u);
  EXPECT_GT(last.rss_bytes, 10'000u);
  ASSERT_OK(handle->shutdown());
  EXPECT_FALSE(handle->stats());
}

TEST_F(cgroups, a_group_can_be_frozen) {
  auto s = shell("task", "while :; do :; done");
  s.cgroup = create("freeze", {});
  auto handle = start(s);
  ASSERT_TRUE(handle);
  ASSERT_OK(s.cgroup.freeze(true));
  ASSERT_OK(handle->kill_tree());  // also a frozen task
  (void)s.cgroup.freeze(false);
  EXPECT_EQ(wait_exit(*handle).signal, SIGKILL);
  ASSERT_OK(handle->shutdown());
}

TEST_F(cgroups, a_group_that_is_left_over_is_emptied_and_made_anew) {
  auto s = spec("task", "/bin/sleep", {"1000"});
  s.cgroup = create("again", {.cpu_shares = 0, .memory_mb = 20, .memory_max_mb = 0, .cores = {}});
  auto handle = start(s);
  ASSERT_TRUE(handle);
  auto second = create("again", {.cpu_shares = 0, .memory_mb = 30, .memory_max_mb = 0, .cores = {}});
  EXPECT_EQ(wait_exit(*handle).signal, SIGKILL);
  EXPECT_TRUE(second.processes().empty());
  ASSERT_OK(handle->shutdown());
  (void)second.remove();
}

TEST_F(cgroups, kills_by_the_v1_freezer_too) {
  if (groups_.mode() == cgroup_mode::v2) return;  // there is none
  task_cgroup group;
  group.mode = cgroup_mode::v1;
  group.freezer = "/sys/fs/cgroup/freezer/" + group_parent() + "/old";
  group.dirs = {group.freezer};
  std::filesystem::create_directories(group.freezer);
  auto s = shell("task", "while :; do sleep 1000 & setsid sleep 1000 & echo ready; wait; done");
  s.cgroup = group;
  auto handle = start(s);
  ASSERT_TRUE(handle);
  wait_log("task", "stdout", "ready");
  ASSERT_OK(handle->kill_tree());
  EXPECT_EQ(wait_exit(*handle).signal, SIGKILL);
  ASSERT_OK(group.kill());
  EXPECT_TRUE(group.processes().empty());
  ASSERT_OK(handle->shutdown());
}

// The files of a v2 group, as plain files: what is written to them and read from them, on machines that have no v2
// controllers.
TEST_F(cgroups, v2_files_are_written_and_read) {
  std::filesystem::create_directories(path("group"));
  auto put = [&](const char* name, const char* content) { std::ofstream(path(std::string("group/") + name)) << content; };
  for (const char* name : {"cpu.weight", "cpuset.cpus", "memory.max", "memory.low", "memory.swap.max"}) put(name, "");
  put("cpu.stat", "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_periods 9\nnr_throttled 3\nthrottled_usec 4\n");
  put("memory.stat", "anon 1000\nfile 2000\nkernel 300\nkernel_stack 7\nfile_mapped 400\n");
  put("memory.current", "3300\n");
  put("memory.peak", "5000\n");
  put("memory.swap.current", "50\n");
  put("memory.events", "low 0\noom 4\noom_kill 2\noom_group_kill 0\n");
  put("cgroup.procs", "");
  task_cgroup group;
  group.mode = cgroup_mode::v2;
  group.cpu = group.cpuacct = group.cpuset = group.memory = group.unified = path("group");
  group.dirs = {path("group")};
  ASSERT_OK(group.apply({.cpu_shares = 2, .memory_mb = 1, .memory_max_mb = 2, .cores = "1-3"}));
  EXPECT_EQ(read(path("group/cpu.weight")), "1");
  EXPECT_EQ(read(path("group/memory.max")), "2097152");
  EXPECT_EQ(read(path("group/memory.low")), "1048576");
  EXPECT_EQ(read(path("group/memory.swap.max")), "0");
  EXPECT_EQ(read(path("group/cpuset.cpus")), "1-3");
  EXPECT_EQ(group.oom_kills(), 2u);
  auto usage = read_usage(group, 0);
  ASSERT_OK(usage);
  EXPECT_EQ(usage->cpu_total_ns, 30'000u);
  EXPECT_EQ(usage->cpu_user_ns, 20'000u);
  EXPECT_EQ(usage->cpu_system_ns, 10'000u);
  EXPECT_EQ(usage->throttled_periods, 3u);
  EXPECT_EQ(usage->throttled_ns, 4'000u);
  EXPECT_EQ(usage->rss_bytes, 1000u);
  EXPECT_EQ(usage->cache_bytes, 2000u);
  EXPECT_EQ(usage->mapped_file_bytes, 400u);
  EXPECT_EQ(usage->kernel_usage_bytes, 300u);
  EXPECT_EQ(usage->usage_bytes, 3300u);
  EXPECT_EQ(usage->max_usage_bytes, 5000u);
  EXPECT_EQ(usage->swap_bytes, 50u);
}

TEST_F(cgroups, refuses_bad_names) {
  for (const char* bad : {"", "a/b", "..", ".x"}) EXPECT_FALSE(groups_.create(bad, {})) << bad;
  auto nowhere = cgroup_manager::detect("../x");
  EXPECT_EQ(nowhere.mode(), cgroup_mode::none);
  EXPECT_NE(nowhere.reason().find("cgroup_parent"), std::string::npos);
  ASSERT_OK(nowhere.create("x", {}));
}

}  // namespace
}  // namespace drover::exec
