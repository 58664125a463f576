#include "rpc/carrier.h"

#include <algorithm>

namespace drover::rpc {

carrier::carrier(net::loop& l, std::unique_ptr<net::byte_stream> stream, carrier_options options, log::logger logger, serving_stats& stats)
    : options_(options), streams_(l, logger) {
  yamux_options o;
  o.client = options.client;
  if (options.idle.ns > 0) {
    o.keepalive = std::min(o.keepalive, options.idle);
    o.is_idle = [this] { return is_idle(); };
  }
  if (options.table != nullptr) {
    o.on_stream = [this](std::unique_ptr<yamux_stream> each) {
      if (options_.streams_have_kinds) streams_.spawn(serve_stream(serving_, std::move(each)));
      else streams_.spawn(serve_calls(serving_, std::move(each)));
    };
  }
  session_ = yamux_session::create(l, std::move(stream), std::move(o));
  channel_ = std::make_shared<session_channel>(session_);
  if (options.table == nullptr) return;
  call_context context{.in_process = false, .remote_address = net::to_string(session_->remote()), .tls_names = session_->peer_names()};
  if (options.streams_have_kinds) context.back = channel_;
  serving_ = std::make_shared<const serving>(l, *options.table, std::move(logger), stats, std::move(context));
}

// Streams that only wait for the next call are no use; streaming calls of ours are.
bool carrier::is_idle() const {
  bool used = channel_->calls_under_way() > 0 || session_->stream_count() > channel_->idle_streams() + streams_.size() || (serving_ && serving_->under_way > 0);
  auto last = serving_ ? std::max(serving_->last_used, channel_->last_used()) : channel_->last_used();
  return !used && net::now() - last >= std::chrono::nanoseconds(options_.idle.ns);
}

net::awaitable<result<>> carrier::run() {
  result<> ended;
  try {
    ended = co_await session_->run();
  } catch (const std::exception& e) {
    if (!net::is_cancellation(e)) throw;
  }
  channel_->session_ended();
  co_await net::keep_going();
  co_await streams_.stop();
  co_return ended;
}

}  // namespace drover::rpc
