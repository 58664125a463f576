#include <boost/asio/post.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/ensure.h"
#include "net/task_scope.h"
#include "net/tls.h"
#include "rpc/yamux.h"

namespace drover::rpc {
namespace {

constexpr size_t read_bytes = 64 * 1024;
// Then the other connections get their turn.
constexpr int reads_in_a_row_max = 16;
// Sent at once instead of collecting more.
constexpr size_t flush_bytes = 128 * 1024;
// What the connection must take within the write timeout.
constexpr size_t drain_bytes = 64 * 1024;
// Numbers are not used twice. Near the end a new session is needed.
constexpr uint32_t stream_id_max = UINT32_MAX - 2;

}  // namespace

std::shared_ptr<yamux_session> yamux_session::create(net::loop& l, std::unique_ptr<net::byte_stream> under, yamux_options options) {
  return std::shared_ptr<yamux_session>(new yamux_session(l, std::move(under), std::move(options)));
}

yamux_session::yamux_session(net::loop& l, std::unique_ptr<net::byte_stream> under, yamux_options options)
    : loop_(l),
      under_(std::move(under)),
      options_(std::move(options)),
      remote_(under_->remote()),
      local_(under_->local()),
      peer_names_(net::peer_names(*under_)),
      encrypted_(under_->is_encrypted()),
      next_id_(options_.client ? 1 : 2),
      keepalive_at_(net::after(options_.keepalive)) {}

yamux_session::~yamux_session() { ENSURE(streams_.empty(), "streams hold their session"); }

net::awaitable<result<>> yamux_session::run() {
  auto self = shared_from_this();
  struct leave {
    yamux_session& session;
    ~leave() {
      session.end(error(errc::closed, "the session was closed"));
      session.options_.on_stream = nullptr;
      session.options_.is_idle = nullptr;
    }
  } leaving{*this};
  // Something may have come already, also where no readiness will tell of it (TLS reads ahead).
  on_readable();
  while (!ended_) {
    if (blocked_) {
      co_await drain();
      continue;
    }
    bool woken = co_await wake_.wait(next_tick());
    wake_.reset();
    if (!woken && !ended_) tick(net::now());
  }
  if (why_.code() == errc::closed) co_return result<>{};
  co_return fail(why_);
}

void yamux_session::close() {
  if (ended_) return;
  send({yamux_header::go_away, 0, 0, yamux_header::normal});
  flush();
  end(error(errc::closed, "the session was closed"));
}

// The other side broke the protocol: it is told so, and the session is over.
void yamux_session::break_off(std::string why) {
  if (ended_) return;
  send({yamux_header::go_away, 0, 0, yamux_header::protocol_error});
  flush();
  end(error(errc::invalid, std::move(why)));
}

void yamux_session::end(error why) {
  if (ended_) return;
  auto self = shared_from_this();
  ended_ = true;
  why_ = std::move(why);
  under_->close();
  closed_.clear();
  // Streams see one kind of end, whatever broke.
  auto seen = std::make_shared<const error>(errc::closed, "the connection to " + net::to_string(remote_) + " ended: " + why_.text());
  while (!streams_.empty()) {
    auto* stream = streams_.begin()->second;
    streams_.erase(streams_.begin());
    stream->attached_ = false;
    stream->failed(seen);
  }
  wake_.set();
  room_.notify_all();
  opened_.notify_all();
}

// --- streams

net::awaitable<result<std::unique_ptr<yamux_stream>>> yamux_session::open() {
  auto self = shared_from_this();
  while (is_open() && unacknowledged_ >= streams_unacknowledged_max) co_await opened_.wait();
  if (ended_) co_return fail(errc::closed, "the connection to {} ended: {}", net::to_string(remote_), why_.text());
  if (going_away_) co_return fail(errc::closed, "{} takes no more streams", net::to_string(remote_));
  auto id = next_id_;
  next_id_ += 2;
  if (id >= stream_id_max) going_away_ = true;
  auto stream = std::make_unique<yamux_stream>(self, id, true);
  streams_.emplace(id, stream.get());
  ++unacknowledged_;
  send({yamux_header::window_update, yamux_header::syn, id, 0});
  co_return std::move(stream);
}

// False: it was refused, or the session is over.
bool yamux_session::accept(uint32_t id) {
  bool theirs = (id % 2 == 1) != options_.client;
  if (!theirs || streams_.contains(id) || closed_.contains(id)) {
    break_off(fmt::format("yamux: the other side opened stream {}, {}", id, theirs ? "which is open" : "whose number is ours"));
    return false;
  }
  if (going_away_ || !options_.on_stream || accepted_ >= streams_accepted_max) {
    send({yamux_header::window_update, yamux_header::rst, id, 0});
    return false;
  }
  auto stream = std::make_unique<yamux_stream>(shared_from_this(), id, false);
  streams_.emplace(id, stream.get());
  ++accepted_;
  send({yamux_header::window_update, yamux_header::ack, id, 0});
  options_.on_stream(std::move(stream));
  return !ended_;
}

yamux_stream* yamux_session::find(uint32_t id) {
  auto it = streams_.find(id);
  return it == streams_.end() ? nullptr : it->second;
}

void yamux_session::acknowledged() {
  --unacknowledged_;
  opened_.notify_one();
}

void yamux_session::forget(uint32_t id, bool was_acknowledged) {
  streams_.erase(id);
  if (!was_acknowledged) acknowledged();
  if ((id % 2 == 1) != options_.client) --accepted_;
}

void yamux_session::remember_closed(uint32_t id) {
  auto stream = find(id);
  if (!stream->acknowledged_) acknowledged();
  streams_.erase(id);
  closed_.emplace(id, net::after(options_.close_timeout));
}

// --- reading

void yamux_session::arm() {
  under_->when_readable([weak = weak_from_this()] {
    if (auto self = weak.lock()) self->on_readable();
  });
}

void yamux_session::on_readable() {
  std::array<char, read_bytes> buffer;
  for (int i = 0; i < reads_in_a_row_max; ++i) {
    if (ended_) return;
    auto count = under_->try_read(buffer);
    if (!count) return end(count.error());
    if (*count > 0) consume({buffer.data(), *count});
    if (ended_) return;
    // A socket that gave less has no more; a TLS stream gives record by record.
    if (*count == 0 || (*count < buffer.size() && !encrypted_)) return arm();
  }
  boost::asio::post(loop_, [weak = weak_from_this()] {
    if (auto self = weak.lock()) self->on_readable();
  });
}

void yamux_session::consume(std::string_view data) {
  heard_ = true;
  while (!data.empty() && !ended_) {
    if (payload_left_ > 0) {
      consume_payload(data);
      continue;
    }
    size_t take = std::min(data.size(), yamux_header_bytes - header_size_);
    memcpy(header_ + header_size_, data.data(), take);
    header_size_ = static_cast<uint8_t>(header_size_ + take);
    data.remove_prefix(take);
    if (header_size_ < yamux_header_bytes) return;
    header_size_ = 0;
    auto header = parse_yamux_header({header_, yamux_header_bytes});
    if (!header) return break_off(header.error().message());
    on_frame(*header);
  }
}

void yamux_session::consume_payload(std::string_view& data) {
  auto piece = data.substr(0, payload_left_);
  data.remove_prefix(piece.size());
  payload_left_ -= static_cast<uint32_t>(piece.size());
  if (auto* stream = find(payload_stream_)) {
    if (unread_ + piece.size() > unread_bytes_max) stream->reset();
    else stream->deliver(piece);
  }
  if (payload_left_ == 0) payload_ended();
}

void yamux_session::payload_ended() {
  if (!payload_is_last_ || ended_) return;
  if (auto* stream = find(payload_stream_)) stream->remote_ended();
}

void yamux_session::on_frame(const yamux_header& header) {
  switch (header.type) {
    case yamux_header::ping:
      if (header.is(yamux_header::syn)) send({yamux_header::ping, yamux_header::ack, 0, header.length});
      else ping_unanswered_ = false;
      return;
    case yamux_header::go_away:
      if (header.length != yamux_header::normal) return end(error(errc::closed, fmt::format("the other side ended it with reason {}", header.length)));
      going_away_ = true;
      opened_.notify_all();
      return;
    default: return on_stream_frame(header);
  }
}

void yamux_session::on_stream_frame(const yamux_header& header) {
  if (header.is(yamux_header::syn) && !accept(header.stream) && ended_) return;
  auto* stream = find(header.stream);
  if (stream == nullptr) return on_frame_without_stream(header);
  if (header.is(yamux_header::ack) && !stream->acknowledged_) {
    stream->acknowledged_ = true;
    acknowledged();
  }
  bool is_data = header.type == yamux_header::data;
  if (is_data) {
    if (header.length > stream->receive_window_)
      return break_off(fmt::format("yamux: {} bytes on stream {} are beyond its window of {}", header.length, header.stream, stream->receive_window_));
    stream->receive_window_ -= header.length;
    payload_left_ = header.length;
    payload_stream_ = header.stream;
  } else if (stream->send_window_ > UINT32_MAX - header.length) {
    return break_off(fmt::format("yamux: the window of stream {} grows beyond 32 bits", header.stream));
  }
  if (header.is(yamux_header::rst)) return stream->failed(std::make_shared<const error>(errc::closed, "the other side reset the stream"));
  if (!is_data) stream->add_window(header.length);
  payload_is_last_ = header.is(yamux_header::fin);
  if (payload_is_last_ && payload_left_ == 0) {
    payload_stream_ = header.stream;
    payload_ended();
  }
}

// Late frames of streams that are over here are passed by. Who still sends data to one that was closed is told to stop.
void yamux_session::on_frame_without_stream(const yamux_header& header) {
  bool data = header.type == yamux_header::data && header.length > 0;
  if (data && header.length > stream_window_bytes) return break_off(fmt::format("yamux: a frame of {} bytes is beyond any window", header.length));
  if (data) {
    payload_left_ = header.length;
    payload_stream_ = header.stream;
    payload_is_last_ = false;
  }
  auto closed = closed_.find(header.stream);
  bool over = header.is(yamux_header::rst) || header.is(yamux_header::fin);
  if (closed == closed_.end() || (!data && !over)) return;
  if (!over) send({yamux_header::window_update, yamux_header::rst, header.stream, 0});
  closed_.erase(closed);
  if ((header.stream % 2 == 1) != options_.client) --accepted_;
}

// --- writing

void yamux_session::send(const yamux_header& header) {
  if (ended_) return;
  append(unsent_, header);
  schedule_flush();
}

void yamux_session::send_data(uint32_t id, std::string_view data) {
  while (!data.empty()) {
    auto piece = data.substr(0, data_frame_bytes_max);
    data.remove_prefix(piece.size());
    append(unsent_, {yamux_header::data, 0, id, static_cast<uint32_t>(piece.size())});
    unsent_ += piece;
  }
  schedule_flush();
}

void yamux_session::schedule_flush() {
  if (blocked_) {
    // Writers wait for room, so only answers to the other side's own frames can pile up.
    if (unsent_.size() > unsent_control_bytes_max) end(error(errc::too_large, "the other side asks and does not read the answers"));
    return;
  }
  if (unsent_.size() >= flush_bytes) return flush();
  if (flush_posted_) return;
  flush_posted_ = true;
  boost::asio::post(loop_, [weak = weak_from_this()] {
    auto self = weak.lock();
    if (!self) return;
    self->flush_posted_ = false;
    self->flush();
  });
}

void yamux_session::flush() {
  if (ended_ || blocked_ || unsent_.empty()) return;
  auto count = under_->try_write(unsent_);
  if (!count) return end(count.error());
  if (*count == unsent_.size()) {
    unsent_ = std::string();
    room_.notify_all();
    return;
  }
  unsent_.erase(0, *count);
  blocked_ = true;
  wake_.set();
}

net::awaitable<void> yamux_session::drain() {
  while (!unsent_.empty() && !ended_) {
    // The first bytes must be those that try_write left, so pieces are taken from the front.
    auto piece = unsent_.size() <= drain_bytes ? std::exchange(unsent_, {}) : unsent_.substr(0, drain_bytes);
    if (!unsent_.empty()) unsent_.erase(0, drain_bytes);
    auto sent = co_await net::with_deadline(under_->write_all(piece), net::after(options_.write_timeout));
    if (!sent) {
      end(sent.error());
      co_return;
    }
    room_.notify_all();
  }
  blocked_ = false;
}

// --- time

net::time_point yamux_session::next_tick() const { return std::min(keepalive_at_, ping_deadline_); }

void yamux_session::tick(net::time_point now) {
  if (now >= ping_deadline_) {
    ping_deadline_ = net::never;
    if (ping_unanswered_ && !heard_) return end(error(errc::timeout, "no answer to a ping within " + to_string(options_.write_timeout)));
  }
  if (now < keepalive_at_) return;
  keepalive_at_ = net::after(options_.keepalive);
  if (options_.is_idle && options_.is_idle()) return close();
  for (const auto& [id, stream] : streams_) {
    if (stream->acknowledged_ || now - stream->opened_at_ < std::chrono::nanoseconds(options_.open_timeout.ns)) continue;
    return end(error(errc::timeout, fmt::format("stream {} was not acknowledged within {}", id, to_string(options_.open_timeout))));
  }
  // Taken out before anything is sent: a write that fails ends the session, which forgets them all.
  std::vector<uint32_t> late;
  for (const auto& [id, until] : closed_)
    if (now >= until) late.push_back(id);
  for (auto id : late) {
    closed_.erase(id);
    if ((id % 2 == 1) != options_.client) --accepted_;
  }
  for (auto id : late) send({yamux_header::window_update, yamux_header::rst, id, 0});
  if (ended_) return;
  // Whoever was heard is alive.
  if (std::exchange(heard_, false)) return;
  ping_unanswered_ = true;
  ping_deadline_ = net::after(options_.write_timeout);
  send({yamux_header::ping, yamux_header::syn, 0, 0});
}

}  // namespace drover::rpc
