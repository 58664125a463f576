#include "client/exec/cgroup.h"

#include <dirent.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>

#include "base/text.h"
#include "client/exec/files.h"
#include "client/exec/limits.h"
#include "shim/pidfd.h"

namespace drover::exec {
namespace {

constexpr int64_t bytes_per_mb = 1024 * 1024;

// Directories below `dir`, deepest first, then `dir` itself.
void collect_groups(const std::string& dir, std::vector<std::string>& out) {
  DIR* open = ::opendir(dir.c_str());
  if (!open) return;
  while (dirent* entry = ::readdir(open))
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.') collect_groups(dir + "/" + entry->d_name, out);
  ::closedir(open);
  out.push_back(dir);
}

result<> make_dir(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST) return {};
  return fail(system_error(errno, "create cgroup " + path));
}

result<> set_cpu(const task_cgroup& group, int64_t shares) {
  if (shares <= 0 || group.cpu.empty()) return {};
  shares = std::clamp<int64_t>(shares, 2, 262144);
  if (group.mode != cgroup_mode::v2) return write_control_file(group.cpu + "/cpu.shares", std::to_string(shares));
  // The kernel's two scales, 2..262144 and 1..10000, laid over each other.
  return write_control_file(group.cpu + "/cpu.weight", std::to_string(1 + (shares - 2) * 9999 / 262142));
}

result<> set_memory(const task_cgroup& group, const cgroup_limits& limits) {
  int64_t hard = limits.memory_max_mb > 0 ? limits.memory_max_mb : limits.memory_mb;
  if (hard <= 0 || group.memory.empty()) return {};
  int64_t soft = limits.memory_max_mb > 0 ? limits.memory_mb : 0;
  if (group.mode == cgroup_mode::v2) {
    TRY(write_control_file(group.memory + "/memory.max", std::to_string(hard * bytes_per_mb)));
    TRY(write_control_file(group.memory + "/memory.low", std::to_string(soft * bytes_per_mb)));
    // Absent on kernels without swap accounting.
    (void)write_control_file(group.memory + "/memory.swap.max", "0");
    return {};
  }
  TRY(write_control_file(group.memory + "/memory.limit_in_bytes", std::to_string(hard * bytes_per_mb)));
  if (soft > 0) TRY(write_control_file(group.memory + "/memory.soft_limit_in_bytes", std::to_string(soft * bytes_per_mb)));
  (void)write_control_file(group.memory + "/memory.swappiness", "0");
  return {};
}

// A v1 cpuset is of no use before it has cpus and memory nodes.
result<> inherit_cpuset(const std::string& parent, const std::string& dir) {
  for (const char* name : {"/cpuset.mems", "/cpuset.cpus"}) {
    TRY_ASSIGN(auto own, read_small_file(dir + name));
    if (!trim(own).empty()) continue;
    TRY_ASSIGN(auto inherited, read_small_file(parent + name));
    TRY(write_control_file(dir + name, trim(inherited)));
  }
  return {};
}

void kill_and_wait(const std::vector<int>& pids, std::chrono::steady_clock::time_point deadline) {
  std::vector<unique_fd> open;
  std::vector<pollfd> waiting;
  for (int pid : pids) {
    unique_fd fd(::pidfd_open(pid, 0));
    if (!fd) continue;
    ::pidfd_send_signal(fd.get(), SIGKILL, nullptr, 0);
    waiting.push_back({fd.get(), POLLIN, 0});
    open.push_back(std::move(fd));
  }
  for (auto& one : waiting) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0 || ::poll(&one, 1, static_cast<int>(left)) == 0) return;
  }
}

struct mount_point {
  std::string path, type, options;
};

std::vector<mount_point> cgroup_mounts() {
  std::vector<mount_point> found;
  auto text = read_small_file("/proc/self/mountinfo");
  if (!text) return found;
  for (auto line : split(*text, '\n')) {
    auto fields = split(line, ' ');
    auto dash = std::ranges::find(fields, "-");
    if (fields.size() < 10 || fields.end() - dash < 4) continue;
    std::string type(dash[1]);
    if (type == "cgroup" || type == "cgroup2") found.push_back({std::string(fields[4]), type, std::string(dash[3])});
  }
  return found;
}

bool has_option(const std::string& options, std::string_view wanted) {
  auto all = split(options, ',');
  return std::ranges::find(all, wanted) != all.end();
}

