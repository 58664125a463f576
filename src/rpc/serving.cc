#include "rpc/serving.h"

#include "base/ensure.h"
#include "codec/msgpack.h"
#include "net/event.h"
#include "net/task_scope.h"
#include "rpc/framing.h"
#include "rpc/limits.h"
#include "rpc/remote_error.h"
#include "rpc/wire_stream.h"
#include "schema/common.h"

namespace drover::rpc {
namespace {

std::shared_ptr<void> make_record(const schema::type_info& type) { return {type.create(), type.destroy}; }

// Go's net/rpc says which half of the name it does not know.
error unknown_method(const method_table& table, const std::string& name) {
  auto dot = name.rfind('.');
  if (dot == name.npos) return {errc::not_found, "rpc: service/method request ill-formed: " + name};
  auto service = name.substr(0, dot + 1);
  bool known = false;
  for (const auto& [each, _] : table.methods()) known = known || each.starts_with(service);
  return {errc::not_found, fmt::format("rpc: can't find {} {}", known ? "method" : "service", name)};
}

// While a handler runs.
struct call_under_way {
  explicit call_under_way(const serving& s) : with(s) {
    ++with.under_way;
    ++with.stats.calls;
  }
  ~call_under_way() {
    --with.under_way;
    with.last_used = net::now();
  }
  call_under_way(const call_under_way&) = delete;
  call_under_way& operator=(const call_under_way&) = delete;
  const serving& with;
};

std::string error_frame(uint64_t seq, std::string method, const error& e) {
  auto text = to_wire(e);
  if (text.size() > error_text_bytes_max) text.resize(error_text_bytes_max);
  auto frame = codec::to_msgpack(schema::rpc_response_header{std::move(text), seq, std::move(method)});
  frame += empty_body;
  return frame;
}

// The calls of one stream.
class call_stream {
 public:
  call_stream(const serving& with, net::byte_stream& stream) : with_(with), stream_(stream), reader_(stream), handlers_(with.loop, with.logger) {}

  // Returns when no more requests come. An end inside a request is an error.
  awaitable<result<>> read_requests();
  awaitable<void> join() { return handlers_.join(); }
  awaitable<void> stop() { return handlers_.stop(); }

 private:
  awaitable<result<bool>> read_request();
  awaitable<void> handle(const method_table::method* method, uint64_t seq, std::string name, std::shared_ptr<void> request);
  awaitable<result<>> run(const method_table::method* method, std::shared_ptr<void> request, schema::record_slot response);
  awaitable<void> refuse(uint64_t seq, std::string name, error why);
  awaitable<void> send(std::string frame);
  void answered() {
    --unanswered_;
    answered_.notify_one();
  }

