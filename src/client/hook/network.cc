#include "client/hook/hook.h"
#include "client/network/manager.h"

namespace drover::client {

namespace {
// Interpolates what a person wrote with what is known of the group.
schema::network_resource interpolated(const alloc_hook_context& c, schema::network_resource wanted) {
  auto node = c.node.node();
  task_env_input in;
  in.alloc = c.alloc.get();
  in.group = &c.group;
  in.node = node.get();
  in.region = c.node.options.region;
  auto env = task_env::build(in);
  wanted.hostname = env.replace(wanted.hostname);
  if (wanted.dns)
    for (auto* list : {&wanted.dns->servers, &wanted.dns->searches, &wanted.dns->options})
      for (auto& text : *list) text = env.replace(text);
  if (wanted.cni)
    for (auto& [key, text] : wanted.cni->args) text = env.replace(text);
  return wanted;
}

class network_hook : public alloc_hook {
 public:
  std::string_view name() const override { return "network"; }
  awaitable<result<>> prerun(alloc_hook_context& c) override {
    if (c.group.networks.empty()) co_return result<>{};
    CO_TRY_ASSIGN(auto made, co_await c.node.networks->set_up(c.alloc, interpolated(c, c.group.networks[0]), c.dir.root()));
    c.network = std::move(made.for_tasks);
    c.network_status = std::move(made.status);
    co_return result<>{};
  }
};
}  // namespace

std::unique_ptr<alloc_hook> make_network_hook() { return std::make_unique<network_hook>(); }

}  // namespace drover::client
