// For tests: several servers in one process, with real sockets on loopback, their own data directories and fast gossip. One loop runs them all;
// a test waits by running the loop until something is so.
#pragma once

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/blocking.h"
#include "rpc/pool.h"
#include "rpc/wire_server.h"
#include "schema/operator_rpc.h"
#include "server/server.h"

namespace drover::server::testing {

// A port that was free a moment ago, for TCP and UDP.
inline uint16_t free_port() {
  for (;;) {
    int tcp = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), udp = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    bool ok = ::bind(tcp, reinterpret_cast<sockaddr*>(&where), size) == 0 && ::getsockname(tcp, reinterpret_cast<sockaddr*>(&where), &size) == 0 &&
              ::bind(udp, reinterpret_cast<sockaddr*>(&where), size) == 0;
    ::close(tcp);
    ::close(udp);
    if (ok) return ntohs(where.sin_port);
  }
}

inline std::string temp_directory() {
  std::string path = ::testing::TempDir() + "/drover-cluster-XXXXXX";
  EXPECT_NE(mkdtemp(path.data()), nullptr);
  return path;
}

// One server with its port and its pool, as an agent wires them.
struct running_server {
  std::unique_ptr<rpc::connection_pool> pool;
  std::unique_ptr<cluster_server> server;
  std::unique_ptr<rpc::wire_server> port;
};

class test_cluster {
 public:
  struct place {
    std::string directory;
    uint16_t rpc_port = 0, serf_port = 0;
  };

  // Nothing runs yet. `tweak` changes the options of server i before it starts.
  explicit test_cluster(size_t size, std::function<void(size_t, server_options&)> tweak = {}) : tweak_(std::move(tweak)), directory_(temp_directory()) {
    servers_.resize(size);
    for (size_t i = 0; i < size; ++i) places_.push_back({directory_ + "/" + std::to_string(i), free_port(), free_port()});
  }
  ~test_cluster() {
    for (size_t i = 0; i < servers_.size(); ++i) stop(i);
    std::filesystem::remove_all(directory_);
  }
  test_cluster(const test_cluster&) = delete;
  test_cluster& operator=(const test_cluster&) = delete;

  server_options options_of(size_t i) {
    server_options o;
    o.data_dir = places_[i].directory;
    o.name = "s" + std::to_string(i);
    o.rpc_address = address(places_[i].rpc_port);
    o.serf_address = address(places_[i].serf_port);
    o.bootstrap_expect = static_cast<int>(places_.size());
    o.gossip.emplace();
    o.gossip->bind_address = "127.0.0.1";
    o.gossip->bind_port = places_[i].serf_port;
    o.gossip->timing = gossip::timing::fast();
    o.default_autopilot_config.server_stabilization_time = milliseconds(200);
    for (const auto& p : places_) o.retry_join.push_back(address(p.serf_port));
    if (tweak_) tweak_(i, o);
    return o;
  }
  void start(size_t i) {
    std::filesystem::create_directories(places_[i].directory);
    auto options = options_of(i);
    auto& mine = servers_[i];
    mine.pool = std::make_unique<rpc::connection_pool>(loop, rpc::pool_options{});
    options.pool = mine.pool.get();
    mine.server = std::make_unique<cluster_server>(loop, options);
    rpc::wire_server_options port;
    port.table = &mine.server->methods();
    port.limits.connections_per_ip_max = 0;
    port.on_raft = [server = mine.server.get()](std::unique_ptr<net::byte_stream> stream) { server->accept_raft(std::move(stream)); };
    mine.port = std::make_unique<rpc::wire_server>(loop, port);
    auto listening = mine.port->listen({.host = "127.0.0.1", .port = places_[i].rpc_port});
    ASSERT_TRUE(listening) << listening.error().text();
    auto started = mine.server->start();
    ASSERT_TRUE(started) << started.error().text();
  }
  void start_all() {
    for (size_t i = 0; i < servers_.size(); ++i) start(i);
  }
  bool runs(size_t i) const { return servers_[i].server != nullptr; }
  // As a crash looks to the others: no good-bye.
  void stop(size_t i) {
    if (!runs(i)) return;
    auto mine = std::move(servers_[i]);
    servers_[i] = {};
    run([](running_server* s) -> net::awaitable<void> {
      co_await s->port->stop();
      co_await s->server->stop();
      co_await s->pool->stop();
    }(&mine));
  }
  void leave(size_t i) {
    auto done = run(servers_[i].server->leave());
    EXPECT_TRUE(done) << done.error().text();
    stop(i);
  }
  // The next start is at new addresses.
  void move(size_t i) {
    places_[i].rpc_port = free_port();
    places_[i].serf_port = free_port();
  }
  // One more server than before; not started.
  size_t grow() {
    servers_.emplace_back();
    places_.push_back({directory_ + "/" + std::to_string(places_.size()), free_port(), free_port()});
    return places_.size() - 1;
  }
  place& at_place(size_t i) { return places_[i]; }

  // Runs the loop until it is so; fails the test after 30 seconds.
  bool wait_until(const std::function<bool()>& so) {
    auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!so()) {
      loop.restart();
      loop.run_one_until(std::min(deadline, std::chrono::steady_clock::now() + std::chrono::milliseconds(10)));
      if (std::chrono::steady_clock::now() < deadline) continue;
      ADD_FAILURE() << "it did not become so in time";
      return false;
    }
    return true;
  }
  template <class T>
  T run(net::awaitable<T> body) {
    loop.restart();
    return net::run_to_completion(loop, std::move(body));
  }
  template <class Response, class Request>
  result<Response> call(size_t i, std::string method, Request request) {
    return run(rpc::call<Response>(servers_[i].server->channel(), std::move(method), std::move(request)));
  }

  cluster_server& at(size_t i) { return *servers_[i].server; }
  size_t size() const { return servers_.size(); }
  // The server that leads, once exactly one of those that run does and all that run know it.
  size_t leader() {
    size_t found = SIZE_MAX;
    wait_until([&] {
      found = SIZE_MAX;
      size_t leading = 0;
      for (size_t i = 0; i < servers_.size(); ++i)
        if (runs(i) && at(i).is_leader()) ++leading, found = i;
      if (leading != 1) return false;
      auto expected = at(found).stats().raft.leadership.leader_id;
      for (size_t i = 0; i < servers_.size(); ++i)
        if (runs(i) && at(i).stats().raft.leadership.leader_id != expected) return false;
      return true;
    });
    return found;
  }
  // The members of Raft as server i sees them: how many, and how many of them vote.
  size_t members(size_t i) { return at(i).stats().raft.servers.size(); }
  size_t voters(size_t i) {
    auto servers = at(i).stats().raft.servers;
    return static_cast<size_t>(std::ranges::count(servers, raft::role::voter, &raft::server::role));
  }

  static std::string address(uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

  net::loop loop;

 private:
  std::function<void(size_t, server_options&)> tweak_;
  std::string directory_;
  std::vector<place> places_;
  std::vector<running_server> servers_;
};

// Writes something that any server's state shows; the name is the proof.
inline result<> write(test_cluster& c, size_t i, const std::string& name) {
  schema::namespace_upsert_request request;
  auto ns = std::make_shared<schema::namespace_definition>();
  ns->name = name;
  request.namespaces = {ns};
  auto done = c.call<schema::generic_response>(i, "Namespace.UpsertNamespaces", request);
  if (!done) return std::unexpected(done.error());
  return {};
}

inline bool has(test_cluster& c, size_t i, const std::string& name) { return c.at(i).state().namespace_named(name) != nullptr; }

}  // namespace drover::server::testing
