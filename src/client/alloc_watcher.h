// Learns from the servers which allocations this node must run, by blocking queries. Loop thread; run() belongs to the client.
//
// An answer with an index below one seen before comes from a server that does not know everything yet (it was restarted and still replays
// its log): such an answer is never acted on. The highest index seen survives a restart of this agent.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/log.h"
#include "client/node_link.h"
#include "client/state_db.h"
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

 private:
  net::awaitable<result<>> step();
  net::awaitable<result<std::vector<schema::ref<schema::allocation>>>> pull(std::map<std::string, uint64_t> wanted);

  rpc::channel& servers_;
  node_link& link_;
  state_db& db_;
  std::string region_;
  log::logger logger_;
  uint64_t highest_ = 0;
  uint64_t wait_index_ = 0;
  bool first_ = true;
};

}  // namespace drover::client
