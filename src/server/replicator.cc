#include "server/replicator.h"

#include <boost/asio/post.hpp>
#include <optional>

#include "net/event.h"

namespace drover::server {
namespace {

// What a Raft callback leaves for the coroutine that waits; shared, because either may be gone first.
template <class T>
struct answer {
  std::optional<result<T>> value;
  net::event arrived;
};

template <class T>
auto deliver_to(net::loop& l, std::shared_ptr<answer<T>> to) {
  return [&l, to = std::move(to)](result<T> value) {
    boost::asio::post(l, [to, value = std::move(value)]() mutable {
      to->value.emplace(std::move(value));
      to->arrived.set();
    });
  };
}

// Tools look for this sentence and try again.
error for_clients(error e) {
  if (e.code() == errc::unavailable) return error(errc::unavailable, "No cluster leader", std::move(e));
  return e;
}

}  // namespace

net::awaitable<result<raft::apply_outcome>> replicator::submit(std::string entry) {
  auto waiting = std::make_shared<answer<raft::apply_outcome>>();
  node_.apply(std::move(entry), deliver_to(loop_, waiting));
  co_await waiting->arrived.wait();
  if (!*waiting->value) co_return std::unexpected(for_clients(std::move(*waiting->value).error()));
  co_return *std::move(*waiting->value);
}

net::awaitable<result<>> replicator::barrier() {
  auto waiting = std::make_shared<answer<void>>();
  node_.barrier(deliver_to(loop_, waiting));
  co_await waiting->arrived.wait();
  if (!*waiting->value) co_return std::unexpected(for_clients(std::move(*waiting->value).error()));
  co_return result<>{};
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
