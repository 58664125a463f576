// One session with everything on it: a channel for our calls, and the other side's streams served from a table. What the RPC port and the
// pool have in common. Loop thread only; run() in a task of the owner, cancelled or ended by close().
#pragma once

#include <memory>

#include "net/task_scope.h"
#include "rpc/serving.h"
#include "rpc/session_channel.h"
#include "rpc/yamux.h"

namespace drover::rpc {

struct carrier_options {
  bool client = false;
  // Null: the other side may open nothing. Must outlive the carrier.
  const method_table* table = nullptr;
  // Each stream says what it is by its first byte (0x06); otherwise all are calls and nothing goes back (0x03).
  bool streams_have_kinds = true;
  // Ends when nothing happened on it for so long; zero: never.
  duration idle{};
};

class carrier {
 public:
  carrier(net::loop& l, std::unique_ptr<net::byte_stream> stream, carrier_options options, log::logger logger, serving_stats& stats);
  // Returns when the session has ended and everything on it too.
  net::awaitable<result<>> run();
  void close() { session_->close(); }
  bool is_open() const { return session_->is_open(); }
  size_t stream_count() const { return session_->stream_count(); }
  const std::shared_ptr<session_channel>& channel() const { return channel_; }

 private:
  bool is_idle() const;

  carrier_options options_;
  net::task_scope streams_;
  std::shared_ptr<yamux_session> session_;
  std::shared_ptr<session_channel> channel_;
  std::shared_ptr<const serving> serving_;
};

}  // namespace drover::rpc
