// Writes: a command goes into the log and comes back applied. Loop thread; the Raft thread answers through a post.
#pragma once

#include <any>

#include "base/ensure.h"
#include "base/result.h"
#include "fsm/commands.h"
#include "fsm/machine.h"
#include "net/loop.h"
#include "net/mailbox.h"
#include "raft/raft.h"

namespace drover::server {

class replicator {
 public:
  // All must outlive every call.
  replicator(net::mailbox& answers, raft::node& node, const fsm::machine& machine) : answers_(answers), node_(node), machine_(machine) {}

  // The state's index at which the command was applied. Errors: unavailable ("No cluster leader"), too_large, io, and whatever the command itself
  // refuses (conflict, not_found, invalid). The request is encoded before this returns.
  template <fsm::command_type C>
  net::awaitable<result<uint64_t>> apply(const fsm::request_of<C>& request) {
    return index_of(submit(fsm::encode<C>(request)));
  }
  // The same for a command that is encoded already.
  net::awaitable<result<uint64_t>> apply_encoded(std::string entry) { return index_of(submit(std::move(entry))); }
  // For the commands that answer whether they did it (compare and set).
  template <fsm::command_type C>
  net::awaitable<result<std::pair<uint64_t, bool>>> apply_if(const fsm::request_of<C>& request) {
    return truth_of(submit(fsm::encode<C>(request)));
  }
  // The same for a command that answers a record.
  template <class Answer, fsm::command_type C>
  net::awaitable<result<std::pair<uint64_t, Answer>>> apply_for(const fsm::request_of<C>& request) {
    return answer_of<Answer>(submit(fsm::encode<C>(request)));
  }
  // The same without reading the own entry back: the request goes with it, and what it refers to must be nobody else's (schema::take()).
  template <class Answer, fsm::command_type C>
  net::awaitable<result<std::pair<uint64_t, Answer>>> propose(fsm::request_of<C> request) {
    auto entry = fsm::encode<C>(request);
    return answer_of<Answer>(submit(std::move(entry), std::make_shared<fsm::request_of<C>>(std::move(request))));
  }
  // Everything that was committed before has been applied when this returns.
  net::awaitable<result<>> barrier();

 private:
  net::awaitable<result<raft::apply_outcome>> submit(std::string entry, std::shared_ptr<void> proposed = nullptr);
  static net::awaitable<result<uint64_t>> index_of(net::awaitable<result<raft::apply_outcome>> outcome);
  static net::awaitable<result<std::pair<uint64_t, bool>>> truth_of(net::awaitable<result<raft::apply_outcome>> outcome);
  template <class Answer>
  static net::awaitable<result<std::pair<uint64_t, Answer>>> answer_of(net::awaitable<result<raft::apply_outcome>> outcome) {
    CO_TRY_ASSIGN(auto done, co_await std::move(outcome));
    const auto* answer = std::any_cast<Answer>(&done.response);
    ENSURE(answer != nullptr, "the command answers what its table row says");
    co_return std::pair(done.index, *answer);
  }

  // What is asked for in one turn of the loop goes to Raft together at its end, and shares a write.
  void hand_over_at_end();

  net::mailbox& answers_;
  raft::node& node_;
  const fsm::machine& machine_;
  // Shared with what waits on the loop: it ends with this.
  std::shared_ptr<bool> is_handing_over_ = std::make_shared<bool>(false);
};

}  // namespace drover::server
