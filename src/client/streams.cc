#include "client/streams.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include <variant>

namespace drover::client {
namespace {

rpc::awaitable<result<>> until_gone(rpc::message_stream* stream) {
  for (;;) {
    auto message = co_await stream->read();
    if (!message || !*message) co_return result<>{};
  }
}

}  // namespace

rpc::awaitable<result<>> while_caller_stays(rpc::message_stream* stream, rpc::awaitable<result<>> work) {
  using namespace boost::asio::experimental::awaitable_operators;
  auto ended = co_await (std::move(work) || until_gone(stream));
  co_return std::visit([](auto& r) { return r; }, ended);
}

}  // namespace drover::client