// Makes controllers usable in the children of `dir`; returns those that are.
std::string enable_controllers(const std::string& dir) {
  for (const char* controller : {"+cpu", "+cpuset", "+memory"}) (void)write_control_file(dir + "/cgroup.subtree_control", controller);
  return std::string(trim(read_small_file(dir + "/cgroup.subtree_control").value_or("")));
}

void add_dir(task_cgroup& group, const std::string& dir) {
  if (!dir.empty() && std::ranges::find(group.dirs, dir) == group.dirs.end()) group.dirs.push_back(dir);
}

std::string parent_of(const std::string& dir) { return dir.substr(0, dir.rfind('/')); }

using member = std::string task_cgroup::*;
constexpr std::array<std::pair<std::string_view, member>, 6> members = {{{"cpu", &task_cgroup::cpu},
                                                                         {"cpuacct", &task_cgroup::cpuacct},
                                                                         {"cpuset", &task_cgroup::cpuset},
                                                                         {"memory", &task_cgroup::memory},
                                                                         {"freezer", &task_cgroup::freezer},
                                                                         {"unified", &task_cgroup::unified}}};

constexpr std::array<cgroup_mode, 4> modes = {cgroup_mode::none, cgroup_mode::v1, cgroup_mode::hybrid, cgroup_mode::v2};

}  // namespace

std::string_view name(cgroup_mode mode) {
  switch (mode) {
    case cgroup_mode::none: return "none";
    case cgroup_mode::v1: return "v1";
    case cgroup_mode::hybrid: return "hybrid";
    case cgroup_mode::v2: return "v2";
  }
  return "none";
}

result<> task_cgroup::apply(const cgroup_limits& wanted) const {
  TRY(set_cpu(*this, wanted.cpu_shares));
  TRY(set_memory(*this, wanted));
  if (!wanted.cores.empty() && !cpuset.empty()) TRY(write_control_file(cpuset + "/cpuset.cpus", wanted.cores));
  return {};
}

result<> task_cgroup::freeze(bool frozen) const {
  if (!unified.empty()) return write_control_file(unified + "/cgroup.freeze", frozen ? "1" : "0");
  if (!freezer.empty()) return write_control_file(freezer + "/freezer.state", frozen ? "FROZEN" : "THAWED");
  return fail(errc::unsupported, "the task has no cgroup that could be frozen");
}

result<> task_cgroup::kill() const {
  if (empty()) return {};
  auto deadline = std::chrono::steady_clock::now() + std::chrono::nanoseconds(limits::cgroup_kill_timeout.ns);
  for (;;) {
    if (!unified.empty()) (void)write_control_file(unified + "/cgroup.kill", "1");
    auto pids = processes();
    if (pids.empty()) return {};
    if (std::chrono::steady_clock::now() > deadline)
      return fail(errc::timeout, "{} processes of cgroup {} have not ended {} after SIGKILL", pids.size(), dirs.front(),
                  to_string(limits::cgroup_kill_timeout));
    // Frozen processes cannot fork away from the list; SIGKILL takes effect at the thaw (v2 kills frozen ones as well).
    bool frozen = !freezer.empty() && freeze(true).has_value();
    for (int pid : frozen ? processes() : std::vector<int>{}) ::kill(pid, SIGKILL);
    if (frozen) (void)freeze(false);
    kill_and_wait(pids, deadline);
  }
}

std::vector<int> task_cgroup::processes() const {
  std::vector<std::string> groups;
  for (const auto& dir : dirs) collect_groups(dir, groups);
  std::vector<int> pids;
  for (const auto& group : groups) {
    auto text = read_small_file(group + "/cgroup.procs");
    if (!text) continue;
    for (auto line : split(*text, '\n'))
      if (auto pid = parse_int(line); pid && pids.size() < limits::processes_max) pids.push_back(static_cast<int>(*pid));
  }
  std::ranges::sort(pids);
  pids.erase(std::ranges::unique(pids).begin(), pids.end());
  return pids;
}

uint64_t task_cgroup::oom_kills() const {
  if (memory.empty()) return 0;
  auto text = read_small_file(memory + (mode == cgroup_mode::v2 ? "/memory.events" : "/memory.oom_control"));
  return text ? number_of_key(*text, "oom_kill") : 0;
}

