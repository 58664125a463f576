#include "rpc/caller.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include <variant>

namespace drover::rpc {
namespace {

awaitable<result<>> until_gone(message_stream* stream) {
  for (;;) {
    auto message = co_await stream->read();
    if (!message || !*message) co_return result<>{};
  }
}

}  // namespace

awaitable<result<>> while_caller_stays(message_stream* stream, awaitable<result<>> work) {
  using namespace boost::asio::experimental::awaitable_operators;
  auto ended = co_await (std::move(work) || until_gone(stream));
  co_return std::visit([](auto& r) { return r; }, ended);
}

}  // namespace drover::rpc
