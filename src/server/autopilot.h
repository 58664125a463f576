// Judges the servers of a cluster: who is healthy, who may become a voter, who is dead and may be removed. Pure: what was observed goes in,
// decisions come out; it only remembers since when each server has been as it is.
//
// Facts (as Nomad's operators know them): a server is healthy when gossip sees it alive, it heard from the leader within last_contact_threshold,
// is in the leader's term and at most max_trailing_logs entries behind. A standby that was healthy for server_stabilization_time becomes a
// voter. Dead servers are removed with cleanup_dead_servers, of n voters at most (n-1)/2, never below min_quorum, and only while the voters
// that are alive are a majority without them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "raft/raft.h"
#include "schema/operator_rpc.h"

namespace drover::server {

// One member of the Raft configuration as the leader sees it now.
struct observed_server {
  uint64_t raft_id = 0;
  std::string id, name, address, build;
  raft::role role = raft::role::spare;
  // "alive", "leaving", "left", "failed"; "none": gossip does not know it.
  std::string gossip_status = "none";
  // Gossip has the same name with another id: this one was replaced and cannot come back.
  bool replaced = false;
  bool leader = false;
  // What it said of itself; nothing if it did not answer.
  bool answered = false;
  duration last_contact = nanoseconds(-1);  // negative: it knows no leader
  uint64_t last_term = 0;
  uint64_t last_index = 0;
};

class autopilot {
 public:
  // Takes a new observation. Requires: the leader is among them.
  void observe(std::vector<observed_server> servers, const schema::autopilot_config& config, timestamp now);
  // Forgets everything: for a server that begins to lead.
  void clear();

  // Of the last observation.
  const schema::operator_health_reply& health() const { return health_; }
  // Standbys that are due to become voters.
  const std::vector<uint64_t>& promotions() const { return promotions_; }
  // Dead servers that may be removed now, in this order.
  const std::vector<uint64_t>& removals() const { return removals_; }

 private:
  struct memory {
    bool healthy = false;
    timestamp since;
    timestamp unseen_since;  // zero: gossip knows it
  };
  void judge_health(const schema::autopilot_config& config, timestamp now);
  void find_promotions(const schema::autopilot_config& config, timestamp now);
  void find_removals(const schema::autopilot_config& config, timestamp now);
  bool is_dead(const observed_server& s, timestamp now) const;

  std::vector<observed_server> servers_;
  std::map<uint64_t, memory> known_;
  schema::operator_health_reply health_;
  std::vector<uint64_t> promotions_, removals_;
};

}  // namespace drover::server
