#include "net/loop.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/multiple_exceptions.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <exception>

namespace drover::net {
namespace asio = boost::asio;

time_point now() { return std::chrono::steady_clock::now(); }

time_point after(duration d) {
  auto start = now();
  if (never - start <= std::chrono::nanoseconds(d.ns)) return never;
  return start + std::chrono::nanoseconds(d.ns);
}

awaitable<void> sleep_until(time_point when) {
  asio::steady_timer timer(co_await asio::this_coro::executor, when);
  co_await timer.async_wait(asio::use_awaitable);
}

awaitable<void> sleep_for(duration d) { return sleep_until(after(d)); }

awaitable<void> yield() { co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable); }

bool is_cancellation(const std::exception& e) {
  // Of several things at once that were all cancelled (operator ||).
  if (const auto* several = dynamic_cast<const asio::multiple_exceptions*>(&e)) {
    try {
      std::rethrow_exception(several->first_exception());
    } catch (const std::exception& first) {
      return is_cancellation(first);
    } catch (...) {
      return false;
    }
  }
  auto* system = dynamic_cast<const boost::system::system_error*>(&e);
  return system && system->code() == asio::error::operation_aborted;
}

}  // namespace drover::net
