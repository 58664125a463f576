// event: a flag that coroutines wait for. remote_event: the same, set from any thread. channel<T>: a bounded queue between coroutines.
// Loop thread only (but see remote_event). An event may be destroyed only when nobody waits in it.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "base/ensure.h"
#include "net/loop.h"

namespace drover::net {

class event {
 public:
  event() = default;
  ~event();
  event(const event&) = delete;
  event& operator=(const event&) = delete;

  // Wakes all that wait; later waits return at once until reset().
  void set();
  void reset() { set_ = false; }
  bool is_set() const { return set_; }
  // Wake those who wait now; the flag stays as it is. Waiters resume later, never inside this call.
  void notify_all();
  void notify_one();
  // True: set or notified. False: the deadline passed. Throws when the task is cancelled.
  awaitable<bool> wait(time_point deadline = never);
  // Returns only when the event is set, even if the waiting task is cancelled meanwhile: for stop() functions that must join.
  awaitable<void> wait_to_the_end();
  bool has_waiters() const { return first_ != nullptr; }

 private:
  struct waiter;
  void unlink(waiter& w);
  waiter* first_ = nullptr;
  waiter* last_ = nullptr;
  bool set_ = false;
};

// Set from any thread, waited for on the loop. The loop must outlive the last call of set().
class remote_event {
 public:
  explicit remote_event(loop& l);
  ~remote_event();
  remote_event(const remote_event&) = delete;
  remote_event& operator=(const remote_event&) = delete;

  // Any thread. Several calls before the loop runs cost one wake-up.
  void set();
  // Loop only. Waits until set() and takes it: the next wait needs another set().
  awaitable<bool> wait(time_point deadline = never);
  // A copyable handle that outlives this object safely (set() after its end does nothing).
  std::function<void()> setter() const;

 private:
  struct shared;
  std::shared_ptr<shared> shared_;
};

// Bounded queue. Any number of senders and receivers on the loop.
template <class T>
class channel {
 public:
  explicit channel(size_t limit) : limit_(limit) { ENSURE(limit > 0, "a channel holds at least one element"); }

  // Waits for room. False: the channel is closed.
  awaitable<bool> send(T value) {
    while (!closed_ && queue_.size() >= limit_) co_await room_.wait();
    if (closed_) co_return false;
    push(std::move(value));
    co_return true;
  }
  // False: full or closed; `value` is then dropped.
  bool try_send(T value) {
    if (closed_ || queue_.size() >= limit_) return false;
    push(std::move(value));
    return true;
  }
  // Nothing: closed and drained, or the deadline passed (then closed() is false).
  awaitable<std::optional<T>> receive(time_point deadline = never) {
    while (queue_.empty() && !closed_)
      if (!co_await filled_.wait(deadline)) break;
    co_return try_receive();
  }
  std::optional<T> try_receive() {
    if (queue_.empty()) return std::nullopt;
    std::optional<T> value(std::move(queue_.front()));
    queue_.pop_front();
    // A woken waiter may have been cancelled meanwhile, so all look: channels have few waiters.
    room_.notify_all();
    return value;
  }
  // What is queued can still be received.
  void close() {
    closed_ = true;
    room_.notify_all();
    filled_.notify_all();
  }
  bool closed() const { return closed_; }
  size_t size() const { return queue_.size(); }

 private:
  void push(T value) {
    queue_.push_back(std::move(value));
    filled_.notify_all();
  }
  size_t limit_;
  bool closed_ = false;
  std::deque<T> queue_;
  event room_, filled_;
};

}  // namespace drover::net