  const serving& with_;
  net::byte_stream& stream_;
  object_reader reader_;
  std::string unsent_;
  bool sending_ = false;
  bool broken_ = false;  // answers can no longer be written
  size_t unanswered_ = 0;
  net::event answered_;
  net::task_scope handlers_;
};

awaitable<result<>> call_stream::read_requests() {
  for (;;) {
    // Who asks and does not read the answers is not read either.
    while (!broken_ && (unanswered_ >= calls_per_stream_max || unsent_.size() > unsent_answers_bytes_max)) co_await answered_.wait();
    if (broken_) co_return fail(errc::closed, "the caller takes no answers");
    CO_TRY_ASSIGN(bool more, co_await read_request());
    if (!more) co_return result<>{};
  }
}

awaitable<result<bool>> call_stream::read_request() {
  schema::rpc_request_header header;
  CO_TRY_ASSIGN(auto head, co_await reader_.next(request_header_bytes_max));
  if (!head) co_return false;
  CO_TRY(codec::from_msgpack(*head, schema::slot(header)));
  CO_TRY_ASSIGN(auto body, co_await reader_.next(body_bytes_max));
  if (!body) co_return fail(errc::closed, "the stream ended before the body of a request");
  ++unanswered_;
  const auto* method = with_.table.find(header.service_method);
  if (method == nullptr) {
    handlers_.spawn(refuse(header.seq, header.service_method, unknown_method(with_.table, header.service_method)));
    co_return true;
  }
  auto request = make_record(*method->request);
  if (auto read = codec::from_msgpack(*body, {method->request, request.get()}); !read) {
    error why(errc::invalid, fmt::format("the request of {} cannot be read: {}", header.service_method, read.error().text()));
    handlers_.spawn(refuse(header.seq, header.service_method, std::move(why)));
    co_return true;
  }
  handlers_.spawn(handle(method, header.seq, std::move(header.service_method), std::move(request)));
  co_return true;
}

awaitable<void> call_stream::refuse(uint64_t seq, std::string name, error why) {
  co_await send(error_frame(seq, std::move(name), why));
  answered();
}

// What a handler throws is its error, except that its task was cancelled.
awaitable<result<>> call_stream::run(const method_table::method* method, std::shared_ptr<void> request, schema::record_slot response) {
  try {
    co_return co_await method->handle(with_.context, {method->request, request.get()}, response);
  } catch (const std::exception& e) {
    if (net::is_cancellation(e)) throw;
    co_return fail(errc::unknown, "internal error: {}", e.what());
  }
}

awaitable<void> call_stream::handle(const method_table::method* method, uint64_t seq, std::string name, std::shared_ptr<void> request) {
  call_under_way counted(with_);
  auto response = make_record(*method->response);
  auto done = co_await run(method, std::move(request), {method->response, response.get()});
  std::string frame;
  if (!done) {
    frame = error_frame(seq, std::move(name), done.error());
  } else {
    frame = codec::to_msgpack(schema::rpc_response_header{{}, seq, std::move(name)});
    codec::append_msgpack(frame, {method->response, response.get()});
  }
  response.reset();
  co_await send(std::move(frame));
  answered();
}

// One writes for all.
awaitable<void> call_stream::send(std::string frame) {
  if (broken_) co_return;
  if (sending_) {
    unsent_ += frame;
    co_return;
  }
  auto taken = stream_.try_write(frame);
  broken_ = !taken;
  if (broken_ || *taken == frame.size()) co_return;
  frame.erase(0, *taken);
  sending_ = true;
  for (auto piece = std::move(frame); !piece.empty(); piece = std::exchange(unsent_, {})) {
    auto sent = co_await stream_.write_all(piece);
    answered_.notify_one();
    if (sent) continue;
    broken_ = true;
    unsent_ = {};
    break;
  }
  sending_ = false;
}

// The error of a handler is the last message, in the form that every reader of such streams knows.
awaitable<result<>> end_with(object_stream& stream, const error& why) {
  schema::stream_err_wrapper last;
  last.error = schema::rpc_error{why.text(), http_status(why.code())};
  co_return co_await stream.write(schema::view(last));
}

awaitable<result<>> converse(std::shared_ptr<const serving> with, std::shared_ptr<object_stream> stream) {
  schema::streaming_rpc_header header;
  CO_TRY(co_await stream->read(request_header_bytes_max, schema::slot(header)));
  const auto* method = with->table.find_stream(header.method);
  schema::streaming_rpc_ack ack;
  if (method == nullptr) ack.error = fmt::format("Unknown rpc method: \"{}\"", header.method);
  CO_TRY(co_await stream->write(schema::view(ack)));
  if (method == nullptr) co_return result<>{};
  auto request = make_record(*method->request);
  CO_TRY(co_await stream->read(body_bytes_max, {method->request, request.get()}));
  call_under_way counted(*with);
  auto done = co_await method->handle(with->context, {method->request, request.get()}, std::make_unique<wire_stream>(stream, wire_stream::side::callee));
  if (!done && done.error().code() != errc::closed && done.error().code() != errc::cancelled) co_return co_await end_with(*stream, done.error());
  co_return result<>{};
}

awaitable<void> run_streaming_call(std::shared_ptr<const serving> with, std::shared_ptr<object_stream> stream) {
  auto done = co_await converse(with, stream);
  if (!done && done.error().code() != errc::closed && done.error().code() != errc::cancelled) with->report_garbage(done.error());
  object_stream::end_writing(stream);
}

}  // namespace

void serving::report_garbage(const error& what) const {
  ++stats.garbage;
  if (std::exchange(reported, true)) return;
  logger.warn("a connection sent what is no RPC", {{"address", context.remote_address}, {"error", what.text()}});
}

awaitable<void> serve_calls(std::shared_ptr<const serving> with, std::unique_ptr<net::byte_stream> stream) {
  call_stream calls(*with, *stream);
  bool in_order = false;
  try {
    auto read = co_await calls.read_requests();
    if (!read && read.error().code() != errc::closed && read.error().code() != errc::cancelled) with->report_garbage(read.error());
    in_order = read.has_value();
    // Who only stopped asking still wants the answers.
    if (in_order) co_await calls.join();
  } catch (const std::exception& e) {
    if (!net::is_cancellation(e)) throw;
  }
  co_await net::keep_going();
  co_await calls.stop();
}

awaitable<void> serve_streaming_call(std::shared_ptr<const serving> with, std::unique_ptr<net::byte_stream> bytes) {
  net::task_scope scope(with->loop, with->logger);
  auto stream = std::make_shared<object_stream>(std::move(bytes), &scope);
  stream->on_broken([&scope] { scope.cancel(); });
  scope.spawn(run_streaming_call(with, stream));
  try {
    co_await scope.join();
  } catch (const std::exception& e) {
    if (!net::is_cancellation(e)) throw;
  }
  co_await net::keep_going();
  co_await scope.stop();
  stream->on_broken(nullptr);
}

awaitable<void> serve_stream(std::shared_ptr<const serving> with, std::unique_ptr<net::byte_stream> stream) {
  struct counted {
    size_t& streams;
    explicit counted(size_t& s) : streams(s) { ++streams; }
    ~counted() { --streams; }
  } counting(with->stats.streams);
  char first = 0;
  if (auto read = co_await stream->read_exactly({&first, 1}); !read) co_return;
  switch (static_cast<wire_kind>(first)) {
    case wire_kind::calls: co_return co_await serve_calls(std::move(with), std::move(stream));
    case wire_kind::streaming_call: co_return co_await serve_streaming_call(std::move(with), std::move(stream));
    default: with->report_garbage(error(errc::invalid, "a stream of the session has an unknown first byte"));
  }
}

}  // namespace drover::rpc
