// One call of grpc.health.v1.Health/Check (github.com/grpc/grpc, "GRPC Health Checking Protocol"), on a connection of its own.
#include <exception>

#include "client/limits.h"
#include "client/service/check.h"
#include "grpc/channel.h"
#include "grpc/protobuf.h"
#include "net/stream.h"
#include "net/tls_http2.h"

namespace drover::client {

namespace {
using net::awaitable;

awaitable<result<std::unique_ptr<net::byte_stream>>> reach(grpc_question q) {
  CO_TRY_ASSIGN(auto stream, co_await net::dial(net::endpoint{.host = q.host, .port = q.port, .path = {}}));
  if (!q.use_tls) co_return stream;
  net::tls_options options;
  options.verify = options.verify_name = !q.skip_verify;
  options.server_name = q.server_name;
  CO_TRY_ASSIGN(auto tls, net::tls_client_of_http2(options));
  co_return co_await net::tls_connect(std::move(stream), std::move(tls), q.server_name.empty() ? q.host : q.server_name);
}

// HealthCheckResponse{ ServingStatus status = 1 }.
result<> judge(const grpc::reply& answer) {
  if (!answer.status.ok()) return fail(errc::io, "grpc: {}", answer.status.error().text());
  grpc::message_reader r(answer.message);
  int64_t status = 0;
  while (r.next())
    if (r.number() == 1) status = r.integer();
  if (auto read = r.finish(); !read) return wrap(read.error(), "grpc: reading the health answer");
  if (status == 1) return {};
  static constexpr std::string_view names[] = {"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"};
  return fail(errc::io, "grpc: the service is {}", status >= 0 && status < 4 ? names[status] : "of unknown health");
}
}  // namespace

awaitable<result<>> ask_grpc_health(net::loop& l, grpc_question q) {
  auto authority = net::to_string(net::endpoint{.host = q.host, .port = q.port, .path = {}});
  auto request = grpc::message_writer().text(1, q.service).take();
  CO_TRY_ASSIGN(auto stream, co_await reach(std::move(q)));
  CO_TRY_ASSIGN(auto channel, grpc::channel::over(l, std::move(stream), std::move(authority)));
  // Also a check that is cut off waits for the end of its connection.
  grpc::reply answer;
  std::exception_ptr cut_off;
  try {
    answer = co_await channel->ask("/grpc.health.v1.Health/Check", std::move(request));
  } catch (...) {
    cut_off = std::current_exception();
  }
  co_await net::keep_going();
  co_await channel->stop();
  if (cut_off) std::rethrow_exception(cut_off);
  co_return judge(answer);
}

}  // namespace drover::client
