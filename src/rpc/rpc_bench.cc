// What a call between two agents costs over one loopback session, both ends on one thread; and what a session costs that nobody uses.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include "net/blocking.h"
#include "net/task_scope.h"
#include "rpc/pool.h"
#include "rpc/wire_server.h"
#include "schema/common.h"

namespace drover::rpc {
namespace {

struct world {
  explicit world(net::loop& l) {
    table.add<schema::generic_request, schema::generic_response>(
        "Test.Answer", [](call_context, schema::generic_request) -> awaitable<result<schema::generic_response>> { co_return schema::generic_response{}; });
    wire_server_options o;
    o.table = &table;
    o.limits.connections_per_ip_max = 0;
    server = std::make_unique<wire_server>(l, std::move(o));
    address = net::to_string(server->listen({.host = "127.0.0.1"}).value());
    pool = std::make_unique<connection_pool>(l, pool_options{.serve = &table});
  }
  awaitable<void> stop() {
    co_await pool->stop();
    co_await server->stop();
  }
  method_table table;
  std::unique_ptr<wire_server> server;
  std::unique_ptr<connection_pool> pool;
  std::string address;
};

awaitable<void> ask(std::shared_ptr<channel> through, int times) {
  for (int i = 0; i < times; ++i)
    if (!co_await call<schema::generic_response>(*through, "Test.Answer", schema::generic_request{})) co_return;
}

// Argument: callers at the same time.
void calls(benchmark::State& state) {
  constexpr int calls_each = 100;
  net::loop l;
  world w(l);
  auto through = w.pool->to(w.address, "global");
  net::run_to_completion(l, ask(through, 1));
  for (auto _ : state) {
    net::task_scope callers(l, log::logger("bench"));
    net::run_to_completion(l, [](net::task_scope& callers, std::shared_ptr<channel> through, int64_t count) -> awaitable<void> {
      for (int64_t i = 0; i < count; ++i) callers.spawn(ask(through, calls_each));
      co_await callers.join();
    }(callers, through, state.range(0)));
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * state.range(0) * calls_each);
  net::run_to_completion(l, w.stop());
}
BENCHMARK(calls)->Arg(1)->Arg(64)->Unit(benchmark::kMillisecond);

// Sessions with one idle stream each, as a node's between two calls; a session counts at both ends.
void idle_sessions(benchmark::State& state) {
  net::loop l;
  world w(l);
  std::vector<std::unique_ptr<connection_pool>> nodes;
  auto count = static_cast<size_t>(state.range(0));
  size_t before = 0, after = 0;
  for (auto _ : state) {
    before = ::mallinfo2().uordblks;
    net::run_to_completion(l, [](net::loop& l, world& w, std::vector<std::unique_ptr<connection_pool>>& nodes, size_t count) -> awaitable<void> {
      for (size_t i = 0; i < count; ++i) {
        nodes.push_back(std::make_unique<connection_pool>(l, pool_options{.serve = &w.table}));
        co_await ask(nodes.back()->to(w.address, "global"), 2);
      }
    }(l, w, nodes, count));
    after = ::mallinfo2().uordblks;
    net::run_to_completion(l, [](world& w, std::vector<std::unique_ptr<connection_pool>>& nodes) -> awaitable<void> {
      for (auto& each : nodes) co_await each->stop();
      nodes.clear();
      co_await w.server->stop();
    }(w, nodes));
  }
  state.counters["bytes_per_session_end"] = static_cast<double>(after - before) / 2 / static_cast<double>(count);
  net::run_to_completion(l, w.stop());
}
BENCHMARK(idle_sessions)->Arg(5000)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace drover::rpc

BENCHMARK_MAIN();
