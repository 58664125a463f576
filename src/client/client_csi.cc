// CSI in the node agent: its plugins in the node's record, and volumes that an earlier agent left.
#include <algorithm>

#include "client/client_state.h"
#include "client/csi/limits.h"

namespace drover::client {

result<> client::state::make_csi() {
  csi = std::make_unique<csi::volumes>(csi_plugins, servers, *db, pool,
                                       csi::volume_options{.region = options.region, .root = state_dir + "/csi", .node = [this] { return link->node(); }},
                                       logger);
  csi_plugins.changed = [this] {
    auto node = std::make_shared<schema::node>(*link->node());
    csi_plugins.show_in(*node);
    link->set_node(std::move(node));
  };
  return csi->load();
}

// Of allocations that nobody knows any more: they ended while no plugin was there that could unmount them.
net::awaitable<void> client::state::release_forgotten_volumes() {
  auto known = [this](const std::string& id) { return runners.contains(id) || leaving.contains(id); };
  for (auto pause = csi::limits::release_retry;; pause = std::min(pause * 2, csi::limits::release_retry_max)) {
    for (auto& id : csi->forgotten(known)) {
      auto done = co_await csi->release(id, csi::limits::release_patience);
      if (!done) logger.debug("a volume that nobody uses is still mounted", {{"alloc_id", id}, {"error", done.error().text()}});
    }
    co_await net::sleep_for(pause);
  }
}

}  // namespace drover::client
