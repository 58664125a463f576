// How an allocation gives back its CSI volumes when its last task has ended.
#include <algorithm>

#include "client/alloc_runner.h"
#include "client/csi/limits.h"
#include "client/csi/volumes.h"

namespace drover::client {

namespace limits = csi::limits;

// What can be unmounted at once is, before the servers hear that the allocation has ended.
awaitable<void> alloc_runner::release_volumes() {
  if (node_.csi == nullptr || !node_.csi->holds(id())) co_return;
  auto done = co_await node_.csi->release(id(), limits::release_patience);
  if (!done) logger_.warn("a volume is still mounted", {{"alloc_id", id()}, {"error", done.error().text()}});
}

// The rest is tried again until it is done, or the servers have asked the plugin themselves.
awaitable<void> alloc_runner::keep_releasing_volumes() {
  if (node_.csi == nullptr) co_return;
  for (auto pause = limits::release_retry; node_.csi->holds(id()); pause = std::min(pause * 2, limits::release_retry_max)) {
    co_await net::sleep_for(pause);
    auto done = co_await node_.csi->release(id(), limits::release_patience);
    if (!done) logger_.debug("a volume is still mounted", {{"alloc_id", id()}, {"error", done.error().text()}});
  }
}

// The allocation goes: what is not unmounted by now is left to the next agent, which looks for what nobody knows.
awaitable<void> alloc_runner::forget_volumes() {
  if (node_.csi == nullptr) co_return;
  co_await release_volumes();
  std::map<size_t, std::string> plugins;
  for (size_t i = 0; i < group_->tasks.size(); ++i)
    if (const auto& plugin = group_->tasks[i].csi_plugin_config) plugins[i] = plugin->id;
  if (!plugins.empty()) co_await node_.csi->forget_plugins(id(), std::move(plugins));
}

}  // namespace drover::client
