#include "rpc/local.h"

#include "base/ensure.h"
#include "net/event.h"

namespace drover::rpc {
namespace {

// One direction. Shared by its writer and its reader, so that either may go first.
struct pipe {
  static constexpr size_t messages_max = 16;
  net::channel<std::string> queue{messages_max};
  bool reader_gone = false;
  // Set when the other side ended with an error instead of a clean end.
  std::optional<error> failure;
};

class end : public message_stream {
 public:
  end(std::shared_ptr<pipe> in, std::shared_ptr<pipe> out) : in_(std::move(in)), out_(std::move(out)) {}
  ~end() override {
    out_->queue.close();
    in_->reader_gone = true;
    in_->queue.close();
  }

  awaitable<result<std::optional<std::string>>> read() override {
    auto in = in_;
    auto message = co_await in->queue.receive();
    if (!message && in->failure) co_return std::unexpected(*in->failure);
    co_return message;
  }
  awaitable<result<>> write(std::string message) override {
    if (message.size() > message_bytes_max) co_return fail(errc::too_large, "a stream message of {} bytes is above {}", message.size(), message_bytes_max);
    auto out = out_;
    if (!co_await out->queue.send(std::move(message))) co_return fail(errc::closed, "the stream was closed by the other side");
    co_return result<>{};
  }
  void close_write() override { out_->queue.close(); }

  const std::shared_ptr<pipe>& out() const { return out_; }

 private:
  std::shared_ptr<pipe> in_, out_;
};

awaitable<void> run_stream(const method_table::stream_method* method, std::shared_ptr<void> request, std::unique_ptr<message_stream> stream,
                           std::shared_ptr<pipe> out, call_context as) {
  auto done = co_await method->handle(std::move(as), {method->request, request.get()}, std::move(stream));
  if (!done && done.error().code() != errc::closed && done.error().code() != errc::cancelled) out->failure = done.error();
}

awaitable<result<>> unknown(std::string method) { co_return fail(errc::not_found, "rpc: can't find service {}", method); }

}  // namespace

stream_pair make_stream_pair() {
  auto left = std::make_shared<pipe>(), right = std::make_shared<pipe>();
  return {std::make_unique<end>(left, right), std::make_unique<end>(right, left)};
}

local_channel::local_channel(net::loop& l, const method_table& table, call_context as) : table_(table), as_(std::move(as)), streams_(l, log::logger("rpc")) {}
local_channel::~local_channel() = default;

// No coroutine of its own: every frame of a held query counts.
awaitable<result<>> local_channel::call(std::string method, schema::record_view request, schema::record_slot response) {
  const auto* found = table_.find(method);
  if (found == nullptr) return unknown(std::move(method));
  ENSURE(found->request == request.type && found->response == response.type, "an RPC is called with other records than its method has");
  return found->handle(as_, request, response);
}

awaitable<result<std::unique_ptr<message_stream>>> local_channel::open(std::string method, schema::record_view request) {
  const auto* found = table_.find_stream(method);
  if (found == nullptr) co_return fail(errc::not_found, "Unknown rpc method: \"{}\"", method);
  ENSURE(found->request == request.type, "a stream is opened with another record than its method has");
  auto left = std::make_shared<pipe>(), right = std::make_shared<pipe>();
  auto callers = std::make_unique<end>(left, right);
  auto handlers = std::make_unique<end>(right, left);
  std::shared_ptr<void> copy(found->request->create(), found->request->destroy);
  found->request->assign(copy.get(), request.data);
  streams_.spawn(run_stream(found, std::move(copy), std::move(handlers), left, as_));
  co_return std::unique_ptr<message_stream>(std::move(callers));
}

awaitable<void> local_channel::stop() { co_await streams_.stop(); }

}  // namespace drover::rpc