result<> task_cgroup::remove() const {
  std::vector<std::string> groups;
  for (const auto& dir : dirs) collect_groups(dir, groups);
  for (const auto& group : groups)
    if (::rmdir(group.c_str()) < 0 && errno != ENOENT) return fail(system_error(errno, "remove cgroup " + group));
  return {};
}

std::string task_cgroup::serialise() const {
  if (empty()) return {};
  std::string text = fmt::format("mode={}\n", exec::name(mode));
  for (const auto& [key, field] : members)
    if (!(this->*field).empty()) text += fmt::format("{}={}\n", key, this->*field);
  // Directories that only hold processes and have no controller of their own.
  for (const auto& dir : dirs) text += fmt::format("dir={}\n", dir);
  return text;
}

result<task_cgroup> task_cgroup::parse(std::string_view text) {
  task_cgroup group;
  for (auto line : split(text, '\n')) {
    if (line.empty()) continue;
    size_t equals = line.find('=');
    if (equals == line.npos) return fail(errc::corrupt, "stored cgroup: line \"{}\" is not KEY=VALUE", line);
    auto key = line.substr(0, equals);
    std::string value(line.substr(equals + 1));
    if (key == "dir") add_dir(group, value);
    for (auto mode : modes)
      if (key == "mode" && exec::name(mode) == value) group.mode = mode;
    for (const auto& [known, field] : members)
      if (known == key) group.*field = value;
  }
  return group;
}

cgroup_manager cgroup_manager::detect(std::string parent) {
  cgroup_manager m;
  const std::array<std::pair<std::string_view, std::string*>, 6> controllers = {
      {{"cpu", &m.cpu_}, {"cpuacct", &m.cpuacct_}, {"cpuset", &m.cpuset_}, {"memory", &m.memory_}, {"freezer", &m.freezer_}, {"name=systemd", &m.systemd_}}};
  for (const auto& mount : cgroup_mounts()) {
    if (mount.type == "cgroup2") m.unified_ = mount.path;
    for (const auto& [option, place] : controllers)
      if (mount.type == "cgroup" && has_option(mount.options, option)) *place = mount.path;
  }
  bool any_v1 = !m.cpu_.empty() || !m.cpuacct_.empty() || !m.cpuset_.empty() || !m.memory_.empty() || !m.freezer_.empty();
  m.mode_ = any_v1 ? (m.unified_.empty() ? cgroup_mode::v1 : cgroup_mode::hybrid) : (m.unified_.empty() ? cgroup_mode::none : cgroup_mode::v2);
  m.parent_ = !parent.empty() ? parent : m.mode_ == cgroup_mode::v2 ? "nomad.slice" : "/nomad";
  if (m.mode_ == cgroup_mode::none) {
    m.reason_ = "no cgroup file system is mounted";
    return m;
  }
  std::string_view below = m.parent_;
  while (below.starts_with('/')) below.remove_prefix(1);
  auto usable = m.make_parents(std::string(below));
  if (!usable) {
    m = cgroup_manager();
    m.reason_ = usable.error().text();
  }
  return m;
}

// Turns the mount points into the parent directories below them.
result<> cgroup_manager::make_parents(const std::string& below) {
  if (below.empty() || below.find("..") != below.npos)
    return fail(errc::invalid, "cgroup_parent \"{}\" is no name of a group; one such as \"nomad\" is expected", parent_);
  bool v2 = mode_ == cgroup_mode::v2;
  if (v2) enable_controllers(unified_);
  for (std::string* place : {&cpu_, &cpuacct_, &cpuset_, &memory_, &freezer_, &unified_, &systemd_}) {
    if (place->empty()) continue;
    std::string dir = *place;
    for (auto part : split(below, '/')) {
      std::string above = dir;
      dir += "/" + std::string(part);
      TRY(make_dir(dir));
      if (v2) enable_controllers(dir);
      if (!v2 && place == &cpuset_) TRY(inherit_cpuset(above, dir));
    }
    *place = dir;
  }
  if (!v2) {
    if (memory_.empty()) reason_ = "there is no memory controller: memory limits are not enforced";
    return {};
  }
  for (const char* slice : {"/share.slice", "/reserve.slice"}) {
    TRY(make_dir(unified_ + slice));
    std::string enabled = enable_controllers(unified_ + slice);
    auto has = [&](std::string_view controller) { return has_option(replace_all(enabled, " ", ","), controller); };
    cpu_ = has("cpu") ? unified_ : "";
    memory_ = has("memory") ? unified_ : "";
    cpuset_ = has("cpuset") ? unified_ : "";
  }
  if (memory_.empty()) reason_ = "the memory controller cannot be enabled: memory limits are not enforced";
  return {};
}

