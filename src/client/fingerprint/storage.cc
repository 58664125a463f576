#include <sys/stat.h>
#include <sys/statvfs.h>

#include <fstream>

#include "base/text.h"
#include "client/fingerprint/fingerprint.h"

namespace drover::client::fingerprint {

namespace {
// The device whose mount point is the longest prefix of `path`.
std::string volume_of(const std::string& path) {
  std::ifstream file("/proc/self/mounts");
  std::string line, best, device;
  while (std::getline(file, line)) {
    auto words = split(line, ' ');
    if (words.size() < 2) continue;
    std::string point(words[1]);
    bool holds = point == "/" || path == point || path.starts_with(point + "/");
    if (!holds || point.size() < best.size()) continue;
    best = point;
    device = words[0];
  }
  return device;
}
}  // namespace

void storage(const context& c, schema::node& node) {
  struct statvfs fs{};
  if (::statvfs(c.alloc_dir.c_str(), &fs) != 0) return;
  auto total = static_cast<int64_t>(fs.f_blocks) * static_cast<int64_t>(fs.f_frsize);
  auto available = static_cast<int64_t>(fs.f_bavail) * static_cast<int64_t>(fs.f_frsize);
  if (c.options.disk_total_mb > 0) total = available = c.options.disk_total_mb * 1024 * 1024;
  node.attributes["unique.storage.volume"] = volume_of(c.alloc_dir);
  node.attributes["unique.storage.bytestotal"] = std::to_string(total);
  node.attributes["unique.storage.bytesfree"] = std::to_string(available);
  node.node_resources->disk.disk_mb = available / (1024 * 1024);
}

}  // namespace drover::client::fingerprint
