// Learns from the servers which allocations this node must run, by blocking queries. Loop thread; run() belongs to the client.
//
// The rule about servers that know less than was seen before: an answer with an index below the highest one seen (which survives a restart of
// this agent) comes from a server that is behind, that still replays its log, or that lives in another history: a snapshot was restored, or the
// whole cluster was replaced at the same addresses. It is not used before there is proof. The proof is a write: the node registers once more, and
// the index of that write comes from a leader that knows all of its log.
//   - It is not below the highest seen: the same history. The next consistent answer counts, whatever its index (Nomad's own servers give the
//     index of the node's allocations, which goes back when the newest of them is collected).
//   - It is below: another history. From now on its indexes count. Allocations that it does not know are orphans: they run on, they are never
//     stopped because of it, and the node says so in its log; a person decides. One that the servers know again is an orphan no more.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/log.h"
#include "client/node_link.h"
#include "client/state_db.h"
#include "net/event.h"
#include "rpc/channel.h"
#include "schema/alloc.h"

namespace drover::client {

struct alloc_changes {
  // No longer known to the servers.
  std::vector<std::string> removed;
  // New or changed.
  std::vector<schema::ref<schema::allocation>> pulled;
};

class alloc_watcher {
 public:
  alloc_watcher(rpc::channel& servers, node_link& link, state_db& db, std::string region, log::logger logger);
  net::awaitable<void> run();

  // Known allocations and the modify index of the record that this node has.
  std::function<std::map<std::string, uint64_t>()> known;
  std::function<void(alloc_changes)> apply;
  // The servers' history is another one: what they were told before may be lost.
  std::function<void()> history_changed;
  // Set when the servers have said once, since this agent began, what shall run here.
  net::event& contacted() { return contacted_; }
  // Tokens for the disks of allocations on other nodes, by the allocation that wants one; as of the last answer.
  std::string migrate_token(const std::string& alloc_id) const {
    auto it = tokens_.find(alloc_id);
    return it == tokens_.end() ? std::string() : it->second;
  }

 private:
  net::awaitable<result<>> step();
  net::awaitable<result<>> prove(uint64_t seen);
  net::awaitable<result<>> pull(std::vector<std::pair<std::string, uint64_t>> wanted);
  std::vector<std::string> gone(const std::map<std::string, uint64_t>& have, const std::map<std::string, uint64_t>& said);
  void enter_history(const std::map<std::string, uint64_t>& have, const std::map<std::string, uint64_t>& said);
  void set_highest(uint64_t index);
  void save_orphans();

  rpc::channel& servers_;
  node_link& link_;
  state_db& db_;
  std::string region_;
  log::logger logger_;
  uint64_t highest_ = 0;
  uint64_t wait_index_ = 0;
  // The next answer must come from the leader.
  bool consistent_ = true;
  // The next consistent answer counts, whatever its index.
  bool proven_ = false;
  bool other_history_ = false;
  std::set<std::string> orphans_;
  std::map<std::string, std::string> tokens_;
  net::event contacted_;
};

}  // namespace drover::client
