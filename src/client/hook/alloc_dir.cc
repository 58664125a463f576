#include "client/hook/hook.h"

namespace drover::client {

namespace {
class alloc_dir_hook : public alloc_hook {
 public:
  std::string_view name() const override { return "alloc_dir"; }
  // A few system calls: quicker here than by way of the pool.
  awaitable<result<>> prerun(alloc_hook_context& c) override { co_return c.dir.build(); }
};
}  // namespace

std::unique_ptr<alloc_hook> make_alloc_dir_hook() { return std::make_unique<alloc_dir_hook>(); }

}  // namespace drover::client
