#include "fsm/host_volumes.h"

#include <algorithm>

namespace drover::fsm {
namespace {

constexpr std::string_view ready = "ready", unavailable = "unavailable";

bool shows(const schema::node& node, const schema::host_volume& volume) {
  auto shown = node.host_volumes.find(volume.name);
  return shown != node.host_volumes.end() && shown->second.id == volume.id;
}

}  // namespace

std::string host_volume_state(const schema::node* node, const schema::host_volume& volume) {
  if (node != nullptr && node->status != word::down && shows(*node, volume)) return std::string(ready);
  bool was_there = volume.state == ready || volume.state == unavailable;
  return std::string(was_there ? unavailable : word::pending);
}

void update_host_volumes(context& c, const schema::node& node) {
  if (state::count(c.state(), table::host_volumes) == 0) return;
  for (const auto& stored : state::collect<table::host_volumes>(c.state(), state::tree_id::host_volumes_by_node, state::within(node.id))) {
    auto now = host_volume_state(&node, *stored);
    if (now == stored->state) continue;
    auto volume = *stored;
    volume.state = std::move(now);
    volume.modify_index = c.index();
    c.put<table::host_volumes>(std::move(volume));
  }
}

}  // namespace drover::fsm
