#include "rpc/session_channel.h"

#include "codec/msgpack.h"
#include "rpc/framing.h"
#include "rpc/limits.h"
#include "rpc/remote_error.h"
#include "rpc/serving.h"
#include "rpc/wire_stream.h"
#include "schema/common.h"

namespace drover::rpc {
namespace {

struct answer {
  bool refused = false;
  error why{errc::unknown, ""};
};

// The whole answer has been consumed when this succeeds, also if the callee refused.
awaitable<result<answer>> read_answer(object_reader& reader, uint64_t seq, schema::record_slot response) {
  CO_TRY_ASSIGN(auto head, co_await reader.next(response_header_bytes_max));
  if (!head) co_return fail(errc::closed, "the other side ended the stream instead of answering");
  schema::rpc_response_header header;
  CO_TRY(codec::from_msgpack(*head, schema::slot(header)));
  if (header.seq != seq) co_return fail(errc::invalid, "answer {} came for call {}", header.seq, seq);
  CO_TRY_ASSIGN(auto body, co_await reader.next(body_bytes_max));
  if (!body) co_return fail(errc::closed, "the other side ended the stream inside an answer");
  answer out;
  if (!header.error.empty()) {
    out.refused = true;
    out.why = from_wire(header.error);
  } else if (auto read = codec::from_msgpack(*body, response); !read) {
    out.refused = true;
    out.why = error(errc::invalid, fmt::format("the answer of {} cannot be read", header.service_method), std::move(read).error());
  }
  if (reader.has_more()) co_return fail(errc::invalid, "bytes follow the answer of {}", header.service_method);
  co_return out;
}

}  // namespace

// A stream while a call has it. Given up in the middle it is broken off, so that nobody reads a late answer as his own.
struct session_channel::lease {
  explicit lease(session_channel& c) : channel(c) { ++channel.under_way_; }
  ~lease() {
    --channel.under_way_;
    channel.last_used_ = net::now();
    if (stream && whole) channel.give_back(std::move(stream));
    else if (stream) stream->reset();
  }
  lease(const lease&) = delete;
  lease& operator=(const lease&) = delete;
  session_channel& channel;
  std::unique_ptr<yamux_stream> stream;
  bool whole = false;
};

bool session_channel::is_open() const {
  auto session = session_.lock();
  return session && session->is_open();
}

std::unique_ptr<yamux_stream> session_channel::take_idle() {
  while (!idle_.empty()) {
    auto stream = std::move(idle_.back());
    idle_.pop_back();
    if (stream->is_quiet()) return stream;
  }
  return nullptr;
}

void session_channel::give_back(std::unique_ptr<yamux_stream> stream) {
  if (idle_.size() < idle_streams_max && stream->is_quiet() && is_open()) idle_.push_back(std::move(stream));
}

awaitable<result<std::unique_ptr<yamux_stream>>> session_channel::open_stream() {
  auto session = session_.lock();
  if (!session) co_return fail(errc::closed, "the connection has ended");
  co_return co_await session->open();
}

awaitable<result<>> session_channel::call(std::string method, schema::record_view request, schema::record_slot response) {
  lease held(*this);
  auto seq = ++last_seq_;
  held.stream = take_idle();
  std::string frame;
  if (!held.stream) {
    CO_TRY_ASSIGN(held.stream, co_await open_stream());
    frame += static_cast<char>(wire_kind::calls);
  }
  codec::append_msgpack(frame, schema::view(schema::rpc_request_header{seq, method}));
  size_t head_bytes = frame.size();
  codec::append_msgpack(frame, request);
  if (frame.size() - head_bytes > body_bytes_max)
    co_return fail(errc::too_large, "the request of {} has {} bytes; at most {} fit", method, frame.size() - head_bytes, body_bytes_max);
  CO_TRY(co_await held.stream->write_all(frame));
  frame = std::string();
  object_reader reader(*held.stream);
  CO_TRY_ASSIGN(auto answered, co_await read_answer(reader, seq, response));
  held.whole = true;
  if (answered.refused) co_return fail(std::move(answered.why));
  co_return result<>{};
}

awaitable<result<std::unique_ptr<message_stream>>> session_channel::open(std::string method, schema::record_view request) {
  lease held(*this);
  CO_TRY_ASSIGN(auto bytes, co_await open_stream());
  auto stream = std::make_shared<object_stream>(std::move(bytes), nullptr);
  // From here on leaving it breaks it off.
  auto out = std::make_unique<wire_stream>(stream, wire_stream::side::caller);
  std::string hello(1, static_cast<char>(wire_kind::streaming_call));
  codec::append_msgpack(hello, schema::view(schema::streaming_rpc_header{std::move(method)}));
  CO_TRY(co_await stream->bytes().write_all(hello));
  schema::streaming_rpc_ack ack;
  CO_TRY(co_await stream->read(response_header_bytes_max, schema::slot(ack)));
  if (!ack.error.empty()) co_return fail(from_wire(ack.error));
  CO_TRY(co_await stream->write(request));
  co_return std::unique_ptr<message_stream>(std::move(out));
}

}  // namespace drover::rpc
