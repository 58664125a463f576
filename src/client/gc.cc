#include "client/gc.h"

#include <sys/statvfs.h>

#include <algorithm>

#include "client/client_state.h"
#include "client/limits.h"

namespace drover::client {

std::vector<std::string> choose_garbage(std::vector<gc_candidate> ended, const gc_situation& now, const gc_options& options) {
  std::sort(ended.begin(), ended.end(), [](auto& a, auto& b) { return a.finished < b.finished; });
  size_t leave = now.allocations > options.max_allocs ? now.allocations - options.max_allocs : 0;
  if (now.disk_used_percent > options.disk_usage_threshold || now.inodes_used_percent > options.inode_usage_threshold)
    leave = std::max(leave, std::max<size_t>(1, options.parallel_destroys));
  std::vector<std::string> out;
  for (size_t i = 0; i < std::min(leave, ended.size()); ++i) out.push_back(std::move(ended[i].id));
  return out;
}

double used_percent(uint64_t total, uint64_t free, uint64_t available) {
  const auto used = static_cast<double>(total > free ? total - free : 0);
  return used == 0 ? 0 : 100.0 * used / (used + static_cast<double>(available));
}

gc_situation measure_disk(const std::string& path) {
  gc_situation out;
  struct statvfs fs{};
  if (::statvfs(path.c_str(), &fs) != 0) return out;
  out.disk_used_percent = used_percent(fs.f_blocks, fs.f_bfree, fs.f_bavail);
  out.inodes_used_percent = used_percent(fs.f_files, fs.f_ffree, fs.f_favail);
  return out;
}

net::awaitable<void> client::state::collect_garbage(bool all) {
  for (;;) {
    std::vector<gc_candidate> ended;
    for (auto& [id, runner] : runners)
      if (runner->tasks_done()) ended.push_back({id, runner->finished_at()});
    std::vector<std::string> chosen;
    if (all) {
      for (auto& c : ended) chosen.push_back(c.id);
    } else {
      auto now = measure_disk(alloc_root);
      now.allocations = runners.size();
      chosen = choose_garbage(std::move(ended), now, options.gc);
    }
    if (chosen.empty()) co_return;
    for (auto& id : chosen) {
      logger.info("removing an ended allocation", {{"alloc_id", id}});
      if (auto it = runners.find(id); it != runners.end()) ignored[id] = it->second->alloc()->alloc_modify_index;
      co_await remove_runner(id);
    }
    if (all) co_return;
  }
}

net::awaitable<void> client::state::collect_garbage_regularly() {
  for (;;) {
    co_await garbage.wait(net::after(options.gc.interval));
    co_await collect_garbage(false);
  }
}

}  // namespace drover::client
