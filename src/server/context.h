// What the parts of a server share. Made and owned by `server`; every part keeps a reference. Loop thread only, but for what says otherwise.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "env/clock.h"
#include "env/random.h"
#include "net/event.h"
#include "net/loop.h"
#include "net/mailbox.h"
#include "net/task_scope.h"
#include "raft/raft.h"
#include "rpc/channel.h"
#include "server/options.h"
#include "state/store.h"

namespace drover::rpc {
class connection_pool;
}

namespace drover::server {

class peers;
class membership;
class bootstrapper;
class raft_members;
class forwarder;
class replicator;
class eval_broker;
class blocked_evals;
class heartbeats;
class lost_nodes;
class plan_queue;
class wakeups;
class node_connections;
class authority;
class alloc_updates;
class deployments;
class job_stubs;
class leader_duties;
class periodic_launcher;
class drainer;
class worker;
class keyring;
class variable_locks;
class csi_volumes;

struct server_context {
  net::loop& loop;
  const env::clock& clock;
  env::random& random;
  const server_options& options;
  log::logger logger{"nomad"};

  state::store& store;
  raft::node* raft = nullptr;
  net::mailbox* raft_answers = nullptr;  // what Raft's thread has for the loop
  // The other servers and the way to them; null: there are none.
  server::peers* peers = nullptr;
  rpc::connection_pool* pool = nullptr;
  // The gossip pool, the first configuration, and (on the leader) who is a member of Raft.
  server::membership* membership = nullptr;
  server::bootstrapper* bootstrap = nullptr;
  server::raft_members* raft_members = nullptr;
  forwarder* forward = nullptr;
  replicator* replicate = nullptr;
  eval_broker* broker = nullptr;
  blocked_evals* blocked = nullptr;
  server::heartbeats* heartbeats = nullptr;
  server::lost_nodes* lost = nullptr;
  plan_queue* plans = nullptr;
  server::wakeups* wakeups = nullptr;
  node_connections* nodes = nullptr;
  server::authority* authority = nullptr;
  server::alloc_updates* alloc_updates = nullptr;
  server::deployments* deployments = nullptr;
  leader_duties* leader = nullptr;
  periodic_launcher* periodic = nullptr;
  server::drainer* drainer = nullptr;
  server::keyring* keyring = nullptr;
  server::variable_locks* variable_locks = nullptr;
  csi_volumes* csi = nullptr;
  // Writes that callers have asked for; they end when they are done, not when the caller goes.
  net::task_scope* writes = nullptr;
  job_stubs* stubs = nullptr;
  std::vector<worker*> workers = {};
  std::string server_id = {};
  // The state of the newest commit that the loop has seen; views are kept current against it.
  state::snapshot followed = {};
  // Who leads, as the loop has heard; leadership_changed is notified after each change of it. is_leader: this server's duties have begun.
  raft::leadership leadership = {};
  net::event leadership_changed = {};
  bool is_leader = false;
  bool replayed = false;  // the log was applied up to where it stood at start

  // This server's own methods, by name, for its own duties: nobody's permissions are looked at.
  rpc::channel* channel = nullptr;
  template <class Response, class Request>
  net::awaitable<result<Response>> call(std::string method, Request request) {
    return rpc::call<Response>(*channel, std::move(method), std::move(request));
  }

  bool has_leader() const { return is_leader || leadership.leader_id != 0; }
  bool ready_to_serve() const { return replayed; }
  state::snapshot state() const { return store.current(); }
  int64_t now_ns() const { return clock.now().ns; }
};

}  // namespace drover::server
