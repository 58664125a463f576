#include <boost/asio/post.hpp>

#include <algorithm>
#include <cstring>

#include "rpc/yamux.h"

namespace drover::rpc {
namespace {

// Read bytes at the front are dropped when they are so many.
constexpr size_t compact_bytes = 64 * 1024;

}  // namespace

yamux_stream::yamux_stream(std::shared_ptr<yamux_session> session, uint32_t id, bool opened_here)
    : session_(std::move(session)), opened_at_(net::now()), id_(id), acknowledged_(!opened_here) {}

yamux_stream::~yamux_stream() {
  callback_ = nullptr;
  broken_ = nullptr;
  close();
}

void yamux_stream::close() {
  if (failure_) return;
  end_writing();
  failure_ = std::make_shared<const error>(errc::closed, "the stream was closed");
  session_->unread_ -= in_.size() - in_at_;
  in_.clear();
  in_at_ = 0;
  if (attached_) {
    attached_ = false;
    session_->remember_closed(id_);
  }
  wake_all();
}

void yamux_stream::reset() {
  if (failure_) return;
  if (attached_ && !(remote_ended_ && local_ended_)) session_->send({yamux_header::window_update, yamux_header::rst, id_, 0});
  failed(std::make_shared<const error>(errc::closed, "the stream was reset"));
}

void yamux_stream::failed(std::shared_ptr<const error> why) {
  if (failure_) return;
  failure_ = std::move(why);
  session_->unread_ -= in_.size() - in_at_;
  in_ = std::string();
  in_at_ = 0;
  if (attached_) {
    attached_ = false;
    session_->forget(id_, acknowledged_);
  }
  if (auto broken = std::exchange(broken_, nullptr)) broken();
  wake_all();
}

void yamux_stream::wake_all() {
  writable_.notify_all();
  session_->room_.notify_all();
  wake_reader();
}

// --- reading

void yamux_stream::wake_reader() {
  readable_.notify_all();
  if (auto callback = std::exchange(callback_, nullptr)) callback();
}

void yamux_stream::deliver(std::string_view data) {
  if (in_at_ > compact_bytes) {
    in_.erase(0, in_at_);
    in_at_ = 0;
  }
  in_ += data;
  session_->unread_ += data.size();
  wake_reader();
}

void yamux_stream::remote_ended() {
  if (remote_ended_) return;
  remote_ended_ = true;
  if (local_ended_ && attached_) {
    attached_ = false;
    session_->forget(id_, acknowledged_);
  }
  wake_reader();
}

result<size_t> yamux_stream::try_read(std::span<char> into) {
  if (failure_) return why();
  size_t count = std::min(into.size(), in_.size() - in_at_);
  if (count == 0) {
    if (remote_ended_ && !into.empty()) return fail(errc::closed, "the other side ended the stream");
    return 0;
  }
  memcpy(into.data(), in_.data() + in_at_, count);
  in_at_ += count;
  session_->unread_ -= count;
  if (in_at_ == in_.size()) {
    in_ = std::string();
    in_at_ = 0;
  }
  // What was read may be sent again, told in large steps.
  auto held = static_cast<uint32_t>(in_.size() - in_at_);
  uint32_t credit = stream_window_bytes - held - receive_window_;
  if (credit >= stream_window_bytes / 2 && !remote_ended_) {
    receive_window_ += credit;
    session_->send({yamux_header::window_update, 0, id_, credit});
  }
  return count;
}

net::awaitable<result<size_t>> yamux_stream::read_some(std::span<char> into) {
  for (;;) {
    auto count = try_read(into);
    if (!count && !failure_) co_return size_t{0};
    if (!count || *count > 0 || into.empty()) co_return count;
    CO_TRY(co_await wait_readable());
  }
}

net::awaitable<result<>> yamux_stream::wait_readable() {
  while (!readable()) co_await readable_.wait();
  co_return result<>{};
}

void yamux_stream::when_readable(std::function<void()> callback) {
  if (!readable()) {
    callback_ = std::move(callback);
    return;
  }
  boost::asio::post(session_->loop_, std::move(callback));
}

// --- writing

void yamux_stream::add_window(uint32_t credit) {
  if (credit == 0) return;
  send_window_ += credit;
  writable_.notify_all();
}

result<size_t> yamux_stream::try_write(std::string_view data) {
  if (failure_) return why();
  if (local_ended_) return fail(errc::closed, "the stream was ended for writing");
  size_t count = std::min({data.size(), static_cast<size_t>(send_window_), session_->room()});
  if (count == 0) return 0;
  send_window_ -= static_cast<uint32_t>(count);
  session_->send_data(id_, data.substr(0, count));
  // Sending may have shown that the connection is broken.
  if (failure_) return why();
  return count;
}

net::awaitable<result<>> yamux_stream::write_all(std::string_view data) {
  auto session = session_;
  for (;;) {
    CO_TRY_ASSIGN(auto count, try_write(data));
    data.remove_prefix(count);
    if (data.empty()) co_return result<>{};
    if (send_window_ == 0) {
      co_await writable_.wait();
    } else if (session->room() == 0) {
      co_await session->room_.wait();
    }
  }
}

void yamux_stream::end_writing() {
  if (local_ended_) return;
  local_ended_ = true;
  if (!attached_) return;
  session_->send({yamux_header::window_update, yamux_header::fin, id_, 0});
  if (!remote_ended_ || !attached_) return;
  attached_ = false;
  session_->forget(id_, acknowledged_);
}

net::awaitable<result<>> yamux_stream::shutdown() {
  if (failure_) co_return why();
  end_writing();
  co_return result<>{};
}

}  // namespace drover::rpc
