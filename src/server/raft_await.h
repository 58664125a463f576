// Waits on the loop for what Raft answers on its own thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/result.h"
#include "net/event.h"
#include "net/loop.h"
#include "net/mailbox.h"

namespace drover::server {

// auto done = co_await await_raft<raft::apply_outcome>(*context.raft_answers, [&](auto answer) { node.apply(entry, answer); });
// `start` is called at once; the loop of `answers` must outlive the answer. A caller that is cancelled does not wait for it.
template <class T = void, class Start>
net::awaitable<result<T>> await_raft(net::mailbox& answers, Start start) {
  // Shared, because either side may be gone first.
  struct waiting {
    std::optional<result<T>> value;
    net::event arrived;
  };
  auto mine = std::make_shared<waiting>();
  start(std::function<void(result<T>)>([box = answers.shared_from_this(), mine](result<T> value) {
    box->put([mine, value = std::move(value)]() mutable {
      mine->value.emplace(std::move(value));
      mine->arrived.set();
    });
  }));
  // The Raft thread flushes at the end of its turn; what was refused at once was answered here.
  answers.flush();
  co_await mine->arrived.wait();
  co_return *std::move(mine->value);
}

}  // namespace drover::server
