// The exec driver's isolation, with real mounts and namespaces; and the pure tables beside it.
#include "client/exec/isolation.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "client/exec/exec_fixture.h"

namespace drover::exec {
namespace {

class isolation : public exec_fixture {
 protected:
  launch_spec isolated(const std::string& task, const std::string& script) {
    auto s = shell(task, script);
    for (const char* dir : {"alloc", "local", "secrets", "private", "tmp"}) std::filesystem::create_directories(path(task + "/" + dir));
    ::chmod(path(task + "/local").c_str(), 0777);
    ::chmod(path(task + "/tmp").c_str(), 01777);
    s.isolation = isolation_spec{.root = path(task), .chroot_env = default_chroot_env(), .mounts = {}, .devices = {}};
    s.control_dir = path("control-" + task);
    std::filesystem::remove(path(task + "/control"));
    std::filesystem::create_directories(s.control_dir);
    s.user = "nobody";
    s.work_dir = "/";
    s.no_new_privs = true;
    s.capabilities = *resolve_capabilities({}, {}, {});
    return s;
  }
  std::string output(const launch_spec& s) {
    std::filesystem::remove(path("logs/" + s.logs.task + ".stdout.0"));
    EXPECT_EQ(run(s).code, 0) << log(s.logs.task, "stderr");
    return log(s.logs.task, "stdout");
  }
};

TEST_F(isolation, sees_only_its_own_root) {
  auto text = output(isolated("task", "ls -d /root /home /var /boot /srv 2>/dev/null; cat /etc/shadow 2>/dev/null; ls / | tr '\\n' ' '; id -un"));
  std::string wanted = "alloc bin dev etc lib lib64 local private proc sbin secrets sys tmp usr nobody\n";
  if (std::filesystem::exists("/lib32")) wanted.insert(wanted.find("lib64"), "lib32 ");
  EXPECT_EQ(text, wanted);
}

TEST_F(isolation, host_paths_are_read_only_even_for_root_and_the_task_directory_is_not) {
  auto s = isolated("task",
                    "touch /usr/x || touch /etc/x || touch /bin/x || echo x > /proc/sys/kernel/hostname || touch /sys/x; echo $?;"
                    "touch /local/file /tmp/file && echo written");
  s.user = "root";
  EXPECT_EQ(output(s), "1\nwritten\n");
  EXPECT_TRUE(std::filesystem::exists(path("task/local/file")));
  EXPECT_FALSE(std::filesystem::exists("/usr/x"));
}

TEST_F(isolation, nothing_of_it_is_mounted_on_the_host) {
  std::string before = read("/proc/self/mountinfo");
  output(isolated("task", "true"));
  EXPECT_EQ(read("/proc/self/mountinfo"), before);
  EXPECT_TRUE(std::filesystem::is_empty(path("task/usr")));
}

TEST_F(isolation, has_its_own_processes_with_an_init_that_reaps) {
  // The sleeper's parent ends: it becomes a child of process 1 and a zombie for good if nobody reaped it.
  auto text = output(isolated("task",
                              "(setsid sh -c 'exit 0' & exec true); cat /proc/1/comm; ls -d /proc/[0-9]* | wc -l | grep -q '^[2-6]$' && echo "
                              "few;"
                              "while grep -q Z /proc/[0-9]*/status 2>/dev/null && grep -l '(zombie)' /proc/[0-9]*/status; do :; done; "
                              "kill -9 1 2>/dev/null; echo alive; cat /proc/1/environ 2>/dev/null; ls /proc/1/root 2>/dev/null; echo end"));
  EXPECT_EQ(text, "drover-shim\nfew\nalive\nend\n");
}

TEST_F(isolation, root_inside_cannot_reach_the_host_through_process_1) {
  auto s = isolated("task",
                    "ls /proc/1/root/ 2>/dev/null; ls /proc/1/cwd/ 2>/dev/null; readlink /proc/1/fd/* /proc/1/exe; cat "
                    "/proc/1/fd/[0-9]* 2>/dev/null; kill -9 1; echo end");
  s.user = "root";
  EXPECT_EQ(output(s), "end\n");
}

TEST_F(isolation, has_the_usual_devices) {
  auto text = output(isolated("task",
                              "for d in null zero full random urandom tty ptmx; do test -c /dev/$d || echo no $d; "
                              "done; test -d /dev/pts && test -d /dev/shm;"
                              "echo x > /dev/null; echo x > /dev/shm/x && head -c 3 /dev/zero | wc -c; echo fd > "
                              "/dev/fd/1; ls /dev | wc -w; test -b /dev/vda || echo no disk"));
  EXPECT_EQ(text, "3\nfd\n13\nno disk\n");
}

TEST_F(isolation, terminals_work_inside) {
  auto s = isolated("task", "sleep 1000");
  auto handle = start(s);
  ASSERT_TRUE(handle);
  auto session =
      handle->exec({.argv = {"sh", "-c", "cat /proc/1/comm; test -e /root || echo own; id -un; tty -s && stty size"}, .env = {}, .work_dir = {}, .tty = true});
  ASSERT_OK(session);
  EXPECT_EQ(read_all(session->stdout_fd()), "drover-shim\r\nown\r\nnobody\r\n24 80\r\n");
  EXPECT_EQ(wait_for(*handle, event::kind::exec_exited).exit.code, 0);
  auto missing = handle->exec({.argv = {"/root/secret"}, .env = {}, .work_dir = {}});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), errc::not_found);
  ASSERT_OK(handle->shutdown());
}

