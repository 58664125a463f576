// Many client nodes played by one process, each with a session of its own: registers them, sends heartbeats, holds a query for each, and then
// waits for the end of its input while whoever started it measures the server. See bench/cluster.py.
//   nodes_bench ADDRESS COUNT SECONDS
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "base/text.h"
#include "env/random.h"
#include "net/blocking.h"
#include "net/event.h"
#include "net/task_scope.h"
#include "rpc/pool.h"
#include "schema/node_rpc.h"

namespace drover {
namespace {

constexpr size_t at_once = 128;

// From one address to one port there are no more connections than free ports, and no more than files this process may open: above that, nodes
// share sessions.
size_t sessions_max() {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  return std::min<size_t>(25'000, files.rlim_cur > 2000 ? files.rlim_cur - 1000 : 1000);
}

struct node_actor {
  std::shared_ptr<rpc::channel> server;
  std::shared_ptr<schema::node> node;
};

std::shared_ptr<schema::node> make_node(size_t number) {
  auto node = std::make_shared<schema::node>();
  node->id = env::real_random().uuid();
  node->secret_id = env::real_random().uuid();
  node->name = fmt::format("node-{}", number);
  node->datacenter = "dc1";
  node->node_pool = "default";
  node->status = "initializing";
  node->http_addr = "127.0.0.1:4646";
  for (int i = 0; i < 48; ++i) node->attributes[fmt::format("platform.fact.{}", i)] = fmt::format("value {}", i % 7);
  for (auto driver : {"raw_exec", "exec", "docker"}) {
    node->attributes[fmt::format("driver.{}", driver)] = "1";
    auto& info = node->drivers[driver];
    info.detected = info.healthy = true;
    info.health_description = "Healthy";
  }
  node->node_resources.emplace();
  node->node_resources->cpu.cpu_shares = 16'000;
  node->node_resources->memory.memory_mb = 64'000;
  node->node_resources->disk.disk_mb = 500'000;
  return node;
}

class crowd {
 public:
  crowd(net::loop& l, std::string address, size_t count) : scope_(l, log::logger("nodes")), address_(std::move(address)) {
    rpc::pool_options options;
    options.idle = hours(1);
    for (size_t i = 0; i < std::min(count, sessions_max()); ++i) pools_.push_back(std::make_unique<rpc::connection_pool>(l, options));
    for (size_t i = 0; i < count; ++i) nodes_.push_back({pools_[i % pools_.size()]->to(address_, "global"), make_node(i)});
  }

  // Seconds for all of them.
  net::awaitable<double> for_all(net::awaitable<result<>> (crowd::*what)(node_actor&)) {
    auto began = net::now();
    next_ = 0;
    running_ = std::min(at_once, nodes_.size());
    for (size_t i = 0, n = running_; i < n; ++i) scope_.spawn(work(what));
    while (running_ > 0) co_await done_.wait(), done_.reset();
    co_return std::chrono::duration<double>(net::now() - began).count();
  }

  net::awaitable<result<>> enroll(node_actor& actor) {
    schema::node_register_request request;
    request.node = actor.node;
    request.auth_token = actor.node->secret_id;
    CO_TRY(co_await rpc::call<schema::node_update_response>(*actor.server, "Node.Register", request));
    co_return co_await beat(actor);
  }

  net::awaitable<result<>> beat(node_actor& actor) {
    schema::node_update_status_request request;
    request.node_id = actor.node->id;
    request.status = "ready";
    request.auth_token = actor.node->secret_id;
    CO_TRY(co_await rpc::call<schema::node_update_response>(*actor.server, "Node.UpdateStatus", request));
    co_return result<>{};
  }

  void hold_queries() {
    for (auto& actor : nodes_) scope_.spawn(hold(actor));
  }
  size_t failures() const { return failures_; }
  net::awaitable<void> stop() {
    co_await scope_.stop();
    for (auto& pool : pools_) co_await pool->stop();
  }

 private:
  net::awaitable<void> work(net::awaitable<result<>> (crowd::*what)(node_actor&)) {
    while (next_ < nodes_.size()) {
      auto& mine = nodes_[next_++];
      if (auto done = co_await (this->*what)(mine); !done && failures_++ == 0) std::fprintf(stderr, "%s\n", done.error().text().c_str());
    }
    --running_;
    done_.set();
  }

  net::awaitable<void> hold(node_actor& actor) {
    schema::node_specific_request request;
    request.node_id = actor.node->id;
    request.secret_id = request.auth_token = actor.node->secret_id;
    request.min_query_index = 1;
    request.max_query_time = minutes(5);
    request.allow_stale = true;
    for (;;) {
      auto answer = co_await rpc::call<schema::node_client_allocs_response>(*actor.server, "Node.GetClientAllocs", request);
      if (!answer) co_return;
      request.min_query_index = std::max(request.min_query_index, answer->index);
    }
  }

  net::task_scope scope_;
  std::string address_;
  std::vector<std::unique_ptr<rpc::connection_pool>> pools_;
  std::vector<node_actor> nodes_;
  size_t next_ = 0, running_ = 0, failures_ = 0;
  net::event done_;
};

net::awaitable<void> run(net::loop& loop, std::string address, size_t count, int64_t length) {
  crowd all(loop, std::move(address), count);
  double enrolled = co_await all.for_all(&crowd::enroll);
  size_t beats = 0;
  double spent = 0;
  while (spent < static_cast<double>(length)) {
    spent += co_await all.for_all(&crowd::beat);
    beats += count;
  }
  all.hold_queries();
  std::printf("{\"nodes\": %zu, \"registrations_per_s\": %.0f, \"heartbeats_per_s\": %.0f, \"failures\": %zu}\n", count,
              static_cast<double>(count) / enrolled, static_cast<double>(beats) / spent, all.failures());
  std::fflush(stdout);
  // The queries are on their way when the input ends: whoever measures waits for the line and ends the input.
  net::blocking_pool threads(loop, 1);
  co_await threads.run([] {
    while (std::getchar() != EOF) {
    }
  });
  co_await all.stop();
}

}  // namespace
}  // namespace drover

int main(int argc, char** argv) {
  using namespace drover;
  auto count = argc > 2 ? parse_uint(argv[2]) : std::nullopt;
  auto length = argc > 3 ? parse_uint(argv[3]) : std::nullopt;
  if (argc != 4 || !count || !length) {
    std::fputs("usage: nodes_bench ADDRESS COUNT SECONDS\n", stderr);
    return 2;
  }
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  net::loop loop(1);
  net::run_to_completion(loop, run(loop, argv[1], *count, static_cast<int64_t>(*length)));
}
