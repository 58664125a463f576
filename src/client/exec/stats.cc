#include "client/exec/stats.h"

#include <dirent.h>
#include <unistd.h>

#include <ctime>

#include "base/text.h"
#include "client/exec/files.h"
#include "client/exec/limits.h"
#include "env/clock.h"

namespace drover::exec {
namespace {

uint64_t read_number(const std::string& path) {
  auto text = read_small_file(path);
  return text ? parse_uint(trim(*text)).value_or(0) : 0;
}

uint64_t ticks_to_ns(uint64_t ticks) {
  static const uint64_t ns_per_tick = 1'000'000'000ull / static_cast<uint64_t>(::sysconf(_SC_CLK_TCK));
  return ticks * ns_per_tick;
}

struct proc_stat {
  int parent = 0;
  uint64_t user_ticks = 0, system_ticks = 0, start_ticks = 0;
};

// The name in parentheses may hold anything, also parentheses: fields are counted from the last one.
bool read_stat(int pid, proc_stat& out) {
  auto text = read_small_file(fmt::format("/proc/{}/stat", pid));
  if (!text) return false;
  size_t close = text->rfind(')');
  if (close == text->npos) return false;
  auto fields = split(std::string_view(*text).substr(close + 2), ' ');
  if (fields.size() < 20) return false;
  out.parent = static_cast<int>(parse_int(fields[1]).value_or(0));
  out.user_ticks = parse_uint(fields[11]).value_or(0);
  out.system_ticks = parse_uint(fields[12]).value_or(0);
  out.start_ticks = parse_uint(fields[19]).value_or(0);
  return true;
}

bool read_process(int pid, process_usage& out) {
  proc_stat stat;
  if (!read_stat(pid, stat)) return false;
  out.cpu_user_ns = ticks_to_ns(stat.user_ticks);
  out.cpu_system_ns = ticks_to_ns(stat.system_ticks);
  auto status = read_small_file(fmt::format("/proc/{}/status", pid));
  if (!status) return false;
  out.rss_bytes = number_of_key(*status, "VmRSS") * 1024;
  out.swap_bytes = number_of_key(*status, "VmSwap") * 1024;
  return true;
}

void read_cpu_v2(const std::string& dir, task_usage& usage) {
  auto text = read_small_file(dir + "/cpu.stat").value_or("");
  usage.cpu_total_ns = number_of_key(text, "usage_usec") * 1000;
  usage.cpu_user_ns = number_of_key(text, "user_usec") * 1000;
  usage.cpu_system_ns = number_of_key(text, "system_usec") * 1000;
  usage.throttled_periods = number_of_key(text, "nr_throttled");
  usage.throttled_ns = number_of_key(text, "throttled_usec") * 1000;
}

void read_memory_v2(const std::string& dir, task_usage& usage) {
  auto text = read_small_file(dir + "/memory.stat").value_or("");
  usage.rss_bytes = number_of_key(text, "anon");
  usage.cache_bytes = number_of_key(text, "file");
  usage.mapped_file_bytes = number_of_key(text, "file_mapped");
  usage.kernel_usage_bytes = number_of_key(text, "kernel");
  usage.swap_bytes = read_number(dir + "/memory.swap.current");
  usage.usage_bytes = read_number(dir + "/memory.current");
  usage.max_usage_bytes = read_number(dir + "/memory.peak");
  usage.measured_memory = {"RSS", "Cache", "Swap", "Usage", "Max Usage", "Kernel Usage"};
}

void read_cpu_v1(const task_cgroup& group, task_usage& usage) {
  auto times = read_small_file(group.cpuacct + "/cpuacct.stat").value_or("");
  usage.cpu_user_ns = ticks_to_ns(number_of_key(times, "user"));
  usage.cpu_system_ns = ticks_to_ns(number_of_key(times, "system"));
  usage.cpu_total_ns = read_number(group.cpuacct + "/cpuacct.usage");
  if (group.cpu.empty()) return;
  auto throttled = read_small_file(group.cpu + "/cpu.stat").value_or("");
  usage.throttled_periods = number_of_key(throttled, "nr_throttled");
  usage.throttled_ns = number_of_key(throttled, "throttled_time");
}

void read_memory_v1(const std::string& dir, task_usage& usage) {
  auto text = read_small_file(dir + "/memory.stat").value_or("");
  usage.rss_bytes = number_of_key(text, "total_rss");
  usage.cache_bytes = number_of_key(text, "total_cache");
  usage.swap_bytes = number_of_key(text, "total_swap");
  usage.mapped_file_bytes = number_of_key(text, "total_mapped_file");
  usage.usage_bytes = read_number(dir + "/memory.usage_in_bytes");
  usage.max_usage_bytes = read_number(dir + "/memory.max_usage_in_bytes");
  usage.kernel_usage_bytes = read_number(dir + "/memory.kmem.usage_in_bytes");
  usage.kernel_max_usage_bytes = read_number(dir + "/memory.kmem.max_usage_in_bytes");
  usage.measured_memory = {"RSS", "Cache", "Swap", "Usage", "Max Usage", "Kernel Usage", "Kernel Max Usage"};
}

void sum_processes(task_usage& usage, bool cpu, bool memory) {
  for (const auto& [pid, one] : usage.processes) {
    if (cpu) {
      usage.cpu_user_ns += one.cpu_user_ns;
      usage.cpu_system_ns += one.cpu_system_ns;
      usage.cpu_total_ns += one.cpu_user_ns + one.cpu_system_ns;
    }
    if (memory) {
      usage.rss_bytes += one.rss_bytes;
      usage.swap_bytes += one.swap_bytes;
    }
  }
  if (cpu) usage.measured_cpu = {"System Mode", "User Mode", "Percent"};
  if (memory) usage.measured_memory = {"RSS", "Swap"};
}

}  // namespace

result<task_usage> read_usage(const task_cgroup& group, int root_pid) {
  task_usage usage;
  usage.read_at_ns = env::real_clock().now().ns;
  for (int pid : group.empty() ? process_tree(root_pid) : group.processes()) {
    process_usage one;
    if (read_process(pid, one)) usage.processes.emplace(pid, one);
  }
  bool cpu_known = group.mode == cgroup_mode::v2 ? !group.unified.empty() : !group.cpuacct.empty();
  if (cpu_known) {
    group.mode == cgroup_mode::v2 ? read_cpu_v2(group.unified, usage) : read_cpu_v1(group, usage);
    usage.measured_cpu = {"Throttled Periods", "Throttled Time", "System Mode", "User Mode", "Percent"};
  }
  if (!group.memory.empty()) group.mode == cgroup_mode::v2 ? read_memory_v2(group.memory, usage) : read_memory_v1(group.memory, usage);
  sum_processes(usage, !cpu_known, group.memory.empty());
  if (usage.processes.empty() && group.empty()) return fail(errc::not_found, "process {} has ended", root_pid);
  return usage;
}

uint64_t process_start_ticks(int pid) {
  proc_stat stat;
  return read_stat(pid, stat) ? stat.start_ticks : 0;
}

std::vector<int> process_tree(int root) {
  std::multimap<int, int> children;
  bool root_lives = false;
  DIR* proc = ::opendir("/proc");
  if (!proc) return {};
  while (dirent* entry = ::readdir(proc)) {
    auto pid = parse_int(entry->d_name);
    proc_stat stat;
    if (!pid || !read_stat(static_cast<int>(*pid), stat)) continue;
    children.emplace(stat.parent, static_cast<int>(*pid));
    root_lives |= *pid == root;
  }
  ::closedir(proc);
  std::vector<int> tree;
  if (root_lives) tree.push_back(root);
  for (size_t i = 0; i < tree.size() && tree.size() < limits::processes_max; i++)
    for (auto [at, end] = children.equal_range(tree[i]); at != end; ++at) tree.push_back(at->second);
  return tree;
}

}  // namespace drover::exec
