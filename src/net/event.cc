#include "net/event.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <atomic>

namespace drover::net {
namespace asio = boost::asio;

// Lives in the frame of the waiting coroutine. Waking is cancelling its timer, so that deadline, notification and cancellation of the
// task all arrive by the one way that Asio keeps correct.
struct event::waiter {
  waiter(event& e, const asio::any_io_executor& executor, time_point deadline) : owner(e), timer(executor, deadline) {
    previous = owner.last_;
    (previous ? previous->next : owner.first_) = this;
    owner.last_ = this;
  }
  ~waiter() {
    if (!notified) owner.unlink(*this);
  }
  event& owner;
  asio::steady_timer timer;
  waiter* previous = nullptr;
  waiter* next = nullptr;
  bool notified = false;
};

event::~event() { ENSURE(first_ == nullptr, "an event outlives its waiters"); }

void event::unlink(waiter& w) {
  (w.previous ? w.previous->next : first_) = w.next;
  (w.next ? w.next->previous : last_) = w.previous;
}

void event::set() {
  set_ = true;
  notify_all();
}

void event::notify_one() {
  if (auto* w = first_) {
    unlink(*w);
    w->notified = true;
    w->timer.cancel();
  }
}

void event::notify_all() {
  while (first_) notify_one();
}

awaitable<bool> event::wait(time_point deadline) {
  if (set_) co_return true;
  waiter self(*this, co_await asio::this_coro::executor, deadline);
  auto [code] = co_await self.timer.async_wait(asio::as_tuple(asio::use_awaitable));
  if (self.notified) co_return true;
  if (code) throw boost::system::system_error(code, "event");
  co_return false;
}

awaitable<void> event::wait_to_the_end() {
  bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await keep_going();
  while (!set_) {
    try {
      co_await wait();
    } catch (const std::exception& e) {
      if (!is_cancellation(e)) throw;
    }
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
}

struct remote_event::shared {
  explicit shared(loop& l) : owner(l) {}
  loop& owner;
  std::atomic<bool> posted = false;
  event woken;

  static void set(const std::shared_ptr<shared>& self) {
    if (self->posted.exchange(true)) return;
    asio::post(self->owner, [self] {
      self->posted = false;
      // Whoever waits takes it.
      if (self->woken.has_waiters()) self->woken.notify_all();
      else self->woken.set();
    });
  }
};

remote_event::remote_event(loop& l) : shared_(std::make_shared<shared>(l)) {}
remote_event::~remote_event() { ENSURE(!shared_->woken.has_waiters(), "an event outlives its waiters"); }
void remote_event::set() { shared::set(shared_); }
std::function<void()> remote_event::setter() const {
  return [shared = shared_] { shared::set(shared); };
}

namespace {
awaitable<bool> taken() { co_return true; }
}  // namespace

// No coroutine of its own: every frame of a held query counts.
awaitable<bool> remote_event::wait(time_point deadline) {
  if (!shared_->woken.is_set()) return shared_->woken.wait(deadline);
  shared_->woken.reset();
  return taken();
}

}  // namespace drover::net
