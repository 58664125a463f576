// Which client nodes this server can call, and how: over the session by which a node registered or last said that it lives. Loop thread only.
//
// A node keeps its session open and can only dial out; what a server wants of it goes back over that session. A newer session replaces an older one
// of the same node. One that has ended is forgotten when somebody looks, or when as many others have come.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "base/time.h"
#include "rpc/channel.h"

namespace drover::server {

class node_connections {
 public:
  void add(std::string node_id, std::shared_ptr<rpc::channel> to, timestamp now);
  // A node in this process. The channel stays valid until remove().
  void add(std::string node_id, rpc::channel& to) { add(std::move(node_id), {std::shared_ptr<void>(), &to}, timestamp{}); }
  void remove(const std::string& node_id) { connections_.erase(node_id); }
  // Null: this server has no connection to the node.
  std::shared_ptr<rpc::channel> find(const std::string& node_id);
  // When the session of a node that find() gives became the node's.
  timestamp established(const std::string& node_id) const;
  size_t size() const { return connections_.size(); }

 private:
  struct connection {
    std::shared_ptr<rpc::channel> channel;
    timestamp established;
  };
  void forget_ended();
  std::unordered_map<std::string, connection> connections_;
  size_t forget_at_ = 64;
};

}  // namespace drover::server
