#include "rpc/wire_stream.h"

#include "codec/msgpack.h"

namespace drover::rpc {
namespace {

net::awaitable<void> shut_down(std::shared_ptr<object_stream> stream) {
  // It may have ended meanwhile; reading will tell.
  (void)co_await stream->bytes().shutdown();
}

}  // namespace

net::awaitable<result<>> object_stream::read(size_t bytes_max, schema::record_slot into) {
  CO_TRY_ASSIGN(auto object, co_await reader_.next(bytes_max));
  if (!object) co_return fail(errc::closed, "the other side ended the stream");
  co_return codec::from_msgpack(*object, into);
}

net::awaitable<result<>> object_stream::write(schema::record_view record) {
  auto encoded = codec::to_msgpack(record);
  co_return co_await bytes_->write_all(encoded);
}

void object_stream::end_writing(const std::shared_ptr<object_stream>& self) {
  if (self->yamux_ != nullptr) self->yamux_->end_writing();
  else self->scope_->spawn(shut_down(self));
}

void object_stream::give_up() {
  if (yamux_ != nullptr && !yamux_->other_side_ended()) yamux_->reset();
  else bytes_->close();
}

void object_stream::on_broken(std::function<void()> callback) {
  if (yamux_ != nullptr) yamux_->on_broken(std::move(callback));
}

wire_stream::~wire_stream() {
  if (side_ == side::caller) under_->give_up();
}

awaitable<result<std::optional<std::string>>> wire_stream::read() {
  auto under = under_;
  CO_TRY_ASSIGN(auto object, co_await under->reader().next(message_bytes_max));
  if (!object) co_return std::nullopt;
  co_return std::string(*object);
}

awaitable<result<>> wire_stream::write(std::string message) {
  if (message.size() > message_bytes_max) co_return fail(errc::too_large, "a stream message of {} bytes is above {}", message.size(), message_bytes_max);
  CO_TRY_ASSIGN(auto length, codec::msgpack_length(message));
  if (length != message.size()) co_return fail(errc::invalid, "a stream message is not exactly one msgpack object");
  auto under = under_;
  co_return co_await under->bytes().write_all(message);
}

void wire_stream::close_write() { object_stream::end_writing(under_); }

}  // namespace drover::rpc
