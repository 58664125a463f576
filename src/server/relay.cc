#include "server/relay.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include <variant>

#include "net/event.h"

namespace drover::server {

using net::awaitable;

namespace {

// Carries messages one way until that way ends.
awaitable<result<>> pump(rpc::message_stream* from, rpc::message_stream* to) {
  for (;;) {
    CO_TRY_ASSIGN(auto message, co_await from->read());
    if (!message) break;
    CO_TRY(co_await to->write(*std::move(message)));
  }
  to->close_write();
  co_return result<>{};
}

// What the caller writes; the end of that is not yet the end of the stream, but a caller that has gone is.
awaitable<result<>> pump_input(rpc::message_stream* from, rpc::message_stream* to) {
  CO_TRY(co_await pump(from, to));
  net::event never;
  co_await never.wait();
  co_return result<>{};
}

}  // namespace

awaitable<result<>> join_streams(std::unique_ptr<rpc::message_stream> caller, std::unique_ptr<rpc::message_stream> callee) {
  using namespace boost::asio::experimental::awaitable_operators;
  auto ended = co_await (pump(callee.get(), caller.get()) || pump_input(caller.get(), callee.get()));
  co_return std::visit([](auto& r) { return r; }, ended);
}

}  // namespace drover::server
