// Starting, ending, signalling and killing real tasks.
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "client/exec/connection.h"
#include "client/exec/exec_fixture.h"
#include "client/exec/files.h"

namespace drover::exec {
namespace {

class executor : public exec_fixture {};

TEST_F(executor, reports_how_a_task_ended) {
  struct row {
    const char* script;
    int code, signal;
  };
  const row rows[] = {{"true", 0, 0},       {"false", 1, 0},          {"exit 42", 42, 0},      {"exit 255", 255, 0},
                      {"kill -9 $$", 0, 9}, {"kill -TERM $$", 0, 15}, {"kill -SEGV $$", 0, 11}};
  for (const auto& r : rows) {
    auto status = run(shell("task", r.script));
    EXPECT_EQ(status.code, r.code) << r.script;
    EXPECT_EQ(status.signal, r.signal) << r.script;
    EXPECT_FALSE(status.oom_killed);
    EXPECT_FALSE(status.finished.is_zero());
  }
}

TEST_F(executor, passes_arguments_environment_and_directory) {
  auto s = spec("task", "/bin/sh", {"-c", "echo \"$0|$1|$2\"; echo \"$A\"; pwd; env | wc -l", "zero", "", "a b"});
  s.env = {{"A", "x=y\nz"}};
  s.work_dir = "/usr";
  EXPECT_EQ(run(s).code, 0);
  EXPECT_EQ(log("task", "stdout"), "zero||a b\nx=y\nz\n/usr\n3\n");  // A (two lines) and PWD
}

TEST_F(executor, gives_no_descriptor_but_the_three_and_no_blocked_signal) {
  EXPECT_EQ(run(shell("task", "ls /proc/self/fd | wc -l; grep -E 'Sig(Blk|Ign)' /proc/self/status")).code, 0);
  // ls itself has the directory open.
  EXPECT_EQ(log("task", "stdout"), "4\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST_F(executor, says_exactly_why_a_command_cannot_run) {
  std::filesystem::create_directories(path("bin"));
  std::ofstream(path("bin/plain")) << "#!/bin/sh\n";
  std::ofstream(path("bin/noformat")) << "echo hello\n";
  std::ofstream(path("bin/nointerpreter")) << "#!/no/such/interpreter\n";
  ::chmod(path("bin/noformat").c_str(), 0755);
  ::chmod(path("bin/nointerpreter").c_str(), 0755);
  struct row {
    std::string command;
    errc code;
    std::string text;
  };
  const row rows[] = {
      {"/no/such/program", errc::not_found, "task test/task: executing \"/no/such/program\": command not found"},
      {"no-such-program", errc::not_found, "task test/task: executing \"no-such-program\": command not found"},
      {"/bin/sh/below-a-file", errc::not_found, "command not found"},
      {path("bin/plain"), errc::permission_denied, "not executable (permission denied)"},
      {path("bin"), errc::permission_denied, "Is a directory"},
      {path("bin/noformat"), errc::permission_denied, "not a program"},
      {path("bin/nointerpreter"), errc::not_found, "what its first line (or the program's loader) names does not exist"},
      {"", errc::invalid, "command is missing"},
  };
  for (const auto& r : rows) {
    auto s = spec("task", r.command);
    auto handle = shim_handle::start(s);
    ASSERT_FALSE(handle) << r.command;
    EXPECT_EQ(handle.error().code(), r.code) << handle.error().text();
    EXPECT_NE(handle.error().text().find(r.text), std::string::npos) << handle.error().text();
    EXPECT_FALSE(std::filesystem::exists(s.control_dir + "/shim.sock"));
  }
}

TEST_F(executor, says_why_other_steps_fail) {
  auto broken = [&](auto change, errc code, const std::string& text) {
    auto s = shell("task", "true");
    change(s);
    auto handle = shim_handle::start(s);
    ASSERT_FALSE(handle) << text;
    EXPECT_EQ(handle.error().code(), code) << handle.error().text();
    EXPECT_NE(handle.error().text().find(text), std::string::npos) << handle.error().text();
  };
  broken([](auto& s) { s.work_dir = "/no/dir"; }, errc::io, "changing to work_dir /no/dir: No such file or directory");
  broken([](auto& s) { s.user = "no-such-user"; }, errc::not_found, "user \"no-such-user\" does not exist");
  broken([](auto& s) { s.logs.dir = "/no/logs"; }, errc::io, "opening the log files /no/logs/task: No such file");
  broken([](auto& s) { s.control_dir = "/no/control"; }, errc::io, "control socket in /no/control");
  broken([](auto& s) { s.network_namespace = "/no/netns"; }, errc::io, "entering network namespace /no/netns");
  broken([](auto& s) { s.cgroup.dirs = {"/no/cgroup"}; }, errc::io, "joining cgroup /no/cgroup/cgroup.procs");
  broken([](auto& s) { s.env["A=B"] = "1"; }, errc::invalid, "\"A=B\"");
  broken([](auto& s) { s.args.push_back(std::string("a\0b", 3)); }, errc::invalid, "zero byte");
  broken([](auto& s) { s.shim_path = "/no/shim"; }, errc::not_found, "starting its supervisor /no/shim");
}

TEST_F(executor, looks_for_a_relative_command_in_the_task_then_in_path) {
  std::filesystem::create_directories(path("task/local/bin"));
  std::ofstream(path("task/local/hello")) << "#!/bin/sh\necho local\n";
  std::ofstream(path("task/local/bin/deep")) << "#!/bin/sh\necho deep $0\n";
  ::chmod(path("task/local/hello").c_str(), 0755);
  ::chmod(path("task/local/bin/deep").c_str(), 0755);
  for (const auto& [command, output] : std::map<std::string, std::string>{
           {"hello", "local\n"}, {"local/hello", "local\n"}, {"bin/deep", "deep " + path("task/local/bin/deep") + "\n"}, {"id", ""}}) {
    auto s = spec("task", command);
    s.search_dirs = {path("task/local"), path("task")};
    std::filesystem::remove(path("logs/task.stdout.0"));
    EXPECT_EQ(run(s).code, 0) << command;
    if (!output.empty()) EXPECT_EQ(log("task", "stdout"), output);
  }
}

TEST_F(executor, runs_as_another_user_with_limits) {
  ::chmod(path("").c_str(), 0755);
  auto s = shell("task", "id -un; id -G; ulimit -n; cat /proc/self/oom_score_adj; echo $(grep CapEff /proc/self/status)");
  s.user = "nobody";
  s.rlimits = {{RLIMIT_NOFILE, 77, 88}};
  s.oom_score_adj = 123;
  EXPECT_EQ(run(s).code, 0);
  EXPECT_EQ(log("task", "stdout"), "nobody\n65534\n77\n123\nCapEff: 0000000000000000\n");
}

TEST_F(executor, gives_added_capabilities_to_a_user_and_takes_the_rest_from_root) {
  auto caps = resolve_capabilities({}, {"net_bind_service"}, {"all"});
  ASSERT_OK(caps);
  auto s = shell("task", "grep -E 'Cap(Eff|Bnd)|NoNew' /proc/self/status");
  s.capabilities = *caps;
  s.no_new_privs = true;
  s.user = "nobody";
  EXPECT_EQ(run(s).code, 0);
  const std::string wanted = "CapEff:\t0000000000000400\nCapBnd:\t0000000000000400\nNoNewPrivs:\t1\n";
  EXPECT_EQ(log("task", "stdout"), wanted);
  s.user = "root";
  s.logs.task = "root";
  EXPECT_EQ(run(s).code, 0);
  EXPECT_EQ(log("root", "stdout"), wanted);
}

TEST_F(executor, works_without_root) {
  ::chmod(dir_.c_str(), 0777);
  auto s = shell("task", "id -u; exit 6");
  for (const auto& dir : {s.control_dir, s.logs.dir, path("task")}) ::chmod(dir.c_str(), 0777);
  pid_t agent = ::fork();
  if (agent == 0) {
    if (::setgroups(0, nullptr) != 0 || ::setresgid(65534, 65534, 65534) != 0 || ::setresuid(65534, 65534, 65534) != 0) ::_exit(1);
    auto refused = s;
    refused.user = "root";
    if (shim_handle::start(refused)) ::_exit(2);
    refused = s;
    refused.isolation = isolation_spec{};
    if (auto start = shim_handle::start(refused); start || start.error().text().find("runs as root") == std::string::npos) ::_exit(3);
    auto first = shim_handle::start(s);
    if (!first) ::_exit(4);
    auto handle = shim_handle::attach((*first)->info());
    if (!handle) ::_exit(5);
    auto e = (*handle)->wait_event(patience);
    ::_exit(e && e->exit.code == 6 && (*handle)->task_pid() > 1 && (*handle)->shutdown() ? 0 : 7);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(agent, &status, 0), agent);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(log("task", "stdout"), "65534\n");
}

TEST_F(executor, delivers_signals) {
  auto handle = start(shell("task", "trap 'echo got; exit 7' USR1; echo ready; while :; do sleep 1000 & wait $!; done"));
  ASSERT_TRUE(handle);
  wait_log("task", "stdout", "ready");
  ASSERT_OK(handle->signal(SIGUSR1));
  auto status = wait_exit(*handle);
  EXPECT_EQ(status.code, 7);
  EXPECT_EQ(log("task", "stdout"), "ready\ngot\n");
  auto late = handle->signal(SIGTERM);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), errc::not_found);
  auto bad = handle->signal(4711);
  ASSERT_FALSE(bad);
  ASSERT_OK(handle->shutdown());
}

// Descendants that have left the session, the process group and their parent.
constexpr const char* escaping = "setsid sh -c 'sh -c \"echo \\$\\$ > escaped; exec sleep 1000\" & exit' & wait; echo ready; sleep 1000";

TEST_F(executor, kills_descendants_that_have_double_forked) {
  for (bool with_group : {false, true}) {
    auto s = shell("task", escaping);
    if (with_group) {
      auto group = cgroup_manager::detect(group_parent()).create(fmt::format("kill.{}", ::getpid()), {});
      ASSERT_OK(group);
      s.cgroup = *group;
    }
    s.logs.task = with_group ? "grouped" : "plain";
    auto handle = start(s);
    ASSERT_TRUE(handle);
    wait_log(s.logs.task, "stdout", "ready");
    int escaped = 0;
    while (escaped == 0) escaped = std::atoi(read(path("task/escaped")).c_str());
    ASSERT_EQ(::kill(escaped, 0), 0);
    ASSERT_OK(handle->kill_tree());
    EXPECT_EQ(wait_exit(*handle).signal, SIGKILL);
    EXPECT_TRUE(wait_gone(escaped));
    ASSERT_OK(handle->shutdown());
    EXPECT_TRUE(wait_gone(handle->info().shim_pid));
    std::filesystem::remove(path("task/escaped"));
  }
}

TEST_F(executor, shutdown_ends_a_running_task_and_leaves_nothing) {
  auto handle = start(shell("task", escaping));
  ASSERT_TRUE(handle);
  wait_log("task", "stdout", "ready");
  int escaped = 0;
  while (escaped == 0) escaped = std::atoi(read(path("task/escaped")).c_str());
  ASSERT_OK(handle->shutdown());
  EXPECT_TRUE(wait_gone(handle->task_pid()));
  EXPECT_TRUE(wait_gone(escaped));
  EXPECT_TRUE(wait_gone(handle->info().shim_pid));
  EXPECT_FALSE(std::filesystem::exists(path("task/control/shim.sock")));
}

TEST_F(executor, a_disabled_log_writes_nothing) {
  auto s = shell("task", "echo hello; echo error >&2");
  s.logs.disabled = true;
  EXPECT_EQ(run(s).code, 0);
  EXPECT_TRUE(std::filesystem::is_empty(path("logs")));
}

TEST_F(executor, takes_large_arguments) {
  auto s = spec("task", "/bin/sh", {"-c", "echo ${#1} ${#BIG}", "sh", std::string(100'000, 'x')});
  s.env["BIG"] = std::string(100'000, 'y');
  EXPECT_EQ(run(s).code, 0);
  EXPECT_EQ(log("task", "stdout"), "100000 100000\n");
}

TEST_F(executor, installs_the_shim_once_and_completely) {
  struct stat before{}, after{};
  ASSERT_EQ(::stat(shim_path_.c_str(), &before), 0);
  auto again = install_shim(path("shim"));
  ASSERT_OK(again);
  EXPECT_EQ(*again, shim_path_);
  ASSERT_EQ(::stat(shim_path_.c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
  std::filesystem::resize_file(shim_path_, 10);  // torn by something else
  ASSERT_OK(install_shim(path("shim")));
  ASSERT_EQ(::stat(shim_path_.c_str(), &after), 0);
  EXPECT_EQ(before.st_size, after.st_size);
  EXPECT_FALSE(install_shim("/proc/no/such"));
}

TEST_F(executor, costs_little_memory_and_one_thread) {
  auto handle = start(spec("task", "/bin/sleep", {"1000"}));
  ASSERT_TRUE(handle);
  ASSERT_OK(handle->signal(0));  // answered by the loop: the start is over
  auto proc = fmt::format("/proc/{}/", handle->info().shim_pid);
  EXPECT_EQ(number_of_key(read(proc + "status"), "Threads"), 1u);
  auto pss_kb = number_of_key(read(proc + "smaps_rollup"), "Pss");
  EXPECT_GT(pss_kb, 0u);
  EXPECT_LE(pss_kb, 512u);  // of the first shim; further ones share all but some 70 KB
  RecordProperty("shim_pss_kb", static_cast<int>(pss_kb));
  ASSERT_OK(handle->shutdown());
}

}  // namespace
}  // namespace drover::exec
