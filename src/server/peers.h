// The servers that this one knows, of all regions, as gossip tells them: who they are and where their RPC port is now. Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace drover::server {

enum class peer_status { alive, leaving, left, failed };

struct peer {
  std::string name;      // NODE.REGION, the gossip name: the key
  std::string id;        // the server's UUID
  uint64_t raft_id = 0;  // raft::id_from_uuid(id)
  std::string region, datacenter;
  std::string rpc_address;   // host:port
  std::string serf_address;  // host:port
  std::string build;
  int expect = 0;
  bool bootstrap = false;
  peer_status status = peer_status::alive;
  std::map<std::string, std::string> tags{};
  friend bool operator==(const peer&, const peer&) = default;
};

class peers {
 public:
  // Adds or replaces the one of that name.
  void put(peer p);
  void remove(const std::string& name);

  const std::map<std::string, peer>& all() const { return all_; }
  // Null: unknown. Pointers hold until the next change.
  const peer* by_name(const std::string& name) const;
  const peer* by_id(const std::string& id) const;
  const peer* by_raft_id(uint64_t raft_id) const;
  // Those that are alive.
  std::vector<peer> alive_in(const std::string& region) const;
  // Every region with a member that has not left, sorted.
  std::vector<std::string> regions() const;

  // Called after each change. More than one part listens: the returned number is for ignore().
  size_t listen(std::function<void(const std::string& name)> changed);
  void ignore(size_t listener);

 private:
  std::map<std::string, peer> all_;
  std::map<size_t, std::function<void(const std::string&)>> listeners_;
  size_t next_listener_ = 1;
  void tell(const std::string& name);
};

}  // namespace drover::server
