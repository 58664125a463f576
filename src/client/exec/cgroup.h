// Control groups for tasks, on whatever the machine has: v2, v1, or v1 with a v2 hierarchy beside it (hybrid).
// cgroup_manager is created once, is immutable afterwards and may be used from any thread. task_cgroup is a plain
// value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace drover::exec {

enum class cgroup_mode { none, v1, hybrid, v2 };
std::string_view name(cgroup_mode mode);

// Zero or empty: not limited.
struct cgroup_limits {
  // MHz, as the job says; becomes cpu.shares or cpu.weight.
  int64_t cpu_shares = 0;
  int64_t memory_mb = 0;
  // Over memory_mb: the hard limit, while memory_mb is what is kept for the task.
  int64_t memory_max_mb = 0;
  // A cpuset: "0-2,5".
  std::string cores;
  bool is_set() const { return memory_mb > 0 || cpu_shares > 0; }
};

// The directories that belong to one task, by what they control. Empty: no cgroup.
struct task_cgroup {
  cgroup_mode mode = cgroup_mode::none;
  // All directories a process must join, without duplicates.
  std::vector<std::string> dirs;
  // Each one of dirs, or empty where the machine has no such controller.
  std::string cpu, cpuacct, cpuset, memory, freezer, unified;

  bool empty() const { return dirs.empty(); }
  result<> apply(const cgroup_limits& limits) const;
  // Kills every process inside: cgroup.kill, or freeze + SIGKILL + thaw. Returns when the group is empty or after a
  // bounded time.
  result<> kill() const;
  result<> freeze(bool frozen) const;
  // Process ids inside, also of child groups.
  std::vector<int> processes() const;
  // How often the kernel killed a process here for lack of memory.
  uint64_t oom_kills() const;
  // After the last process has ended. Directories that are gone already are no error.
  result<> remove() const;

  std::string serialise() const;
  static result<task_cgroup> parse(std::string_view text);
};

class cgroup_manager {
 public:
  // Finds what is mounted (reads /proc/self/mountinfo) and creates the parent group. `parent` empty: "nomad.slice" on
  // v2, "/nomad" on v1. Never fails: where groups cannot be made the mode is none and reason() says why.
  static cgroup_manager detect(std::string parent = {});

  cgroup_mode mode() const { return mode_; }
  // Why the mode is none, or which controllers are missing.
  const std::string& reason() const { return reason_; }
  // What a task sees as NOMAD_PARENT_CGROUP.
  const std::string& parent() const { return parent_; }
  bool can_limit_memory() const;

  // An empty group called `name` ("ALLOC.TASK") with these limits; one that is left from before is killed and made
  // anew. Time: on v2 the task starts inside and nothing waits. On v1 and hybrid joining waits 5 to 15 ms for the
  // kernel; with no limits at all hybrid uses the v2 hierarchy alone and does not wait (usage is then summed from
  // /proc, limits cannot be added by resize()).
  result<task_cgroup> create(const std::string& name, const cgroup_limits& limits) const;
  // The group that create() made with the same arguments, as it is; empty if it is not there.
  task_cgroup find(const std::string& name, const cgroup_limits& limits) const;
  // Where all shims live.
  task_cgroup shim_cgroup() const;

 private:
  result<> make_parents(const std::string& below);
  task_cgroup place(const std::string& name, const cgroup_limits& limits) const;
  cgroup_mode mode_ = cgroup_mode::none;
  std::string reason_;
  std::string parent_;
  // Mount points of the hierarchies; empty: not there or not usable.
  std::string cpu_, cpuacct_, cpuset_, memory_, freezer_, unified_, systemd_;
};

}  // namespace drover::exec
