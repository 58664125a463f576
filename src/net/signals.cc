#include "net/signals.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace drover::net {
namespace asio = boost::asio;

struct signal_set::state {
  explicit state(loop& l) : signals(l) {}
  asio::signal_set signals;
};

signal_set::signal_set(loop& l, std::initializer_list<int> numbers) : state_(std::make_unique<state>(l)) {
  for (int number : numbers) state_->signals.add(number);
}
signal_set::~signal_set() = default;

awaitable<result<int>> signal_set::next() {
  auto [code, number] = co_await state_->signals.async_wait(asio::as_tuple(asio::use_awaitable));
  if (code == asio::error::operation_aborted) co_return fail(errc::cancelled, "waiting for a signal was cancelled");
  if (code) co_return fail(errc::io, "waiting for a signal: {}", code.message());
  co_return number;
}

}  // namespace drover::net
