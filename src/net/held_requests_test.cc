// What a blocking query costs while it waits: the budget of docs/architecture.md is 6 KB, for 100,000 of them.
#include <malloc.h>
#include <sys/resource.h>

#include "base/text.h"
#include "net/event.h"
#include "net/http_test_server.h"

namespace drover::net {
namespace {

constexpr size_t bytes_per_held_request_max = 6 * 1024;

size_t raise_file_limit(size_t wanted) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, wanted);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

awaitable<void> hold_all(loop& l, size_t count, size_t& bytes_each) {
  event release;
  http_server server(l, {.handler = [&](http_exchange& x) -> awaitable<void> {
                       // As a blocking query does: a deadline and an event.
                       bool released = co_await release.wait(after(minutes(5)));
                       co_await x.respond({200, {}, released ? "released" : "late"});
                     }});
  std::vector<std::unique_ptr<byte_stream>> clients, servers;
  for (size_t i = 0; i < count; ++i) {
    auto [client, served] = must(stream_pair(l));
    must(
        client->try_write("GET /v1/jobs?index=17&wait=300s&prefix=redis HTTP/1.1\r\nHost: 127.0.0.1:4646\r\nUser-Agent: Go-http-client/1.1\r\n"
                          "X-Nomad-Token: 00000000-0000-0000-0000-000000000000\r\nAccept-Encoding: gzip\r\n\r\n"));
    clients.push_back(std::move(client));
    servers.push_back(std::move(served));
  }
  size_t before = ::mallinfo2().uordblks;
  for (auto& served : servers) server.serve(std::move(served));
  while (server.stats().running < count) co_await yield();
  // The watches for clients that leave start one turn later.
  for (int i = 0; i < 4; ++i) co_await yield();
  size_t after_all = ::mallinfo2().uordblks;
  bytes_each = after_all > before ? (after_all - before) / count : 0;

  for (size_t i = 0; i < count / 2; ++i) clients[i]->close();
  while (server.stats().connections > count - count / 2) co_await yield();
  EXPECT_EQ(server.stats().disconnects, count / 2);
  release.set();
  for (size_t i = count / 2; i < count; ++i) {
    auto raw = co_await read_until(*clients[i], "released");
    EXPECT_TRUE(raw.starts_with("HTTP/1.1 200 OK"));
  }
  co_await server.stop();
}

TEST(net_held_requests, ten_thousand_fit_the_budget) {
  size_t count = std::min<size_t>(10'000, (raise_file_limit(20'100) - 100) / 2);
  loop l;
  size_t bytes_each = 0;
  run_test(l, hold_all(l, count, bytes_each));
  RecordProperty("requests", static_cast<int>(count));
  RecordProperty("bytes_per_held_request", static_cast<int>(bytes_each));
  fmt::print("{} held requests, {} bytes each\n", count, bytes_each);
  EXPECT_LE(bytes_each, bytes_per_held_request_max);
}

}  // namespace
}  // namespace drover::net
