// Owner of background coroutines: nothing in this program runs detached.
//
//   class watcher {
//    public:
//     watcher(loop& l) : scope_(l, log::logger("watcher")) { scope_.spawn(&watcher::run, this, 7); }
//     awaitable<void> stop() { co_await scope_.stop(); }
//    private:
//     awaitable<void> run(int n);
//     task_scope scope_;
//   };
//
// Loop thread only. stop() cancels and joins; the destructor ensures that it is empty. Tasks may spawn into their own scope, and end at
// any time. An exception or an error result that leaves a task is logged as an error, except cancellation.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#include "base/log.h"
#include "net/loop.h"

namespace drover::net {

class task_scope {
 public:
  task_scope(loop& l, log::logger logger);
  ~task_scope();
  task_scope(const task_scope&) = delete;
  task_scope& operator=(const task_scope&) = delete;

  // The task starts before spawn() returns when called on the loop, otherwise when the loop runs. After stop() began a new task is
  // dropped unstarted.
  void spawn(awaitable<void> body);
  void spawn(awaitable<result<>> body);
  // spawn(&x::run, this, a, b): the coroutine must take its arguments by value (it starts lazily).
  template <class F, class... Args>
    requires std::invocable<F, Args...>
  void spawn(F&& function, Args&&... args) {
    spawn(std::invoke(std::forward<F>(function), std::forward<Args>(args)...));
  }

  // Asks all tasks to end; does not wait.
  void cancel();
  // Cancels all tasks and returns when the last has ended. Finishes even when the caller is cancelled while it waits. Must not be called
  // from a task of this scope.
  awaitable<void> stop();
  // Returns when no task is left, without cancelling.
  awaitable<void> join();

  bool empty() const;
  size_t size() const;
  bool stopping() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

namespace detail {
// True: the deadline passed and the body was cancelled.
awaitable<bool> run_with_deadline(awaitable<void> body, time_point deadline);
template <class T>
awaitable<void> store_result(awaitable<result<T>> body, result<T>& into) {
  into = co_await std::move(body);
}
}  // namespace detail

// Awaits `body`; when the deadline passes it is cancelled, joined, and the result is errc::timeout.
template <class T>
awaitable<result<T>> with_deadline(awaitable<result<T>> body, time_point deadline) {
  if (deadline == never) co_return co_await std::move(body);
  result<T> value = fail(errc::timeout, "timed out");
  bool timed_out = co_await detail::run_with_deadline(detail::store_result(std::move(body), value), deadline);
  if (timed_out && !value && value.error().code() == errc::cancelled) co_return fail(errc::timeout, "timed out");
  co_return value;
}

}  // namespace drover::net
