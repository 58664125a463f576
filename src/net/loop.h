// The loop: ONE io_context run by ONE thread. Every object of net/ is made, used and destroyed on it, unless its header says otherwise.
//
// Cancellation: a task is cancelled by its task_scope (or by the HTTP server when its client goes away). The operation it waits in ends at
// once: one that returns result<> gives errc::cancelled, any other throws. From then on every further co_await throws
// boost::system::system_error(operation_aborted), which unwinds the coroutine and ends silently in the scope. So clean up in destructors;
// a coroutine that must await while it is being cancelled says `co_await net::keep_going();` first.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <chrono>

#include "base/result.h"
#include "base/time.h"

namespace drover::net {

using loop = boost::asio::io_context;
template <class T = void>
using awaitable = boost::asio::awaitable<T>;

using time_point = std::chrono::steady_clock::time_point;
inline constexpr time_point never = time_point::max();
time_point now();
// The instant `d` from now; `never` if it cannot be represented.
time_point after(duration d);

awaitable<void> sleep_until(time_point when);
awaitable<void> sleep_for(duration d);
// Lets everything that is ready run first.
awaitable<void> yield();

// After `co_await keep_going()` this task's awaits no longer throw because it was cancelled earlier: for the last words of a coroutine.
inline auto keep_going() { return boost::asio::this_coro::throw_if_cancelled(false); }

// True for the exception that unwinds a cancelled task.
bool is_cancellation(const std::exception& e);

}  // namespace drover::net
