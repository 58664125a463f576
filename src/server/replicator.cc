#include "server/replicator.h"

#include <utility>

#include "server/raft_await.h"

namespace drover::server {
namespace {

// Tools look for this sentence and try again.
error for_clients(error e) {
  if (e.code() == errc::unavailable) return error(errc::unavailable, "No cluster leader", std::move(e));
  return e;
}

}  // namespace

void replicator::hand_over_at_end() {
  if (std::exchange(*is_handing_over_, true)) return;
  answers_.put([waiting = std::weak_ptr(is_handing_over_), this] {
    const auto still_there = waiting.lock();
    if (!still_there) return;
    *still_there = false;
    node_.wake();
  });
}

net::awaitable<result<raft::apply_outcome>> replicator::submit(std::string entry, std::shared_ptr<void> proposed) {
  hand_over_at_end();
  auto outcome = co_await await_raft<raft::apply_outcome>(
      answers_, [&](raft::apply_callback done) { node_.apply(std::move(entry), std::move(done), std::move(proposed), raft::node::handing::with_the_next); });
  if (!outcome) co_return std::unexpected(for_clients(std::move(outcome).error()));
  outcome->index += machine_.index_offset();
  co_return outcome;
}

net::awaitable<result<>> replicator::barrier() {
  auto done = co_await await_raft(answers_, [&](raft::callback answer) { node_.barrier(std::move(answer)); });
  if (!done) co_return std::unexpected(for_clients(std::move(done).error()));
  co_return done;
}

net::awaitable<result<uint64_t>> replicator::index_of(net::awaitable<result<raft::apply_outcome>> outcome) {
  CO_TRY_ASSIGN(auto done, co_await std::move(outcome));
  co_return done.index;
}

net::awaitable<result<std::pair<uint64_t, bool>>> replicator::truth_of(net::awaitable<result<raft::apply_outcome>> outcome) {
  CO_TRY_ASSIGN(auto done, co_await std::move(outcome));
  const bool* truth = std::any_cast<bool>(&done.response);
  co_return std::pair(done.index, truth == nullptr || *truth);
}

}  // namespace drover::server