TEST_F(isolation, finds_commands_inside_the_root_only) {
  auto s = isolated("task", "");
  std::ofstream(path("task/local/tool")) << "#!/bin/sh\necho from $0\n";
  ::chmod(path("task/local/tool").c_str(), 0755);
  s.search_dirs = {"/local", "/"};
  s.args = {};
  for (const char* command : {"tool", "local/tool", "/local/tool"}) {
    s.command = command;
    EXPECT_EQ(output(s), "from /local/tool\n") << command;
  }
  s.command = path("task/local/tool");  // a host path
  auto handle = shim_handle::start(s);
  ASSERT_FALSE(handle);
  EXPECT_EQ(handle.error().code(), errc::not_found);
}

TEST_F(isolation, shares_what_is_mounted_into_it) {
  auto s = isolated("task",
                    "cat /alloc/shared /extra/file; touch /extra/x 2>/dev/null || echo read-only; cat /single; cat "
                    "/private/secret 2>/dev/null || echo hidden");
  std::filesystem::create_directories(path("shared"));
  std::filesystem::create_directories(path("extra"));
  std::ofstream(path("shared/shared")) << "shared\n";
  std::ofstream(path("extra/file")) << "extra\n";
  std::ofstream(path("single")) << "single\n";
  std::ofstream(path("task/private/secret")) << "secret\n";
  s.isolation->mounts = {{path("shared"), "/alloc"}, {path("extra"), "extra", true}, {path("single"), "single", true}, {path("none"), "none", true, true}};
  s.user = "root";
  EXPECT_EQ(output(s), "shared\nextra\nread-only\nsingle\nhidden\n");
  s.isolation->mounts = {{path("none"), "none"}};
  auto handle = shim_handle::start(s);
  ASSERT_FALSE(handle);
  EXPECT_NE(handle.error().text().find("mounting " + path("none")), std::string::npos) << handle.error().text();
}

TEST_F(isolation, a_symbolic_link_left_by_the_task_leads_nowhere) {
  auto s = isolated("task", "true");
  std::filesystem::create_directories(path("victim"));
  std::filesystem::create_directory_symlink(path("victim"), path("task/extra"));
  s.isolation->mounts = {{"/usr", "extra/deep"}};
  auto handle = shim_handle::start(s);
  ASSERT_FALSE(handle);
  EXPECT_NE(handle.error().text().find("mounting extra/deep"), std::string::npos) << handle.error().text();
  EXPECT_TRUE(std::filesystem::is_empty(path("victim")));
}

TEST_F(isolation, namespaces_can_be_shared_with_the_host) {
  auto s = isolated("task", "readlink /proc/self/ns/pid /proc/self/ns/ipc /proc/self/ns/mnt");
  auto own = [](const char* kind) { return std::filesystem::read_symlink(std::string("/proc/self/ns/") + kind).string() + "\n"; };
  auto text = output(s);
  EXPECT_EQ(text.find(own("pid")), std::string::npos);
  EXPECT_EQ(text.find(own("ipc")), std::string::npos);
  s.isolation->pid_namespace = s.isolation->ipc_namespace = false;
  text = output(s);
  EXPECT_NE(text.find(own("pid")), std::string::npos);
  EXPECT_NE(text.find(own("ipc")), std::string::npos);
  EXPECT_EQ(text.find(own("mnt")), std::string::npos);
}

