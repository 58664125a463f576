// A message_stream over bytes: each message is exactly one msgpack object, as the streaming methods of Nomad's agents send them.
// Loop thread only.
#pragma once

#include <functional>
#include <memory>

#include "net/stream.h"
#include "net/task_scope.h"
#include "rpc/channel.h"
#include "rpc/framing.h"
#include "rpc/yamux.h"

namespace drover::rpc {

// What carries a streaming call, with what was read ahead. Made before the call's handshake.
class object_stream {
 public:
  // `scope` runs what must wait a moment; it outlives the stream. A yamux stream needs none.
  object_stream(std::unique_ptr<net::byte_stream> bytes, net::task_scope* scope)
      : bytes_(std::move(bytes)), yamux_(dynamic_cast<yamux_stream*>(bytes_.get())), scope_(scope), reader_(*bytes_) {}

  net::byte_stream& bytes() { return *bytes_; }
  object_reader& reader() { return reader_; }
  // Reads or writes one record; errc::closed if the stream ended instead.
  net::awaitable<result<>> read(size_t bytes_max, schema::record_slot into);
  net::awaitable<result<>> write(schema::record_view record);
  static void end_writing(const std::shared_ptr<object_stream>& self);
  // The other side is told that nobody reads any more, unless it ended itself.
  void give_up();
  // Called once, when the other side broke the stream off or the connection ended: not at its orderly end.
  void on_broken(std::function<void()> callback);

 private:
  std::unique_ptr<net::byte_stream> bytes_;
  yamux_stream* yamux_;
  net::task_scope* scope_;
  object_reader reader_;
};

class wire_stream : public message_stream {
 public:
  // A caller that leaves tells the callee to stop; a callee's last words are left to arrive.
  enum class side { caller, callee };
  wire_stream(std::shared_ptr<object_stream> under, side s) : under_(std::move(under)), side_(s) {}
  ~wire_stream() override;

  awaitable<result<std::optional<std::string>>> read() override;
  // errc::invalid for what is not exactly one msgpack object.
  awaitable<result<>> write(std::string message) override;
  void close_write() override;

 private:
  std::shared_ptr<object_stream> under_;
  side side_;
};

}  // namespace drover::rpc
