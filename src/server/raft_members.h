// What only the leader does about the members of Raft: who joins the gossip pool of this region is added (as a standby, until autopilot makes it
// a voter), who left is removed, who is dead is removed when autopilot finds that safe. Changes are made one after the other.
//
// Loop thread only. Life: create, start(), establish() and revoke() with leadership, co_await stop().
#pragma once

#include <string>
#include <vector>

#include "net/event.h"
#include "net/task_scope.h"
#include "server/autopilot.h"
#include "server/context.h"
#include "server/peers.h"

namespace drover::server {

class raft_members {
 public:
  explicit raft_members(server_context& context);
  void start();
  net::awaitable<void> stop();
  void establish();
  void revoke();

  // Removes a member now, whatever autopilot thinks. errc::not_found: it is none.
  net::awaitable<result<>> remove(uint64_t raft_id);
  // Observes now; what `operator autopilot health` shows.
  net::awaitable<result<schema::operator_health_reply>> health();
  schema::autopilot_config config() const;

 private:
  net::awaitable<void> run();
  net::awaitable<void> reconcile();
  net::awaitable<void> add_missing();
  net::awaitable<bool> may_join(peer p);
  net::awaitable<void> add(peer p);
  net::awaitable<void> remove_left();
  net::awaitable<void> observe();
  net::awaitable<void> act();
  net::awaitable<result<>> change(std::string doing, std::function<void(raft::callback)> start);
  observed_server describe(const raft::server& member) const;

  server_context& context_;
  log::logger logger_;
  bool leading_ = false;
  autopilot autopilot_;
  size_t listener_ = 0;
  net::event wake_;
  bool changing_ = false;
  net::event change_ended_;
  std::map<std::string, std::string> refused_;  // id -> what was logged of it
  net::task_scope tasks_;
};

}  // namespace drover::server
