// Many byte streams over one: yamux, as Nomad's agents speak it. Either side opens streams; each has a window of its own, so that a reader
// that is behind stops nobody else.
//
// Loop thread only. Life of a session: create(), run() in a task of its owner; it has ended when run() returns, and then every stream of it
// fails with errc::closed. Streams are net::byte_streams and may outlive the session's end.
// What is in it costs nothing while idle: no buffer is held, and reading costs no coroutine.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/event.h"
#include "net/stream.h"
#include "rpc/limits.h"
#include "rpc/yamux_frame.h"

namespace drover::rpc {

class yamux_stream;

struct yamux_options {
  // The side that dialled. Its streams have odd numbers.
  bool client = false;
  // Takes the streams that the other side opens; null: they are reset. Called from inside the session: it must not destroy it.
  std::function<void(std::unique_ptr<yamux_stream>)> on_stream{};
  // Asked at every keepalive; true: nobody needs the session, it ends.
  std::function<bool()> is_idle{};
  duration keepalive = keepalive_interval;
  duration write_timeout = session_write_timeout;
  duration open_timeout = stream_open_timeout;
  duration close_timeout = stream_close_timeout;
};

class yamux_session : public std::enable_shared_from_this<yamux_session> {
 public:
  static std::shared_ptr<yamux_session> create(net::loop& l, std::unique_ptr<net::byte_stream> under, yamux_options options);
  ~yamux_session();
  yamux_session(const yamux_session&) = delete;
  yamux_session& operator=(const yamux_session&) = delete;

  // Carries the session until it ends. An error says why it ended, unless it was closed by either side in good order.
  net::awaitable<result<>> run();
  // Waits while too many streams are not yet acknowledged.
  net::awaitable<result<std::unique_ptr<yamux_stream>>> open();
  // Tells the other side and ends at once; streams fail with errc::closed.
  void close();
  // May streams still be opened?
  bool is_open() const { return !ended_ && !going_away_; }
  size_t stream_count() const { return streams_.size(); }
  const net::endpoint& remote() const { return remote_; }
  const net::endpoint& local() const { return local_; }
  const std::vector<std::string>& peer_names() const { return peer_names_; }
  bool is_encrypted() const { return encrypted_; }

 private:
  friend class yamux_stream;
  yamux_session(net::loop& l, std::unique_ptr<net::byte_stream> under, yamux_options options);

  void end(error why);
  void break_off(std::string why);
  // Reading.
  void arm();
  void on_readable();
  void consume(std::string_view data);
  void consume_payload(std::string_view& data);
  void payload_ended();
  void on_frame(const yamux_header& header);
  void on_stream_frame(const yamux_header& header);
  void on_frame_without_stream(const yamux_header& header);
  bool accept(uint32_t id);
  yamux_stream* find(uint32_t id);
  // Writing. Frames are collected and sent together when everything that is ready has run.
  void send(const yamux_header& header);
  void send_data(uint32_t id, std::string_view data);
  size_t room() const { return unsent_.size() >= unsent_bytes_max ? 0 : unsent_bytes_max - unsent_.size(); }
  void schedule_flush();
  void flush();
  net::awaitable<void> drain();
  // Time.
  void tick(net::time_point now);
  net::time_point next_tick() const;
  // Streams.
  void forget(uint32_t id, bool acknowledged);
  void remember_closed(uint32_t id);
  void acknowledged();

  net::loop& loop_;
  std::unique_ptr<net::byte_stream> under_;
  yamux_options options_;
  net::endpoint remote_, local_;
  std::vector<std::string> peer_names_;
  bool encrypted_;

  bool ended_ = false;
  bool going_away_ = false;  // ours or theirs: no new streams
  bool blocked_ = false;     // the connection takes no more for now; run() carries on
  bool flush_posted_ = false;
  bool ping_unanswered_ = false;
  bool heard_ = false;  // since the last keepalive
  uint8_t header_size_ = 0;
  char header_[yamux_header_bytes];
  uint32_t next_id_;
  uint32_t payload_left_ = 0;
  uint32_t payload_stream_ = 0;
  bool payload_is_last_ = false;
  size_t unacknowledged_ = 0;
  size_t accepted_ = 0;
  size_t unread_ = 0;
  error why_{errc::closed, "the session has not ended"};
  std::string unsent_;
  net::event wake_, room_, opened_;
  net::time_point keepalive_at_, ping_deadline_ = net::never;
  std::unordered_map<uint32_t, yamux_stream*> streams_;
  // Closed here and not yet there, until when.
  std::unordered_map<uint32_t, net::time_point> closed_;
};

class yamux_stream final : public net::byte_stream {
 public:
  yamux_stream(std::shared_ptr<yamux_session> session, uint32_t id, bool opened_here);
  ~yamux_stream() override;

  // Ends both directions at once and tells the other side that nobody reads: for what was given up in the middle.
  void reset();
  // Nothing came, nothing will be missed: may the stream be used for another call?
  bool is_quiet() const { return !failure_ && !remote_ended_ && !local_ended_ && in_.empty(); }
  // Did the other side end or reset it, or did the session end?
  bool other_side_ended() const { return remote_ended_ || failure_ != nullptr; }
  // No more will be written: shutdown() without waiting.
  void end_writing();
  // Called once when the stream fails: reset by the other side, or the session ended. Not after close().
  void on_broken(std::function<void()> callback) { broken_ = std::move(callback); }
  uint32_t id() const { return id_; }

  net::awaitable<result<size_t>> read_some(std::span<char> into) override;
  net::awaitable<result<>> write_all(std::string_view data) override;
  net::awaitable<result<>> wait_readable() override;
  void when_readable(std::function<void()> callback) override;
  result<size_t> try_read(std::span<char> into) override;
  result<size_t> try_write(std::string_view data) override;
  net::awaitable<result<>> shutdown() override;
  void close() override;
  net::endpoint remote() const override { return session_->remote(); }
  net::endpoint local() const override { return session_->local(); }
  int native_handle() const override { return -1; }
  bool is_encrypted() const override { return session_->is_encrypted(); }

 private:
  friend class yamux_session;
  // From the session. Each may call back into code that destroys the stream: nothing is touched after.
  void deliver(std::string_view data);
  void remote_ended();
  void failed(std::shared_ptr<const error> why);
  void add_window(uint32_t credit);
  void wake_reader();
  void wake_all();
  bool readable() const { return failure_ || remote_ended_ || in_.size() > in_at_; }
  std::unexpected<error> why() const { return std::unexpected(*failure_); }

  std::shared_ptr<yamux_session> session_;
  std::shared_ptr<const error> failure_;
  std::function<void()> callback_, broken_;
  std::string in_;
  size_t in_at_ = 0;
  net::time_point opened_at_;
  net::event readable_, writable_;
  const uint32_t id_;
  uint32_t send_window_ = stream_window_bytes;
  uint32_t receive_window_ = stream_window_bytes;
  bool acknowledged_;
  bool remote_ended_ = false;
  bool local_ended_ = false;
  bool attached_ = true;  // in the session's table
};

}  // namespace drover::rpc
