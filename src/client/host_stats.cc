#include "client/host_stats.h"

#include <sys/statvfs.h>

#include <fstream>
#include <set>
#include <sstream>

#include "base/text.h"
#include "client/gc.h"
#include "client/system.h"

namespace drover::client {

namespace {
void read_memory(schema::host_stats& out) {
  schema::host_memory_stats m;
  std::istringstream lines(read_file("/proc/meminfo").value_or(""));
  std::string key, unit;
  uint64_t kilobytes;
  while (lines >> key >> kilobytes) {
    std::getline(lines, unit);
    if (key == "MemTotal:") m.total = kilobytes * 1024;
    else if (key == "MemAvailable:") m.available = kilobytes * 1024;
    else if (key == "MemFree:") m.free = kilobytes * 1024;
  }
  m.used = m.total - m.available;
  out.memory = m;
}

std::optional<schema::host_disk_stats> disk_of(const std::string& device, const std::string& point) {
  struct statvfs fs{};
  if (::statvfs(point.c_str(), &fs) != 0 || fs.f_blocks == 0) return std::nullopt;
  schema::host_disk_stats d;
  d.device = device;
  d.mountpoint = point;
  d.size = fs.f_blocks * fs.f_frsize;
  d.available = fs.f_bavail * fs.f_frsize;
  d.used = (fs.f_blocks - fs.f_bfree) * fs.f_frsize;
  d.used_percent = used_percent(fs.f_blocks, fs.f_bfree, fs.f_bavail);
  if (fs.f_files > 0) d.inodes_used_percent = 100.0 * static_cast<double>(fs.f_files - fs.f_ffree) / static_cast<double>(fs.f_files);
  return d;
}

void read_disks(schema::host_stats& out, const std::string& alloc_dir) {
  std::ifstream mounts("/proc/self/mounts");
  std::string line, best_point, best_device;
  std::set<std::string> seen;
  while (std::getline(mounts, line)) {
    auto words = split(line, ' ');
    if (words.size() < 2) continue;
    std::string device(words[0]), point(words[1]);
    if ((point == "/" || alloc_dir.starts_with(point + "/")) && point.size() >= best_point.size()) {
      best_point = point;
      best_device = device;
    }
    if (!device.starts_with("/dev/") || !seen.insert(device).second) continue;
    if (auto d = disk_of(device, point)) out.disk_stats.push_back(std::move(*d));
  }
  out.alloc_dir_stats = disk_of(best_device, alloc_dir);
}
}  // namespace

void host_stats_reader::read_cpu(schema::host_stats& out, double total_mhz) {
  std::istringstream lines(read_file("/proc/stat", 4 << 20).value_or(""));
  std::string line;
  auto ticks_of = [](const schema::host_cpu_stats& c, double mhz) { return (c.user + c.system) / 100 * mhz; };
  while (std::getline(lines, line) && line.starts_with("cpu")) {
    std::istringstream words(line);
    std::string name;
    uint64_t v[8] = {};
    words >> name;
    for (auto& n : v) words >> n;
    ticks now{.user = v[0] + v[1], .system = v[2] + v[5] + v[6], .idle = v[3] + v[4], .total = 0};
    now.total = now.user + now.system + now.idle + v[7];
    auto before = last_[name];
    last_[name] = now;
    auto passed = static_cast<double>(now.total - before.total);
    if (passed <= 0) passed = 1;
    auto percent = [&](uint64_t a, uint64_t b) { return 100.0 * static_cast<double>(a - b) / passed; };
    schema::host_cpu_stats c;
    c.cpu = name;
    c.user = percent(now.user, before.user);
    c.system = percent(now.system, before.system);
    c.idle = percent(now.idle, before.idle);
    c.total_percent = passed > 1 ? 100 - c.idle : 0;
    if (name == "cpu") out.cpu_ticks_consumed = ticks_of(c, total_mhz);
    else out.cpu.push_back(std::move(c));
  }
  for (auto& core : out.cpu) core.total_ticks = ticks_of(core, total_mhz / static_cast<double>(out.cpu.size()));
}

schema::host_stats host_stats_reader::read(const std::string& alloc_dir, double total_mhz) {
  schema::host_stats out;
  read_cpu(out, total_mhz);
  read_memory(out);
  read_disks(out, alloc_dir);
  auto uptime = read_line("/proc/uptime");
  out.timestamp = wall_now().ns;
  out.uptime = static_cast<uint64_t>(parse_double(uptime.substr(0, uptime.find(' '))).value_or(0));
  return out;
}

}  // namespace drover::client
