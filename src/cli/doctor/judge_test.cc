#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "cli/doctor/machine.h"

namespace drover::cli::doctor {
namespace {

machine_facts good() {
  machine_facts f;
  f.is_root = true;
  f.kernel_release = "6.1.0-test";
  f.cgroup_controllers = {"cpu", "memory", "pids"};
  f.cgroup_writable = true;
  f.has_bridge = f.has_nftables = true;
  f.clock_synchronised = true;
  f.open_files_max = 1 << 20;
  f.disk = {.path = "/var", .error = "", .total_bytes = 100ull << 30, .free_bytes = 50ull << 30, .in_memory = false};
  f.ports = {{4646, ""}};
  return f;
}

finding named(const std::vector<finding>& all, std::string_view name) {
  auto found = std::ranges::find(all, name, &finding::name);
  EXPECT_NE(found, all.end()) << name;
  return found == all.end() ? finding{} : *found;
}

TEST(doctor, finds_nothing_wrong_with_a_good_machine) {
  for (const auto& each : judge(good(), false)) {
    EXPECT_EQ(each.state, verdict::ok) << each.name << ": " << each.found;
    EXPECT_TRUE(each.advice.empty()) << each.name;
  }
}

TEST(doctor, says_what_is_wrong_and_what_would_be_right) {
  struct row {
    const char* name;
    void (*spoil)(machine_facts&);
    verdict state;
    const char* found;
  };
  const row rows[] = {
      {"user", [](auto& f) { f.is_root = false; }, verdict::warning, "not root"},
      {"kernel", [](auto& f) { f.kernel_release = "4.19.0"; }, verdict::problem, "4.19.0"},
      {"kernel", [](auto& f) { f.kernel_release = "5.2.9"; }, verdict::problem, "5.2.9"},
      {"cgroups", [](auto& f) { f.cgroup_controllers = {"cpu"}; }, verdict::warning, "version 2 with cpu"},
      {"cgroups", [](auto& f) { f.cgroup_writable = false; }, verdict::warning, "version 2 with cpu, memory, pids, read-only here"},
      {"cgroups", [](auto& f) { f.cgroup_controllers.reset(); }, verdict::problem, "not mounted"},
      {"namespaces", [](auto& f) { f.missing_namespaces = {"pid"}; }, verdict::problem, "missing: pid"},
      {"bridge networks", [](auto& f) { f.has_nftables = false; }, verdict::warning, "libnftables is not installed"},
      {"docker", [](auto& f) { f.docker_installed = true, f.docker_error = "refused"; }, verdict::warning, "refused"},
      {"disk", [](auto& f) { f.disk.free_bytes = 1 << 20; }, verdict::warning, "/var: 0.0 GiB free of 100.0 GiB"},
      {"disk", [](auto& f) { f.disk.error = "/var: Permission denied"; }, verdict::problem, "/var: Permission denied"},
      {"clock", [](auto& f) { f.clock_synchronised = false; }, verdict::warning, "not synchronised"},
      {"open files", [](auto& f) { f.open_files_max = 1024; }, verdict::warning, "1024"},
      {"ports", [](auto& f) { f.ports[4647] = "Address already in use"; }, verdict::problem, "4647: Address already in use"},
  };
  for (const auto& r : rows) {
    auto facts = good();
    r.spoil(facts);
    auto found = named(judge(facts, false), r.name);
    EXPECT_EQ(found.state, r.state) << r.name << ": " << r.found;
    EXPECT_EQ(found.found, r.found);
    EXPECT_FALSE(found.advice.empty()) << r.name;
  }
}

TEST(doctor, reads_a_machine_below_another_root) {
  std::string root = ::testing::TempDir() + "/doctor-XXXXXX";
  ASSERT_NE(mkdtemp(root.data()), nullptr);
  auto put = [&](const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root + path).parent_path());
    std::ofstream(root + path) << text;
  };
  put("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu memory\n");
  put("/sys/fs/cgroup/cgroup.procs", "");
  put("/proc/self/ns/pid", "");
  put("/proc/self/ns/mnt", "");
  put("/proc/self/ns/ipc", "");
  put("/proc/sys/user/max_mnt_namespaces", "0\n");
  put("/usr/lib/any-linux-gnu/libnftables.so.1", "");
  put("/proc/sys/kernel/osrelease", "9.9\n");
  put("/lib/modules/9.9/modules.builtin", "kernel/net/bridge/bridge.ko\n");
  auto facts = look_at_machine(root, root + "/not/yet/there", true);
  EXPECT_EQ(facts.cgroup_controllers, (std::vector<std::string>{"cpuset", "cpu", "memory"}));
  EXPECT_EQ(facts.missing_namespaces, (std::vector<std::string>{"mount", "network"}));
  EXPECT_TRUE(facts.has_bridge && facts.has_nftables && facts.cgroup_writable);
  EXPECT_FALSE(facts.docker_installed);
  EXPECT_EQ(facts.disk.path, root);
  EXPECT_TRUE(facts.ports.empty()) << "the agent has them";
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace drover::cli::doctor
