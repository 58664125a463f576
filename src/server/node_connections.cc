#include "server/node_connections.h"

#include <algorithm>

namespace drover::server {

void node_connections::add(std::string node_id, std::shared_ptr<rpc::channel> to, timestamp now) {
  auto& mine = connections_[std::move(node_id)];
  if (mine.channel == to) return;
  mine = {std::move(to), now};
  if (connections_.size() >= forget_at_) forget_ended();
}

void node_connections::forget_ended() {
  std::erase_if(connections_, [](const auto& entry) { return !entry.second.channel->is_open(); });
  forget_at_ = std::max<size_t>(64, connections_.size() * 2);
}

std::shared_ptr<rpc::channel> node_connections::find(const std::string& node_id) {
  auto it = connections_.find(node_id);
  if (it == connections_.end()) return nullptr;
  if (it->second.channel->is_open()) return it->second.channel;
  connections_.erase(it);
  return nullptr;
}

timestamp node_connections::established(const std::string& node_id) const {
  auto it = connections_.find(node_id);
  return it == connections_.end() ? timestamp{} : it->second.established;
}

}  // namespace drover::server
