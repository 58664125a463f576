// Is this server still the leader? Asked before a read that must not be older than an acknowledged write.
//
// Why: a leader that was cut off does not know yet that the others have elected another one. It asks the other voters which term they are in
// (Status.CheckLeader; answered from memory). When a majority, itself included, is in no later term than its own at a moment after the read came,
// then no later leader had been elected before that moment, and every acknowledged write is in this server's state. Nothing is written, and no
// clock is trusted. One round serves every read that came before it began; a cluster of one voter asks nobody.
//
// Loop thread only. Life: create, use, co_await stop(), destroy.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "net/event.h"
#include "net/task_scope.h"
#include "server/context.h"
#include "server/server_links.h"

namespace drover::server {

// Where a member of the Raft configuration is now, by gossip; nothing: nobody has said.
std::optional<server_address> address_of(const server_context& context, uint64_t raft_id, const std::string& configured);

class leader_check {
 public:
  leader_check(server_context& context, server_links& links);

  // This server leads and is the only voter: nobody can have taken its place.
  bool is_sole() const;
  // Errors: errc::unavailable ("No cluster leader").
  net::awaitable<result<>> confirm();
  net::awaitable<void> stop() { co_await scope_.stop(); }

 private:
  struct round {
    net::event done;
    result<> outcome = fail(errc::cancelled, "the server is stopping");
  };
  // The answers of one round.
  struct tally {
    uint64_t term = 0;
    size_t needed = 0;  // answers of others that make a majority
    size_t agreed = 0;
    size_t open = 0;
    bool deposed = false;
    net::event changed;
  };
  net::awaitable<void> run();
  net::awaitable<result<>> ask_all();
  net::awaitable<void> ask(std::shared_ptr<tally> answers, uint64_t raft_id, server_address to);

  server_context& context_;
  server_links& links_;
  std::shared_ptr<round> next_ = std::make_shared<round>();
  net::event wanted_;
  std::map<uint64_t, int> open_;  // questions by Raft id
  net::task_scope scope_;
};

}  // namespace drover::server
