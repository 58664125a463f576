#include "client/alloc_runner.h"
#include "client/hook/hook.h"
#include "client/migration/disk_mover.h"

namespace drover::client {

namespace {
// An allocation that replaces another waits for the end of that one, and takes its files when its disk is sticky: by name on this node, over the
// network from another.
class previous_alloc_hook : public alloc_hook {
 public:
  std::string_view name() const override { return "previous_alloc"; }
  awaitable<result<>> prerun(alloc_hook_context& c) override {
    if (c.alloc->previous_allocation.empty()) co_return result<>{};
    auto previous = c.node.find(c.alloc->previous_allocation);
    const auto& disk = c.group.ephemeral_disk;
    std::vector<std::string> tasks;
    for (auto& task : c.group.tasks) tasks.push_back(task.name);
    if (!previous) {
      if (!disk || !disk->sticky || !disk->migrate || c.node.disks == nullptr) co_return result<>{};
      co_return co_await c.node.disks->move(c.alloc, std::move(tasks), c.dir, c.node.control_root + "/" + c.alloc->id + "/disk_moved");
    }
    co_await previous->wait_tasks_done();
    if (!disk || !disk->sticky) co_return result<>{};
    alloc_dir earlier(c.node.alloc_root + "/" + c.alloc->previous_allocation);
    co_return c.dir.take_over(earlier, tasks);
  }
};
}  // namespace

std::unique_ptr<alloc_hook> make_previous_alloc_hook() { return std::make_unique<previous_alloc_hook>(); }

}  // namespace drover::client
