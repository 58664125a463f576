// Prints one line of JSON: what a request costs the server's thread. A client thread keeps 64 connections busy, one request at a time each.
#include <time.h>

#include <thread>

#include "net/blocking.h"
#include "net/event.h"
#include "net/http_server.h"
#include "net/task_scope.h"

namespace drover::net {
namespace {

constexpr int connections = 64;
constexpr int requests_per_connection = 5000;

int64_t thread_cpu_ns() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

awaitable<result<>> ask(endpoint where, int requests) {
  CO_TRY_ASSIGN(auto stream, co_await dial(where));
  char buffer[4096];
  for (int i = 0; i < requests; ++i) {
    CO_TRY(co_await stream->write_all("GET /v1/job/redis?namespace=default HTTP/1.1\r\nHost: 127.0.0.1:4646\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"));
    CO_TRY(co_await stream->read_some(buffer));
  }
  co_return result<>();
}

void run_clients(endpoint where) {
  loop l;
  task_scope scope(l, log::logger("client"));
  for (int i = 0; i < connections; ++i) scope.spawn(ask(where, requests_per_connection));
  run_to_completion(l, scope.join());
}

// `waits`: the handler suspends, as one that waits for Raft does; then the connection is also watched for a client that leaves.
void measure(std::string_view name, bool waits) {
  loop l;
  http_server server(l, {.handler = [waits](http_exchange& x) -> awaitable<void> {
                       if (waits) co_await yield();
                       co_await x.respond({200, {{"Content-Type", "application/json"}}, R"({"ID":"redis","Status":"running"})"});
                     }});
  auto where = server.listen({.host = "127.0.0.1"});
  auto clients_done = std::make_unique<remote_event>(l);
  std::thread clients([&, done = clients_done->setter()] {
    run_clients(*where);
    done();
  });
  auto wall = now();
  auto cpu = thread_cpu_ns();
  run_to_completion(l, clients_done->wait());
  double cpu_seconds = static_cast<double>(thread_cpu_ns() - cpu) / 1e9;
  double wall_seconds = std::chrono::duration<double>(now() - wall).count();
  clients.join();
  run_to_completion(l, server.stop());
  double requests = connections * requests_per_connection;
  fmt::print("{{\"name\":\"{}\",\"requests_per_cpu_second\":{:.0f},\"requests_per_second\":{:.0f},\"cpu_us_per_request\":{:.2f}}}\n", name,
             requests / cpu_seconds, requests / wall_seconds, cpu_seconds * 1e6 / requests);
}

}  // namespace
}  // namespace drover::net

int main() {
  drover::net::measure("net_http_request", false);
  drover::net::measure("net_http_request_waiting_handler", true);
}
