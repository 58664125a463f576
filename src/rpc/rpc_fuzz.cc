// All that a stranger can send to the RPC port, and all that a server we dialled can answer: rpc_fuzz [corpus] [-max_total_time=300].
// The first byte of the input says which, in what pieces the bytes come and how many the other side takes at once.
#include <boost/asio/post.hpp>

#include <algorithm>
#include <cstring>

#include "net/blocking.h"
#include "net/task_scope.h"
#include "rpc/carrier.h"
#include "rpc/limits.h"
#include "rpc/wire_server.h"
#include "schema/alloc_rpc.h"
#include "schema/common.h"
#include "schema/job_rpc.h"

namespace drover::rpc {
namespace {

// Gives the input piece by piece and then ends; swallows what is written.
class scripted_stream final : public net::byte_stream {
 public:
  scripted_stream(net::loop& l, std::string_view data, size_t piece, size_t takes) : loop_(l), data_(data), piece_(piece), takes_(takes) {}
  net::awaitable<result<size_t>> read_some(std::span<char> into) override {
    auto count = try_read(into);
    if (!count) co_return size_t{0};
    co_return count;
  }
  net::awaitable<result<>> write_all(std::string_view) override {
    co_await net::yield();
    co_return result<>{};
  }
  net::awaitable<result<>> wait_readable() override {
    co_await net::yield();
    co_return result<>{};
  }
  void when_readable(std::function<void()> callback) override { boost::asio::post(loop_, std::move(callback)); }
  result<size_t> try_read(std::span<char> into) override {
    if (closed_ || data_.empty()) return fail(errc::closed, "the end of the input");
    size_t count = std::min({into.size(), data_.size(), piece_});
    memcpy(into.data(), data_.data(), count);
    data_.remove_prefix(count);
    return count;
  }
  result<size_t> try_write(std::string_view data) override {
    if (closed_) return fail(errc::closed, "closed");
    return std::min(data.size(), takes_);
  }
  net::awaitable<result<>> shutdown() override { co_return result<>{}; }
  void close() override { closed_ = true; }
  net::endpoint remote() const override { return {.host = "127.0.0.1", .port = 1}; }
  net::endpoint local() const override { return {.host = "127.0.0.1", .port = 2}; }
  int native_handle() const override { return -1; }

 private:
  net::loop& loop_;
  std::string_view data_;
  size_t piece_, takes_;
  bool closed_ = false;
};

awaitable<result<schema::generic_response>> answer(call_context, schema::job_register_request) { co_return schema::generic_response{}; }

awaitable<result<>> echo(call_context, schema::fs_logs_request, std::unique_ptr<message_stream> stream) {
  for (;;) {
    CO_TRY_ASSIGN(auto message, co_await stream->read());
    if (!message) co_return fail(errc::not_found, "no more");
    CO_TRY(co_await stream->write(*message));
  }
}

const method_table& table() {
  static const method_table made = [] {
    method_table t;
    t.add<schema::job_register_request, schema::generic_response>("A.B", answer);
    t.add_stream<schema::fs_logs_request>("S.S", echo);
    return t;
  }();
  return made;
}

awaitable<void> port(net::loop& l, std::unique_ptr<net::byte_stream> stream) {
  wire_server server(l, {.table = &table()});
  server.serve(std::move(stream));
  for (int i = 0; i < 1000 && server.stats().connections > 0; ++i) co_await net::yield();
  co_await server.stop();
}

awaitable<void> ask(std::shared_ptr<channel> through) {
  schema::generic_request request;
  (void)co_await call<schema::job_list_response>(*through, "Job.List", request);
  auto stream = co_await open(*through, "S.S", request);
  if (stream) (void)co_await (*stream)->read();
}

awaitable<void> dialler(net::loop& l, std::unique_ptr<net::byte_stream> stream) {
  serving_stats stats;
  carrier session(l, std::move(stream), {.client = true, .table = &table()}, log::logger("fuzz"), stats);
  net::task_scope scope(l, log::logger("fuzz"));
  for (int i = 0; i < 3; ++i) scope.spawn(ask(session.channel()));
  co_await session.run();
  co_await scope.stop();
}

}  // namespace
}  // namespace drover::rpc

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace drover;
  static const bool quiet = [] {
    log::set_level(log::level::off);
    return true;
  }();
  if (!quiet || size < 1) return 0;
  constexpr size_t pieces[] = {1, 5, 100, 100'000}, takes[] = {0, 3, 500, SIZE_MAX};
  std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  net::loop l;
  auto stream = std::make_unique<rpc::scripted_stream>(l, input, pieces[data[0] & 3], takes[data[0] >> 2 & 3]);
  net::run_to_completion(l, (data[0] & 0x80) != 0 ? rpc::dialler(l, std::move(stream)) : rpc::port(l, std::move(stream)));
  return 0;
}