bool cgroup_manager::can_limit_memory() const { return !memory_.empty(); }

task_cgroup cgroup_manager::place(const std::string& name, const cgroup_limits& limits) const {
  task_cgroup group;
  bool with_cpuset = !limits.cores.empty();
  group.mode = mode_;
  auto below = [&](const std::string& parent, const std::string& rest) { return parent.empty() ? std::string() : parent + "/" + rest; };
  if (mode_ == cgroup_mode::v2) {
    group.unified = unified_ + (with_cpuset ? "/reserve.slice/" : "/share.slice/") + name + ".scope";
    group.cpuacct = group.unified;
    if (!cpu_.empty()) group.cpu = group.unified;
    if (!memory_.empty()) group.memory = group.unified;
    if (with_cpuset && !cpuset_.empty()) group.cpuset = group.unified;
  } else {
    // A process that joins v1 groups waits for the kernel (an RCU grace period, 5 to 15 ms) once for all of them; one
    // that only starts inside a v2 group does not. So without limits there are no v1 groups where v2 can kill and
    // freeze.
    bool limited = unified_.empty() || limits.cpu_shares > 0 || limits.memory_mb > 0 || !limits.cores.empty();
    if (limited) {
      group.cpu = below(cpu_, name);
      group.cpuacct = below(cpuacct_, name);
      group.memory = below(memory_, name);
    }
    group.unified = below(unified_, name);
    // Every group joined costs time at the start: the v2 hierarchy kills and freezes better, so the v1 freezer is for
    // machines without.
    if (unified_.empty()) group.freezer = below(freezer_, name);
    if (with_cpuset) group.cpuset = below(cpuset_, name);
  }
  for (const auto& [key, field] : members) add_dir(group, group.*field);
  return group;
}

result<task_cgroup> cgroup_manager::create(const std::string& name, const cgroup_limits& limits) const {
  if (mode_ == cgroup_mode::none) return task_cgroup{};
  if (name.empty() || name.front() == '.' || name.find('/') != name.npos)
    return fail(errc::invalid, "\"{}\" is no name for a cgroup; ALLOC.TASK without a slash is expected", name);
  task_cgroup group = place(name, limits);
  for (const auto& dir : group.dirs) {
    if (::mkdir(dir.c_str(), 0755) == 0) continue;
    if (errno != EEXIST) return fail(system_error(errno, "create cgroup " + dir));
    TRY(group.kill());
    TRY(group.remove());
    return create(name, limits);
  }
  if (mode_ != cgroup_mode::v2 && !group.cpuset.empty()) TRY(inherit_cpuset(parent_of(group.cpuset), group.cpuset));
  if (auto applied = group.apply(limits); !applied) {
    (void)group.remove();
    return wrap(applied.error(), "setting the limits of cgroup " + name);
  }
  return group;
}

task_cgroup cgroup_manager::find(const std::string& name, const cgroup_limits& limits) const {
  if (mode_ == cgroup_mode::none) return {};
  task_cgroup group = place(name, limits);
  for (const auto& dir : group.dirs)
    if (::access(dir.c_str(), F_OK) < 0) return {};
  return group;
}

// Out of the groups by which a service manager finds what belongs to the agent: the v2 hierarchy, or systemd's own
// beside v1. An agent that no manager has put into a group of its own needs none, and saves the time.
task_cgroup cgroup_manager::shim_cgroup() const {
  task_cgroup group;
  group.mode = mode_;
  auto own = read_small_file("/proc/self/cgroup").value_or("");
  for (auto line : split(own, '\n')) {
    bool is_unified = line.starts_with("0::"), is_systemd = line.find(":name=systemd:") != line.npos;
    if ((!is_unified && !is_systemd) || line.ends_with(":/")) continue;
    const std::string& parent = is_unified ? unified_ : systemd_;
    std::string dir = parent + (mode_ == cgroup_mode::v2 ? "/shims.slice" : "/shims");
    if (parent.empty() || !make_dir(dir)) continue;
    add_dir(group, dir);
    if (is_unified) group.unified = dir;
  }
  return group;
}

}  // namespace drover::exec
