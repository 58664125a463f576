#include "fake_nodes.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "base/text.h"
#include "env/random.h"
#include "schema/node_rpc.h"

namespace drover::bench {
namespace {

constexpr size_t at_once = 128;
constexpr size_t racks = 40;

std::shared_ptr<schema::node> make_node(size_t number) {
  auto node = std::make_shared<schema::node>();
  node->id = env::real_random().uuid();
  node->secret_id = env::real_random().uuid();
  node->name = fmt::format("node-{}", number);
  node->datacenter = "dc1";
  node->node_pool = "default";
  node->status = "initializing";
  node->http_addr = "127.0.0.1:4646";
  node->meta["rack"] = fmt::format("r{}", number % racks);
  for (int i = 0; i < 48; ++i) node->attributes[fmt::format("platform.fact.{}", i)] = fmt::format("value {}", i % 7);
  for (auto driver : {"raw_exec", "exec", "docker"}) {
    node->attributes[fmt::format("driver.{}", driver)] = "1";
    auto& info = node->drivers[driver];
    info.detected = info.healthy = true;
    info.health_description = "Healthy";
  }
  node->node_resources.emplace();
  node->node_resources->cpu.cpu_shares = 32'000;
  node->node_resources->memory.memory_mb = 200'000;
  node->node_resources->disk.disk_mb = 500'000;
  return node;
}

}  // namespace

void raise_file_limit() {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

size_t sessions_max() {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  return std::min<size_t>(25'000, files.rlim_cur > 2000 ? files.rlim_cur - 1000 : 1000);
}

fake_nodes::fake_nodes(net::loop& l, const std::string& address, size_t count, size_t sessions) : scope_(l, log::logger("nodes")) {
  rpc::pool_options options;
  options.idle = hours(1);
  for (size_t i = 0; i < std::min(count, sessions); ++i) pools_.push_back(std::make_unique<rpc::connection_pool>(l, options));
  for (size_t i = 0; i < count; ++i) nodes_.push_back({pools_[i % pools_.size()]->to(address, "global"), make_node(i)});
}

net::awaitable<double> fake_nodes::for_all(action what) {
  auto began = net::now();
  next_ = 0;
  running_ = std::min(at_once, nodes_.size());
  for (size_t i = 0, n = running_; i < n; ++i) scope_.spawn(work(what));
  while (running_ > 0) co_await done_.wait(), done_.reset();
  co_return std::chrono::duration<double>(net::now() - began).count();
}

net::awaitable<void> fake_nodes::work(action what) {
  while (next_ < nodes_.size()) {
    auto& mine = nodes_[next_++];
    if (mine.dead) continue;
    if (auto done = co_await (this->*what)(mine); !done && failures_++ == 0) std::fprintf(stderr, "%s\n", done.error().text().c_str());
  }
  --running_;
  done_.set();
}

net::awaitable<result<>> fake_nodes::enroll(fake_node& mine) {
  schema::node_register_request request;
  request.node = mine.node;
  request.auth_token = mine.node->secret_id;
  CO_TRY(co_await rpc::call<schema::node_update_response>(*mine.server, "Node.Register", request));
  co_return co_await beat(mine);
}

net::awaitable<result<>> fake_nodes::beat(fake_node& mine) {
  schema::node_update_status_request request;
  request.node_id = mine.node->id;
  request.status = "ready";
  request.auth_token = mine.node->secret_id;
  CO_TRY_ASSIGN(auto answer, co_await rpc::call<schema::node_update_response>(*mine.server, "Node.UpdateStatus", request));
  if (answer.heartbeat_ttl.ns > 0) allowed_ = answer.heartbeat_ttl;
  co_return result<>{};
}

void fake_nodes::hold_queries() {
  for (auto& each : nodes_) scope_.spawn(hold(each));
}

net::awaitable<void> fake_nodes::hold(fake_node& mine) {
  schema::node_specific_request request;
  request.node_id = mine.node->id;
  request.secret_id = request.auth_token = mine.node->secret_id;
  request.min_query_index = 1;
  request.max_query_time = minutes(5);
  request.allow_stale = true;
  for (;;) {
    auto answer = co_await rpc::call<schema::node_client_allocs_response>(*mine.server, "Node.GetClientAllocs", request);
    if (!answer) co_return;
    request.min_query_index = std::max(request.min_query_index, answer->index);
  }
}

void fake_nodes::keep_beating() { scope_.spawn(beat_regularly()); }

net::awaitable<void> fake_nodes::beat_regularly() {
  // A little of the crowd at a time: no burst of all of them.
  constexpr int parts = 100;
  for (size_t part = 0;; part = (part + 1) % parts) {
    co_await net::sleep_for(allowed_ / (2 * parts));
    for (size_t i = nodes_.size() * part / parts; i < nodes_.size() * (part + 1) / parts; ++i) {
      if (nodes_[i].dead) continue;
      if (auto done = co_await beat(nodes_[i]); !done) ++failures_;
    }
  }
}

net::awaitable<void> fake_nodes::stop() {
  co_await scope_.stop();
  for (auto& pool : pools_) co_await pool->stop();
}

}  // namespace drover::bench
