#include "client/hook/hook.h"

namespace drover::client {

namespace {
// Tasks use the host's network; other modes need a namespace of their own, which this node does not make.
class network_hook : public alloc_hook {
 public:
  std::string_view name() const override { return "network"; }
  awaitable<result<>> prerun(alloc_hook_context& c) override {
    for (auto& network : c.group.networks)
      if (!network.mode.empty() && network.mode != "host" && network.mode != "none")
        co_return fail(errc::unsupported, "network mode \"{}\" of group \"{}\" is not available on this node; it has \"host\"", network.mode,
                       c.group.name);
    co_return result<>{};
  }
};
}  // namespace

std::unique_ptr<alloc_hook> make_network_hook() { return std::make_unique<network_hook>(); }

}  // namespace drover::client
