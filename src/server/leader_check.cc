#include "server/leader_check.h"

#include "schema/peer_rpc.h"
#include "server/limits.h"
#include "server/peers.h"

namespace drover::server {
namespace {

error no_leader() { return {errc::unavailable, "No cluster leader"}; }

struct count_open {
  explicit count_open(int& n) : count(n) { ++count; }
  ~count_open() { --count; }
  count_open(const count_open&) = delete;
  count_open& operator=(const count_open&) = delete;
  int& count;
};

}  // namespace

std::optional<server_address> address_of(const server_context& context, uint64_t raft_id, const std::string& configured) {
  if (const auto* known = context.peers == nullptr ? nullptr : context.peers->by_raft_id(raft_id))
    return server_address{known->rpc_address, context.options.region};
  // In a configuration of ours it is the id, which is no address.
  if (configured.find(':') == configured.npos) return std::nullopt;
  return server_address{configured, context.options.region};
}

leader_check::leader_check(server_context& context, server_links& links) : context_(context), links_(links), scope_(context.loop, context.logger) {
  scope_.spawn(run());
}

bool leader_check::is_sole() const {
  if (!context_.is_leader || context_.raft->term() != context_.leadership.term) return false;
  return context_.raft->is_sole_voter();
}

net::awaitable<result<>> leader_check::confirm() {
  if (is_sole()) co_return result<>{};
  auto mine = next_;
  wanted_.set();
  co_await mine->done.wait();
  co_return mine->outcome;
}

net::awaitable<void> leader_check::run() {
  for (;;) {
    co_await wanted_.wait();
    wanted_.reset();
    auto now = std::exchange(next_, std::make_shared<round>());
    now->outcome = co_await ask_all();
    now->done.set();
  }
}

net::awaitable<result<>> leader_check::ask_all() {
  auto answers = std::make_shared<tally>();
  answers->term = context_.leadership.term;
  if (!context_.is_leader || context_.raft->term() != answers->term) co_return fail(no_leader());
  size_t voters = 0;
  bool self_votes = false;
  for (const auto& each : context_.raft->stats().servers) {
    if (each.role != raft::role::voter) continue;
    ++voters;
    if (each.id == context_.leadership.leader_id) {
      self_votes = true;
      continue;
    }
    if (open_[each.id] >= leader_checks_max) continue;
    auto to = address_of(context_, each.id, each.address);
    if (!to) continue;
    ++answers->open;
    scope_.spawn(ask(answers, each.id, *to));
  }
  answers->needed = voters / 2 + 1 - (self_votes ? 1 : 0);
  auto deadline = net::after(leader_check_timeout);
  while (answers->agreed < answers->needed && !answers->deposed && answers->open > 0)
    if (!co_await answers->changed.wait(deadline)) break;
  bool still_leads = context_.is_leader && context_.leadership.term == answers->term && context_.raft->term() == answers->term;
  if (!still_leads || answers->deposed || answers->agreed < answers->needed) co_return fail(no_leader());
  co_return result<>{};
}

net::awaitable<void> leader_check::ask(std::shared_ptr<tally> answers, uint64_t raft_id, server_address to) {
  count_open counted(open_[raft_id]);
  schema::leader_check_request request;
  request.forwarded = true;
  request.allow_stale = true;
  request.term = answers->term;
  auto answer = co_await net::with_deadline(links_.ask<schema::leader_check_response>(std::move(to), "Status.CheckLeader", std::move(request)),
                                            net::after(leader_check_timeout));
  --answers->open;
  if (answer && answer->term <= answers->term) ++answers->agreed;
  if (answer && answer->term > answers->term) answers->deposed = true;
  answers->changed.notify_all();
}

}  // namespace drover::server
