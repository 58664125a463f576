// Between coroutines and code that blocks: blocking_pool runs a blocking function off the loop; run_to_completion() runs a coroutine from a
// thread that has no loop (CLI commands, tests).
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>

#include "base/ensure.h"
#include "net/loop.h"

namespace drover::net {

// A few threads, started at first use. Loop thread only; the destructor waits for the functions that still run.
class blocking_pool {
 public:
  explicit blocking_pool(loop& l, size_t threads = 2);
  ~blocking_pool();
  blocking_pool(const blocking_pool&) = delete;
  blocking_pool& operator=(const blocking_pool&) = delete;

  // Runs `function` on a pool thread and resumes on the loop with its value or exception. Not cancellable: it waits for the end of the
  // function, which may therefore refer to the caller's locals.
  template <class F>
  awaitable<std::invoke_result_t<F>> run(F function) {
    using T = std::invoke_result_t<F>;
    std::exception_ptr failure;
    if constexpr (std::is_void_v<T>) {
      co_await run_erased([&] { guard(failure, function); });
      if (failure) std::rethrow_exception(failure);
    } else {
      std::optional<T> value;
      co_await run_erased([&] { guard(failure, [&] { value.emplace(function()); }); });
      if (failure) std::rethrow_exception(failure);
      co_return std::move(*value);
    }
  }

 private:
  template <class F>
  static void guard(std::exception_ptr& failure, F&& function) {
    try {
      function();
    } catch (...) {
      failure = std::current_exception();
    }
  }
  awaitable<void> run_erased(std::function<void()> function);
  struct state;
  std::unique_ptr<state> state_;
};

namespace detail {
void run_to_completion(loop& l, awaitable<void> body);
template <class T>
awaitable<void> store_value(awaitable<T> body, std::optional<T>& into) {
  into.emplace(co_await std::move(body));
}
}  // namespace detail

// Runs the loop on this thread until `body` has ended; its exception is rethrown. Other work of the loop runs meanwhile.
template <class T>
T run_to_completion(loop& l, awaitable<T> body) {
  if constexpr (std::is_void_v<T>) {
    detail::run_to_completion(l, std::move(body));
  } else {
    std::optional<T> value;
    detail::run_to_completion(l, detail::store_value(std::move(body), value));
    ENSURE(value.has_value(), "the coroutine ended with a value");
    return std::move(*value);
  }
}

}  // namespace drover::net