TEST_F(isolation, a_killed_shim_takes_the_whole_namespace_along) {
  auto s = isolated("task", "setsid sh -c 'echo ready; sleep 1000' & wait");
  auto handle = start(s);
  ASSERT_TRUE(handle);
  wait_log("task", "stdout", "ready");
  auto tree = process_tree(handle->info().shim_pid);
  ASSERT_GE(tree.size(), 3u);
  ASSERT_EQ(::kill(handle->info().shim_pid, SIGKILL), 0);
  for (int pid : tree) EXPECT_TRUE(wait_gone(pid)) << pid;
}

TEST_F(isolation, default_signals_end_the_task_though_it_is_alone_in_its_namespace) {
  auto s = isolated("task", "exec sleep 1000");
  auto handle = start(s);
  ASSERT_TRUE(handle);
  ASSERT_OK(handle->signal(SIGINT));
  EXPECT_EQ(wait_exit(*handle).signal, SIGINT);
  ASSERT_OK(handle->shutdown());
}

TEST_F(isolation, a_capability_that_was_added_is_effective_for_nobody) {
  auto s = isolated("task", "grep CapEff /proc/self/status; id -u");
  s.capabilities = *resolve_capabilities({}, {"NET_BIND_SERVICE"}, {});
  EXPECT_EQ(output(s), "CapEff:\t0000000000000400\n65534\n");
}

TEST(capabilities, are_resolved) {
  auto bit = [](int n) { return 1ull << n; };
  auto defaults = resolve_capabilities({}, {}, {});
  ASSERT_OK(defaults);
  EXPECT_EQ(defaults->bounding, 0xa80405fbull & ~bit(13));  // the usual container set without net_raw
  EXPECT_EQ(defaults->ambient, 0u);
  EXPECT_EQ(resolve_capabilities({}, {"CAP_CHOWN"}, {"ALL"})->bounding, bit(0));
  EXPECT_EQ(resolve_capabilities({"all"}, {"sys_time"}, {"all"})->bounding, bit(25));
  EXPECT_EQ(resolve_capabilities({"chown", "kill"}, {}, {"kill"})->bounding, bit(0));
  EXPECT_EQ(resolve_capabilities({"chown"}, {"all"}, {})->bounding, bit(0));
  auto refused = resolve_capabilities({}, {"sys_admin"}, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), errc::permission_denied);
  auto unknown = resolve_capabilities({}, {"sys_admim"}, {});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().message(), "cap_add: capability \"sys_admim\" is not known; did you mean sys_admin?");
}

TEST(signals, have_names) {
  EXPECT_EQ(*parse_signal("SIGTERM"), SIGTERM);
  EXPECT_EQ(*parse_signal("hup"), SIGHUP);
  EXPECT_EQ(*parse_signal("9"), SIGKILL);
  for (const auto& name : signal_names()) ASSERT_OK(parse_signal(name));
  EXPECT_EQ(signal_name(SIGUSR1), "SIGUSR1");
  EXPECT_EQ(signal_name(40), "SIG40");
  for (const char* bad : {"SIGNOPE", "", "SIG", "0", "65", "-1", "SIGTERM "}) EXPECT_FALSE(parse_signal(bad)) << bad;
  EXPECT_EQ(parse_signal("SIGTREM").error().message(), "signal \"SIGTREM\" is not known; did you mean SIGTERM?");
}

TEST(users, are_found_by_name_and_number) {
  EXPECT_EQ(find_user("root")->uid, 0u);
  EXPECT_EQ(find_user("nobody")->uid, 65534u);
  EXPECT_EQ(find_user("65534")->gid, 65534u);
  EXPECT_EQ(find_user("54321")->uid, 54321u);
  EXPECT_EQ(find_user("no-such-user").error().code(), errc::not_found);
}

TEST(reattach, is_stored_as_text) {
  reattach_info info{.control_dir = "/a/b=c", .shim_pid = 1, .shim_start_ticks = 2, .task_pid = 3, .task_start_ticks = 4, .cgroup = {}};
  info.cgroup.mode = cgroup_mode::hybrid;
  info.cgroup.memory = "/sys/fs/cgroup/memory/x";
  info.cgroup.unified = "/sys/fs/cgroup/unified/x";
  info.cgroup.dirs = {info.cgroup.memory, info.cgroup.unified};
  auto again = reattach_info::parse(info.serialise());
  ASSERT_OK(again);
  EXPECT_EQ(again->serialise(), info.serialise());
  EXPECT_EQ(again->control_dir, "/a/b=c");
  EXPECT_EQ(again->task_start_ticks, 4u);
  EXPECT_EQ(again->cgroup.dirs, info.cgroup.dirs);
  EXPECT_FALSE(reattach_info::parse(""));
  EXPECT_FALSE(reattach_info::parse("nonsense"));
}

}  // namespace
}  // namespace drover::exec
