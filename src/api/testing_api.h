// For tests: the HTTP API before a server of its own, on a free port of loopback.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>

#include "api/diagnosis.h"
#include "api/http_api.h"
#include "api/monitor.h"
#include "codec/json.h"
#include "net/http_client.h"
#include "net/test_loop.h"
#include "rpc/local.h"
#include "schema/node_rpc.h"
#include "server/server.h"

namespace drover::api {

class api_fixture : public ::testing::Test {
 public:
  api_fixture() : api_fixture(false) {}
  explicit api_fixture(bool with_acl) {
    char pattern[] = "/tmp/drover-api-XXXXXX";
    directory = ::mkdtemp(pattern);
    server::server_options options;
    options.data_dir = directory;
    options.name = "test";
    options.acl.enabled = with_acl;
    options.own_methods = &own_methods;
    add_monitor(own_methods, loop);
    add_diagnosis(own_methods, {.enable_debug = true});
    options.default_scheduler_config.scheduler_algorithm = "binpack";
    cluster = std::make_unique<server::cluster_server>(loop, options);
    net::must(cluster->start());
    api = std::make_unique<http_api>(services{.loop = loop,
                                              .logger = log::logger("http"),
                                              .node_name = "test",
                                              .servers = &cluster->channel(),
                                              .server = cluster.get(),
                                              .own = &own,
                                              .config = [] { return value(value::object()); },
                                              .acl_enabled = with_acl,
                                              .prometheus_metrics = true});
    http = std::make_unique<net::http_server>(loop, net::http_server_options{.handler = api->handler()});
    auto bound = net::must(http->listen({.host = "127.0.0.1", .port = 0}));
    address = "http://" + net::to_string(bound);
    client = net::must(net::http_client::create({.address = address}));
    net::run_test(loop, established());
  }
  ~api_fixture() override {
    client.reset();
    net::run_test(loop, stop());
    http.reset();
    api.reset();
    cluster.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
  }

  // A new leader writes its first records while it already answers.
  net::awaitable<void> established() {
    for (;;) {
      auto answer = co_await get("/v1/operator/scheduler/configuration");
      if (answer.headers.get("X-Nomad-Index") != "0") co_return;
    }
  }

  net::awaitable<void> stop() {
    co_await http->stop();
    co_await own.stop();
    co_await cluster->stop();
  }

  net::awaitable<net::http_response> send(std::string method, std::string target, std::string body = {}) {
    auto what = method + " " + target;
    auto answer = co_await client->request({.method = std::move(method), .target = std::move(target), .body = std::move(body), .timeout = seconds(20)});
    EXPECT_TRUE(answer) << what;
    co_return net::must(std::move(answer));
  }
  net::awaitable<net::http_response> get(std::string target) { return send("GET", std::move(target)); }

  net::http_response now(std::string method, std::string target, std::string body = {}) {
    net::http_response out;
    net::run_test(loop, keep(send(std::move(method), std::move(target), std::move(body)), out));
    return out;
  }
  net::http_response now_get(std::string target) { return now("GET", std::move(target)); }

  static net::awaitable<void> keep(net::awaitable<net::http_response> from, net::http_response& into) { into = co_await std::move(from); }

  // A batch job that no node can take, so that nothing runs.
  static std::string job_body(const std::string& id, const std::string& more = "") {
    return R"({"Job":{"ID":")" + id + R"(","Name":")" + id +
           R"(","Type":"batch","Datacenters":["dc1"],"TaskGroups":[{"Name":"g","Count":1,"Tasks":[{"Name":"t","Driver":"raw_exec",)" +
           R"("Config":{"command":"/bin/true"},"Resources":{"CPU":100,"MemoryMB":32}}]}])" + more + "}}";
  }

  net::loop loop{1};
  std::string directory;
  std::unique_ptr<server::cluster_server> cluster;
  rpc::method_table own_methods;
  rpc::local_channel own{loop, own_methods};
  std::unique_ptr<http_api> api;
  std::unique_ptr<net::http_server> http;
  std::string address;
  std::unique_ptr<net::http_client> client;
};

}  // namespace drover::api
