#include "client/csi/plugins.h"

#include "codec/compare.h"

namespace drover::client::csi {

namespace {
bool says_the_same(const plugin& a, const plugin& b) {
  auto same = [](const schema::csi_info& x, const schema::csi_info& y) {
    auto one = x, other = y;
    one.update_time = other.update_time = {};
    return codec::equal(schema::view(one), schema::view(other));
  };
  return same(a.node_info, b.node_info) && same(a.controller_info, b.controller_info);
}
}  // namespace

void plugins::set(std::shared_ptr<const plugin> p) {
  auto& slot = all_[key_of(*p)];
  bool news = !slot || !says_the_same(*slot, *p);
  slot = std::move(p);
  came_.notify_all();
  if (news && changed) changed();
}

void plugins::remove(const plugin& p) {
  if (all_.erase(key_of(p)) > 0 && changed) changed();
}

bool plugins::runs(const std::string& id) const {
  auto it = all_.lower_bound({id, {}, {}});
  return it != all_.end() && std::get<0>(it->first) == id;
}

void plugins::show_in(schema::node& node) const {
  node.csi_controller_plugins.clear();
  node.csi_node_plugins.clear();
  auto show = [](std::map<std::string, schema::csi_info>& into, const schema::csi_info& info) {
    // A healthy one counts before one that is on its way out, or in.
    auto& slot = into[info.plugin_id];
    if (slot.plugin_id.empty() || !slot.healthy) slot = info;
  };
  for (const auto& [key, p] : all_) {
    if (p->is_node) show(node.csi_node_plugins.edit(), p->node_info);
    if (p->is_controller) show(node.csi_controller_plugins.edit(), p->controller_info);
  }
}

net::awaitable<result<std::shared_ptr<const plugin>>> plugins::node_plugin(std::string id, net::time_point deadline) {
  for (;;) {
    for (auto it = all_.lower_bound({id, {}, {}}); it != all_.end() && std::get<0>(it->first) == id; ++it)
      if (it->second->is_node && it->second->node_info.healthy && it->second->way && !it->second->way->closed()) co_return it->second;
    if (!co_await came_.wait(deadline)) co_return fail(errc::unavailable, "CSI plugin \"{}\" does not run on this node, or is not healthy", id);
  }
}

result<std::shared_ptr<const plugin>> plugins::controller_plugin(const std::string& id) const {
  for (auto it = all_.lower_bound({id, {}, {}}); it != all_.end() && std::get<0>(it->first) == id; ++it)
    if (it->second->is_controller && it->second->controller_info.healthy && it->second->way && !it->second->way->closed()) return it->second;
  return fail(errc::unavailable, "CSI controller plugin \"{}\" does not run on this node, or is not healthy", id);
}

}  // namespace drover::client::csi
