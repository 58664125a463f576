// This server in the gossip pool: who the other servers are (it fills `peers`), how it finds them, and how it goes.
//
// Loop thread only. Life: create, start() (binds; joining goes on in the background), leave() if the others should know, co_await stop(),
// destroy. Without gossip options there is only this server in `peers`, and every call about the pool is refused.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gossip/member_list.h"
#include "net/event.h"
#include "net/task_scope.h"
#include "server/context.h"
#include "server/peer_file.h"
#include "server/peers.h"
#include "server/recovery.h"

namespace drover::server {

class membership {
 public:
  // `file` is opened in the directory beside the Raft log.
  membership(server_context& context, peer_file file);

  // Errors: the address cannot be bound, the keyring cannot be read.
  result<> start();
  net::awaitable<void> stop();
  // Says good-bye; the others see this server as "left".
  net::awaitable<result<>> leave();

  // Null: no gossip.
  gossip::member_list* list() const { return list_.get(); }
  result<gossip::member_list*> need_list() const;
  // As `server members` shows them; without gossip only this one.
  std::vector<gossip::member> members() const;

  // Where the server of that raft id can be reached now, best first: gossip, then the file of known servers.
  std::vector<std::string> addresses_of(uint64_t raft_id) const;
  // Whether a server of that id belongs here; the error says why not.
  result<> knows(const std::string& server_id) const;
  // The id behind a member of the Raft configuration, by gossip and by the file. Empty: unknown.
  std::string uuid_of(uint64_t raft_id) const;
  std::string rpc_address_of(uint64_t raft_id) const;
  // Gossip shows the name of that member with another id: an empty machine took its place.
  bool was_replaced(uint64_t raft_id) const;
  // Called when the Raft configuration may have changed: keeps the file of known servers current.
  void note_raft_change() { file_changed_.set(); }
  // Puts the addresses into the file that an operator gave (peers.json).
  void remember(const std::vector<listed_server>& servers);

 private:
  void put_self();
  void on_event(const gossip::member_event& event);
  void report_conflicts(const peer& p);
  result<> admit(const std::vector<gossip::member>& members) const;
  bool is_self(const std::string& address) const;
  bool others_alive() const;
  std::vector<std::string> unjoined() const;
  net::awaitable<void> join_once();
  net::awaitable<void> keep_joining();
  net::awaitable<void> keep_file();
  void write_file();

  server_context& context_;
  log::logger logger_;
  peer_file file_;
  std::unique_ptr<gossip::member_list> list_;
  gossip::member self_;  // without gossip
  bool had_log_ = false;
  std::set<std::string> conflicts_;  // that were logged
  net::event file_changed_;
  net::task_scope tasks_;
};

}  // namespace drover::server
