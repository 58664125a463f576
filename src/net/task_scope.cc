#include "net/task_scope.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>

#include "base/ensure.h"
#include "net/event.h"

namespace drover::net {
namespace asio = boost::asio;

struct task_scope::state {
  struct task {
    asio::cancellation_signal signal;
    task* previous = nullptr;
    task* next = nullptr;
  };

  state(loop& l, log::logger o) : owner(l), logger(std::move(o)) {}
  loop& owner;
  log::logger logger;
  task* first = nullptr;
  size_t count = 0;
  bool stopping = false;
  event emptied;

  task* link() {
    auto* t = new task;
    t->next = first;
    if (first) first->previous = t;
    first = t;
    ++count;
    emptied.reset();
    return t;
  }

  void finish(task* t, const std::exception_ptr& failure) {
    (t->previous ? t->previous->next : first) = t->next;
    if (t->next) t->next->previous = t->previous;
    delete t;
    if (failure) report(failure);
    if (--count == 0) emptied.set();
  }

  void report(const std::exception_ptr& failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& e) {
      if (!is_cancellation(e)) logger.error("task failed", {{"error", e.what()}});
    } catch (...) {
      logger.error("task failed", {{"error", "unknown exception"}});
    }
  }
};

namespace {
awaitable<void> log_error(awaitable<result<>> body, log::logger logger) {
  auto ended = co_await std::move(body);
  if (!ended && ended.error().code() != errc::cancelled) logger.error("task failed", {{"error", ended.error().text()}});
}
}  // namespace

task_scope::task_scope(loop& l, log::logger logger) : state_(std::make_unique<state>(l, std::move(logger))) { state_->emptied.set(); }
task_scope::~task_scope() { ENSURE(state_->count == 0, "a task scope is stopped before it is destroyed"); }

void task_scope::spawn(awaitable<void> body) {
  if (state_->stopping) return;
  auto* s = state_.get();
  auto* t = s->link();
  asio::co_spawn(s->owner, std::move(body),
                 asio::bind_cancellation_slot(t->signal.slot(), [s, t](const std::exception_ptr& failure) { s->finish(t, failure); }));
}

void task_scope::spawn(awaitable<result<>> body) { spawn(log_error(std::move(body), state_->logger)); }

void task_scope::cancel() {
  // Cancelling only posts completions, so no task is unlinked in this loop.
  for (auto* t = state_->first; t; t = t->next) t->signal.emit(asio::cancellation_type::terminal);
}

awaitable<void> task_scope::stop() {
  state_->stopping = true;
  cancel();
  co_await state_->emptied.wait_to_the_end();
}

awaitable<void> task_scope::join() {
  while (state_->count > 0) co_await state_->emptied.wait();
}

bool task_scope::empty() const { return state_->count == 0; }
size_t task_scope::size() const { return state_->count; }
bool task_scope::stopping() const { return state_->stopping; }

awaitable<bool> detail::run_with_deadline(awaitable<void> body, time_point deadline) {
  asio::cancellation_signal signal;
  event ended;
  std::exception_ptr failure;
  bool timed_out = false;
  asio::co_spawn(co_await asio::this_coro::executor, std::move(body), asio::bind_cancellation_slot(signal.slot(), [&](const std::exception_ptr& e) {
                   failure = e;
                   ended.set();
                 }));
  try {
    timed_out = !co_await ended.wait(deadline);
  } catch (const std::exception& e) {
    if (!is_cancellation(e)) throw;
  }
  if (!ended.is_set()) {
    signal.emit(asio::cancellation_type::terminal);
    bool throws = co_await asio::this_coro::throw_if_cancelled();
    co_await keep_going();
    co_await ended.wait_to_the_end();
    co_await asio::this_coro::throw_if_cancelled(throws);
  }
  if (!failure) co_return timed_out;
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& e) {
    if (!timed_out || !is_cancellation(e)) throw;
  }
  co_return true;
}

}  // namespace drover::net
