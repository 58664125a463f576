// Waits on the loop for what Raft answers on its own thread.
#pragma once

#include <boost/asio/post.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "base/result.h"
#include "net/event.h"
#include "net/loop.h"

namespace drover::server {

// auto done = co_await await_raft<raft::apply_outcome>(loop, [&](auto answer) { node.apply(entry, answer); });
// `start` is called at once; the loop must outlive the answer. A caller that is cancelled does not wait for it.
template <class T = void, class Start>
net::awaitable<result<T>> await_raft(net::loop& l, Start start) {
  // Shared, because either side may be gone first.
  struct waiting {
    std::optional<result<T>> value;
    net::event arrived;
  };
  auto mine = std::make_shared<waiting>();
  start(std::function<void(result<T>)>([&l, mine](result<T> value) {
    boost::asio::post(l, [mine, value = std::move(value)]() mutable {
      mine->value.emplace(std::move(value));
      mine->arrived.set();
    });
  }));
  co_await mine->arrived.wait();
  co_return *std::move(mine->value);
}

}  // namespace drover::server
