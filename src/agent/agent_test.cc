// A whole dev agent with real sockets on free ports: server, client, tasks, through HTTP.
#include "agent/agent.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "agent/banner.h"
#include "agent/process.h"
#include "base/text.h"
#include "codec/json.h"
#include "net/http_client.h"
#include "net/test_loop.h"
#include "net/websocket.h"

namespace drover::agent {
namespace {

using net::awaitable;

agent_config test_config() {
  auto config = dev_config();
  config.data_dir = net::must(make_temporary_directory());
  config.data_dir_is_temporary = true;
  config.ports = {.http = 0, .rpc = 0, .serf = 0};
  config.log_level = "WARN";
  net::must(finish(config));
  return config;
}

class agent_fixture : public ::testing::Test {
 public:
  agent_fixture() {
    running = net::must(agent::create(loop, test_config()));
    client = net::must(net::http_client::create({.address = "http://" + running->http_addresses().front()}));
  }
  ~agent_fixture() override {
    client.reset();
    auto directory = running->config().data_dir;
    net::run_test(loop, running->stop());
    running.reset();
    EXPECT_FALSE(std::filesystem::exists(directory));
  }

  awaitable<net::http_response> send(std::string method, std::string target, std::string body = {}) {
    auto answer = co_await client->request({.method = std::move(method), .target = std::move(target), .body = std::move(body)});
    co_return net::must(std::move(answer));
  }
  awaitable<value> get(std::string target) {
    auto answer = co_await send("GET", target);
    EXPECT_EQ(answer.status, 200) << target << ": " << answer.body;
    co_return net::must(codec::value_from_json(answer.body));
  }

  // Registers a job of one task and waits, by blocking queries, until its allocation has the status. Returns the allocation's id.
  awaitable<std::string> run_job(std::string script, std::string wanted) {
    std::string quoted;
    codec::append_json_string(quoted, script);
    auto body = R"({"Job":{"ID":"j","Name":"j","Type":"batch","Datacenters":["dc1"],"TaskGroups":[{"Name":"g","Count":1,"Tasks":[{"Name":"t",)"
                R"("Driver":"raw_exec","Config":{"command":"/bin/sh","args":["-c",)" +
                quoted + R"(]},"Resources":{"CPU":50,"MemoryMB":16}}]}]}})";
    co_await running->wait_ready();
    auto registered = co_await send("PUT", "/v1/jobs", body);
    EXPECT_EQ(registered.status, 200) << registered.body;
    uint64_t index = 1;
    for (;;) {
      auto answer = co_await send("GET", fmt::format("/v1/job/j/allocations?index={}&wait=20s", index));
      auto list = net::must(codec::value_from_json(answer.body));
      for (const auto& each : *list.as_list())
        if (*each.find("ClientStatus")->as_string() == wanted) co_return *each.find("ID")->as_string();
      auto next = parse_uint(answer.headers.get("X-Nomad-Index").value_or("")).value_or(0);
      EXPECT_GT(next, index) << "no news in time: " << answer.body;
      if (next <= index) co_return std::string();
      index = next;
    }
  }

