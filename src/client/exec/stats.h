// Resource usage of a task: from its cgroup where there is one, else summed over its processes in /proc. Blocking
// reads, any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "client/exec/cgroup.h"

namespace drover::exec {

// CPU figures are totals since the start: the caller makes percentages from two of them.
struct process_usage {
  uint64_t cpu_user_ns = 0;
  uint64_t cpu_system_ns = 0;
  uint64_t rss_bytes = 0;
  uint64_t swap_bytes = 0;
};

struct task_usage {
  uint64_t cpu_user_ns = 0;
  uint64_t cpu_system_ns = 0;
  uint64_t cpu_total_ns = 0;
  uint64_t throttled_periods = 0;
  uint64_t throttled_ns = 0;
  uint64_t rss_bytes = 0;
  uint64_t cache_bytes = 0;
  uint64_t swap_bytes = 0;
  uint64_t mapped_file_bytes = 0;
  uint64_t usage_bytes = 0;
  uint64_t max_usage_bytes = 0;
  uint64_t kernel_usage_bytes = 0;
  uint64_t kernel_max_usage_bytes = 0;
  // When figures were read, Unix nanoseconds (the room reads the clock: it is about real processes).
  int64_t read_at_ns = 0;
  // "RSS", "Cache" ...: which memory figures were really measured, for the API's Measured field.
  std::vector<std::string> measured_memory;
  std::vector<std::string> measured_cpu;
  std::map<int, process_usage> processes;
};

// All processes of the task: those in the cgroup, or without one `root_pid` and its descendants.
result<task_usage> read_usage(const task_cgroup& cgroup, int root_pid);
// nullopt-like: 0 when there is no such process.
uint64_t process_start_ticks(int pid);
// `root` (included) and everything below it, by parent links.
std::vector<int> process_tree(int root);

}  // namespace drover::exec
