// Which client nodes this server can call, and how. Loop thread only.
#pragma once

#include <map>
#include <string>

#include "rpc/channel.h"

namespace drover::server {

class node_connections {
 public:
  void add(std::string node_id, rpc::channel& to) { channels_[std::move(node_id)] = &to; }
  void remove(const std::string& node_id) { channels_.erase(node_id); }
  // Null: this server has no connection to the node.
  rpc::channel* find(const std::string& node_id) const {
    auto it = channels_.find(node_id);
    return it == channels_.end() ? nullptr : it->second;
  }

 private:
  std::map<std::string, rpc::channel*> channels_;
};

}  // namespace drover::server
