// The CSI volumes of the group: claimed and mounted before the first task starts. Tasks see them through the hook "volumes"; the allocation's
// runner gives them back when the last task has ended.
#include "client/alloc_runner.h"
#include "client/csi/volumes.h"
#include "client/hook/hook.h"

namespace drover::client {
namespace {

class csi_volumes_hook : public alloc_hook {
 public:
  std::string_view name() const override { return "csi_hook"; }

  awaitable<result<>> prerun(alloc_hook_context& c) override {
    if (c.node.csi == nullptr) co_return result<>{};
    auto wanted = [&node = c.node, id = c.alloc->id] {
      auto runner = node.find(id);
      return runner && runner->alloc()->desired_status != "stop" && runner->alloc()->desired_status != "evict";
    };
    co_return co_await c.node.csi->hold(c.alloc, &c.group, std::move(wanted));
  }
};

}  // namespace

std::unique_ptr<alloc_hook> make_csi_volumes_hook() { return std::make_unique<csi_volumes_hook>(); }

}  // namespace drover::client
