#include "net/blocking.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace drover::net {
namespace asio = boost::asio;

struct blocking_pool::state {
  state(loop& l, size_t n) : owner(l), thread_count(n) {}
  loop& owner;
  size_t thread_count;
  std::unique_ptr<asio::thread_pool> threads;
};

blocking_pool::blocking_pool(loop& l, size_t threads) : state_(std::make_unique<state>(l, threads)) {}
blocking_pool::~blocking_pool() {
  if (state_->threads) state_->threads->join();
}

awaitable<void> blocking_pool::run_erased(std::function<void()> function) {
  if (!state_->threads) state_->threads = std::make_unique<asio::thread_pool>(state_->thread_count);
  // The handler takes no cancellation slot: the function refers to the waiting coroutine's frame, which therefore must stay.
  auto start = [this, &function](auto handler) {
    auto work = asio::make_work_guard(state_->owner);
    asio::post(*state_->threads, [&function, handler = std::move(handler), work = std::move(work)]() mutable {
      function();
      auto executor = work.get_executor();
      asio::post(executor, std::move(handler));
    });
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(start, asio::use_awaitable);
}

void detail::run_to_completion(loop& l, awaitable<void> body) {
  bool done = false;
  std::exception_ptr failure;
  asio::co_spawn(l, std::move(body), [&](const std::exception_ptr& e) {
    failure = e;
    done = true;
  });
  l.restart();
  while (!done) ENSURE(l.run_one() > 0, "the loop runs until the coroutine has ended");
  if (failure) std::rethrow_exception(failure);
}

}  // namespace drover::net