  net::loop loop{1};
  std::unique_ptr<agent> running;
  std::unique_ptr<net::http_client> client;
};

awaitable<void> node_is_ready(agent_fixture& f) {
  co_await f.running->wait_ready();
  auto nodes = co_await f.get("/v1/nodes");
  EXPECT_EQ(nodes.as_list()->size(), 1u);
  EXPECT_EQ(*(*nodes.as_list())[0].find("Status")->as_string(), "ready");
  auto node = co_await f.get("/v1/node/" + f.running->client()->node_id());
  EXPECT_EQ(*node.find("SecretID")->as_string(), "");
  EXPECT_EQ(*node.find("HTTPAddr")->as_string(), f.running->http_addresses().front());
  auto self = co_await f.get("/v1/agent/self");
  EXPECT_EQ(*self.find("stats")->find("client")->find("node_id")->as_string(), f.running->client()->node_id());
  auto health = co_await f.get("/v1/agent/health");
  EXPECT_TRUE(*health.find("client")->find("ok")->as_bool());
  auto stats = co_await f.get("/v1/client/stats");
  EXPECT_NE(stats.find("Memory"), nullptr);
}

TEST_F(agent_fixture, a_dev_agent_has_a_ready_node) { net::run_test(loop, node_is_ready(*this)); }

awaitable<void> logs_and_files(agent_fixture& f) {
  auto id = co_await f.run_job("echo hello; echo trouble >&2", "complete");
  auto logs = co_await f.send("GET", "/v1/client/fs/logs/" + id + "?task=t&type=stdout&plain=true");
  EXPECT_EQ(logs.body, "hello\n");
  auto errors = co_await f.send("GET", "/v1/client/fs/logs/" + id + "?task=t&type=stderr");
  auto frame = net::must(codec::value_from_json(errors.body));
  EXPECT_EQ(net::must(base64_decode(*frame.find("Data")->as_string())), "trouble\n");
  auto cat = co_await f.send("GET", "/v1/client/fs/cat/" + id + "?path=alloc/logs/t.stdout.0");
  EXPECT_EQ(cat.body, "hello\n");
  EXPECT_EQ(cat.headers.get("Content-Security-Policy"), "sandbox");
  auto part = co_await f.send("GET", "/v1/client/fs/readat/" + id + "?path=alloc/logs/t.stdout.0&offset=1&limit=3");
  EXPECT_EQ(part.body, "ell");
  auto files = co_await f.get("/v1/client/fs/ls/" + id);
  EXPECT_GE(files.as_list()->size(), 2u);
  auto stat = co_await f.get("/v1/client/fs/stat/" + id + "?path=alloc");
  EXPECT_TRUE(*stat.find("IsDir")->as_bool());
  auto missing = co_await f.send("GET", "/v1/client/fs/cat/" + id + "?path=nope");
  EXPECT_EQ(missing.status, 404);
  auto outside = co_await f.send("GET", "/v1/client/fs/cat/" + id + "?path=../../../etc/passwd");
  EXPECT_NE(outside.status, 200);
}

TEST_F(agent_fixture, logs_and_files_of_a_task) { net::run_test(loop, logs_and_files(*this)); }

// What a session has shown until its end.
struct session {
  std::string out, err;
  int64_t exit_code = -1;
};

awaitable<session> run_session(net::websocket& socket) {
  session seen;
  for (;;) {
    auto message = co_await socket.read();
    if (!message) break;
    auto v = net::must(codec::value_from_json(message->data));
    for (auto [key, into] : {std::pair{"stdout", &seen.out}, std::pair{"stderr", &seen.err}})
      if (const auto* part = v.find(key); part && part->find("data")) *into += net::must(base64_decode(*part->find("data")->as_string()));
    // A code of 0 is left out.
    if (const auto* exited = v.find("exited"); exited && *exited->as_bool()) {
      const auto* result = v.find("result");
      const auto* code = result ? result->find("exit_code") : nullptr;
      seen.exit_code = code ? *code->as_int() : 0;
    }
  }
  co_return seen;
}

awaitable<void> exec_in_a_task(agent_fixture& f) {
  auto id = co_await f.run_job("exec sleep 1000", "running");
  auto url = "ws://" + f.running->http_addresses().front() + "/v1/client/allocation/" + id + "/exec?task=t&command=";
  auto command = net::percent_encode(R"(["/bin/sh","-c","read line; echo got $line; exit 7"])");
  auto socket = net::must(co_await net::websocket_connect(url + command));
  net::must(co_await socket->send_text(R"({"stdin":{"data":")" + base64_encode("word\n") + R"("}})"));
  auto seen = co_await run_session(*socket);
  EXPECT_EQ(seen.out, "got word\n");
  EXPECT_EQ(seen.exit_code, 7);
  EXPECT_EQ(socket->closed_with(), net::close_code::normal);

  auto nobody = net::must(co_await net::websocket_connect(url + net::percent_encode(R"(["/no/such"])")));
  auto failed = co_await run_session(*nobody);
  EXPECT_EQ(failed.exit_code, 127);

  auto handshake = net::must(co_await net::websocket_connect(url + net::percent_encode(R"(["/bin/echo","hi"])") + "&ws_handshake=true"));
  net::must(co_await handshake->send_text(R"({"version":1,"auth_token":""})"));
  auto greeted = co_await run_session(*handshake);
  EXPECT_EQ(greeted.out, "hi\n");
}

TEST_F(agent_fixture, exec_runs_a_command_inside_a_task) { net::run_test(loop, exec_in_a_task(*this)); }

awaitable<void> stop_and_signal(agent_fixture& f) {
  auto id = co_await f.run_job("exec sleep 1000", "running");
  auto wrong = co_await f.send("PUT", "/v1/client/allocation/" + id + "/signal", R"({"Task":"t","Signal":"SIGNOPE"})");
  EXPECT_EQ(wrong.status, 400) << wrong.body;
  auto stats = co_await f.get("/v1/client/allocation/" + id + "/stats");
  EXPECT_NE(stats.find("Tasks"), nullptr);
  auto stopped = co_await f.send("PUT", "/v1/allocation/" + id + "/stop");
  EXPECT_EQ(stopped.status, 200) << stopped.body;
  EXPECT_TRUE(is_uuid(*net::must(codec::value_from_json(stopped.body)).find("EvalID")->as_string()));
}

TEST_F(agent_fixture, allocations_are_signalled_and_stopped) { net::run_test(loop, stop_and_signal(*this)); }

awaitable<void> dynamic_metadata(agent_fixture& f) {
  auto applied = co_await f.send("POST", "/v1/client/metadata", R"({"Meta":{"zone":"a"}})");
  EXPECT_EQ(applied.status, 200) << applied.body;
  auto read = co_await f.get("/v1/client/metadata");
  EXPECT_EQ(*read.find("Meta")->find("zone")->as_string(), "a");
}

TEST_F(agent_fixture, metadata_changes_at_run_time) { net::run_test(loop, dynamic_metadata(*this)); }

TEST_F(agent_fixture, a_second_agent_on_the_same_port_is_told_so) {
  auto config = test_config();
  auto where = net::must(net::parse_endpoint(running->http_addresses().front()));
  config.ports.http = where.port;
  auto directory = config.data_dir;
  auto second = agent::create(loop, std::move(config));
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().text().find("ports.http"), std::string::npos) << second.error().text();
  EXPECT_FALSE(std::filesystem::exists(directory));
}

TEST_F(agent_fixture, reload_changes_the_log_level_only_if_it_is_one) {
  auto fresh = running->config();
  fresh.log_level = "ERROR";
  EXPECT_TRUE(running->reload(fresh));
  fresh.log_level = "LOUD";
  EXPECT_FALSE(running->reload(fresh));
  EXPECT_EQ(running->config().log_level, "ERROR");
}

TEST(agent, an_unusable_data_directory_is_named) {
  net::loop loop(1);
  auto config = test_config();
  std::filesystem::remove_all(config.data_dir);
  config.data_dir = "/proc/nowhere";
  config.data_dir_is_temporary = false;
  auto made = agent::create(loop, std::move(config));
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().text().find("data_dir \"/proc/nowhere\""), std::string::npos) << made.error().text();
}

TEST(banner, looks_as_people_know_it) {
  auto config = dev_config();
  config.data_dir = "/tmp";
  config.name = "n";
  net::must(finish(config));
  auto text = banner(config, {"127.0.0.1:4646"});
  EXPECT_TRUE(text.starts_with("==> Drover agent configuration:\n\n"));
  EXPECT_NE(text.find("       Advertise Addrs: HTTP: 127.0.0.1:4646; RPC: 127.0.0.1:4647; Serf: 127.0.0.1:4648\n"), std::string::npos) << text;
  EXPECT_NE(text.find("                Client: true\n"), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("==> Drover agent started! Log data will stream in below:\n\n"));
}

}  // namespace
}  // namespace drover::agent
