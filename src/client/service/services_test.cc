// Services of allocations: addresses, registrations, checks and what follows from them.
#include <gmock/gmock.h>

#include "client/alloc_runner.h"
#include "client/service/address.h"
#include "client/testing/agent_fixture.h"
#include "grpc/test_server.h"
#include "net/http_server.h"
#include "net/task_scope.h"

namespace drover::client {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

schema::allocation with_ports() {
  schema::allocation a;
  schema::allocated_resources given;
  auto& shared = given.shared;
  shared.networks.emplace_back().ip = "10.0.0.1";
  shared.ports = {{.label = "http", .value = 20100, .to = 8080, .host_ip = "10.0.0.1", .ignore_collision = false},
                  {.label = "plain", .value = 20200, .to = 0, .host_ip = "10.0.0.2", .ignore_collision = false}};
  given.tasks["old"].networks.emplace_back().ip = "10.0.0.9";
  given.tasks["old"].networks[0].dynamic_ports.push_back({.label = "legacy", .value = 20300, .to = 0, .host_network = "", .ignore_collision = false});
  a.allocated_resources = schema::share(std::move(given));
  a.network_status =
      schema::share(schema::alloc_network_status{.interface_name = "eth0", .address = "172.26.64.2", .address_ipv6 = "fd00::2", .dns = std::nullopt});
  return a;
}

TEST(service_address, by_mode_and_port) {
  struct row {
    address_request wanted;
    std::string task, said;
  };
  const row rows[] = {
      {{"", "auto", "http"}, "", "10.0.0.1:20100"},
      {{"", "", "plain"}, "", "10.0.0.2:20200"},
      {{"", "host", ""}, "", "10.0.0.1:0"},
      {{"", "host", "9090"}, "", ":9090"},
      {{"", "host", "legacy"}, "old", "10.0.0.9:20300"},
      {{"", "host", "legacy"}, "", "invalid port \"legacy\": port label not found"},
      {{"", "host", "70000"}, "", "invalid port: \"70000\": port must be >0 and <65536"},
      {{"", "alloc", "http"}, "", "172.26.64.2:8080"},
      {{"", "alloc", "plain"}, "", "172.26.64.2:20200"},
      {{"", "alloc_ipv6", "http"}, "", "fd00::2:8080"},
      {{"example.com", "auto", "http"}, "", "example.com:20100"},
      {{"example.com", "auto", "443"}, "", "example.com:443"},
      {{"example.com", "auto", ""}, "", "example.com:0"},
      {{"example.com", "host", "http"}, "", "cannot use custom advertise address with \"host\" address mode"},
      {{"", "driver", "http"}, "", "cannot use address_mode=\"driver\": no driver network exists"},
  };
  auto alloc = with_ports();
  for (auto& r : rows) {
    auto found = find_address(r.wanted, alloc, r.task);
    EXPECT_EQ(found ? fmt::format("{}:{}", found->host, found->port) : found.error().text(), r.said) << r.wanted.mode << " " << r.wanted.port_label;
  }
  alloc.network_status.reset();
  EXPECT_THAT(find_address({"", "alloc", "http"}, alloc, "").error().text(), HasSubstr("no allocation network status"));
}

class services_test : public testing::agent_fixture {
 public:
  // Answers with `status` and remembers what it was asked.
  void serve() {
    web = std::make_unique<net::http_server>(
        loop,
        net::http_server_options{.handler = [this](net::http_exchange& e) { return answer(e); }, .limits = {}, .logger = log::logger("test"), .tls = nullptr});
    port = web->listen({.host = "127.0.0.1", .port = 0, .path = {}})->port;
  }
  net::awaitable<void> answer(net::http_exchange& e) {
    asked.push_back(e.request().method + " " + e.request().target + " " + std::string(e.request().headers.get("X-Check").value_or("")) + e.request().body);
    net::http_response r;
    r.status = status;
    r.body = "as told";
    (void)co_await e.respond(std::move(r));
  }
  static schema::service service(std::string name, std::string port_label) {
    schema::service s;
    s.name = std::move(name);
    s.port_label = std::move(port_label);
    s.provider = "nomad";
    return s;
  }
  static schema::service_check check(std::string type, std::string path = {}) {
    schema::service_check c;
    c.name = "alive";
    c.type = std::move(type);
    c.path = std::move(path);
    c.interval = milliseconds(60);
    c.timeout = seconds(5);
    return c;
  }
  static schema::allocation serving(std::vector<schema::service> of_group, std::vector<schema::service> of_task = {}) {
    auto task = make_task("main", "raw_exec", command("/bin/sleep", {"600"}));
    task.services = std::move(of_task);
    task.kill_timeout = seconds(2);
    auto alloc = make_alloc("service", {task});
    auto job = *alloc.job;
    job.task_groups[0].services = std::move(of_group);
    alloc.job = std::make_shared<const schema::job>(std::move(job));
    return alloc;
  }
  net::awaitable<std::map<std::string, schema::alloc_check_status>> checks_are(std::string id, std::string status) {
    for (;;) {
      auto* runner = agent->find(id);
      auto results = runner ? runner->services().results() : std::map<std::string, schema::alloc_check_status>{};
      if (!results.empty() && std::ranges::all_of(results, [&](auto& r) { return r.second.status == status; })) co_return results;
      if (runner) co_await runner->states_changed().wait(net::after(milliseconds(20)));
      else co_await servers->updated.wait();
    }
  }

  std::unique_ptr<net::http_server> web;
  uint16_t port = 0;
  int status = 200;
  std::vector<std::string> asked;
};

TEST_F(services_test, are_registered_while_they_run) {
  run([](services_test& t) -> net::awaitable<void> {
    t.start_agent();
    auto web = service("web-${NOMAD_GROUP_NAME}", "8080");
    web.tags = {"a", "n${NOMAD_ALLOC_INDEX}"};
    web.canary_tags = {"canary"};
    auto alloc = serving({web}, {service("inside", "9090")});
    t.servers->place(alloc);
    co_await t.servers->services_are(2);
    auto group = *t.servers->services.at("_nomad-task-" + alloc.id + "-group-group-web-group-8080");
    EXPECT_EQ(group.service_name, "web-group");
    EXPECT_THAT(group.tags, ElementsAre("a", "n0"));
    EXPECT_EQ(group.port, 8080);
    EXPECT_EQ(group.address, "127.0.0.1");
    EXPECT_EQ(group.job_id, "job");
    EXPECT_EQ(group.node_id, t.agent->node_id());
    EXPECT_EQ(group.namespace_, "default");
    EXPECT_EQ(t.servers->services.count("_nomad-task-" + alloc.id + "-main-inside-9090"), 1u);
    // An update in place: a canary until it is promoted.
    alloc.deployment_status.emplace();
    alloc.deployment_status->canary = true;
    t.servers->place(alloc);
    while (t.servers->services.at(group.id)->tags != std::vector<std::string>{"canary"}) co_await t.servers->updated.wait();
    t.servers->stop(alloc.id);
    co_await t.servers->services_are(0);
    co_await t.servers->reported_status(alloc.id, "complete");
  }(*this));
}

TEST_F(services_test, servers_that_are_away_hear_of_it_later) {
  run([](services_test& t) -> net::awaitable<void> {
    t.start_agent();
    auto alloc = serving({service("web", "8080")});
    t.servers->place(alloc);
    co_await t.servers->services_are(1);
    t.servers->refuse = true;
    co_await t.agent->find(alloc.id)->kill_and_wait();
    EXPECT_EQ(t.servers->services.size(), 1u);
    t.servers->refuse = false;
    co_await t.servers->services_are(0);
  }(*this));
}

TEST_F(services_test, http_checks_ask_as_the_job_says) {
  run([](services_test& t) -> net::awaitable<void> {
    t.serve();
    t.start_agent();
    auto web = service("web", std::to_string(t.port));
    web.checks = {check("http", "/health?x=1")};
    web.checks[0].method = "POST";
    web.checks[0].body = "{}";
    web.checks[0].header["X-Check"] = {"yes"};
    auto alloc = serving({web});
    t.servers->place(alloc);
    auto passed = co_await t.checks_are(alloc.id, "success");
    EXPECT_THAT(t.asked, Contains("POST /health?x=1 yes{}"));
    auto& result = passed.begin()->second;
    EXPECT_EQ(result.output, "nomad: http ok");
    EXPECT_EQ(result.status_code, 200);
    EXPECT_EQ(result.mode, "healthiness");
    EXPECT_EQ(result.group, "job.group[0]");
    t.status = 503;
    auto failed = co_await t.checks_are(alloc.id, "failure");
    EXPECT_EQ(failed.begin()->second.output, "as told");
    EXPECT_EQ(failed.begin()->second.status_code, 503);
    co_await t.web->stop();
  }(*this));
}

TEST_F(services_test, scripts_run_inside_the_task_and_tcp_says_who_listens) {
  run([](services_test& t) -> net::awaitable<void> {
    t.serve();
    t.start_agent();
    auto web = service("web", std::to_string(t.port));
    web.checks = {check("tcp"), check("script")};
    web.checks[1].command = "/bin/sh";
    web.checks[1].args = {"-c", "echo task $NOMAD_TASK_NAME"};
    auto alloc = serving({}, {web});
    t.servers->place(alloc);
    auto passed = co_await t.checks_are(alloc.id, "success");
    std::vector<std::string> outputs;
    for (auto& [id, each] : passed) outputs.push_back(each.output);
    EXPECT_THAT(outputs, ::testing::UnorderedElementsAre("nomad: tcp ok", "task main\n"));
    co_await t.web->stop();
  }(*this));
}

TEST_F(services_test, a_check_that_fails_restarts_its_task_until_the_policy_says_no) {
  run([](services_test& t) -> net::awaitable<void> {
    t.serve();
    t.status = 500;
    t.start_agent();
    auto web = service("web", std::to_string(t.port));
    web.checks = {check("http", "/")};
    web.checks[0].check_restart = schema::check_restart{.limit = 2, .grace = milliseconds(50), .ignore_warnings = false};
    auto alloc = serving({}, {web});
    auto job = *alloc.job;
    job.task_groups[0].restart_policy = restarts(1);
    alloc.job = std::make_shared<const schema::job>(std::move(job));
    t.servers->place(alloc);
    auto report = co_await t.servers->reported_status(alloc.id, "failed");
    auto types = event_types(*report, "main");
    EXPECT_EQ(std::ranges::count(types, "Restart Signaled"), 2);
    EXPECT_EQ(report->task_states.at("main").restarts, 1u);
    bool said = false;
    for (auto& e : report->task_states.at("main").events) said |= e->display_message.find("healthcheck: check \"alive\" unhealthy") != std::string::npos;
    EXPECT_TRUE(said);
    co_await t.web->stop();
  }(*this));
}

TEST_F(services_test, a_deployment_waits_for_the_checks) {
  run([](services_test& t) -> net::awaitable<void> {
    t.serve();
    t.status = 500;
    t.start_agent();
    auto web = service("web", std::to_string(t.port));
    web.checks = {check("http", "/"), check("http", "/ready")};
    web.checks[1].on_update = "ignore";
    auto alloc = serving({web});
    alloc.deployment_id = new_uuid();
    auto job = *alloc.job;
    auto& update = job.task_groups[0].update.emplace();
    update.min_healthy_time = milliseconds(10);
    update.healthy_deadline = seconds(15);
    alloc.job = std::make_shared<const schema::job>(std::move(job));
    t.servers->place(alloc);
    co_await t.checks_are(alloc.id, "failure");
    EXPECT_FALSE(t.agent->find(alloc.id)->health());
    t.status = 200;
    auto report = co_await t.servers->reported(alloc.id, [](auto& a) { return a.deployment_status && a.deployment_status->healthy == true; });
    EXPECT_EQ(report->client_status, "running");
    co_await t.web->stop();
  }(*this));
}

// Answers one connection until it ends.
net::awaitable<void> answer_grpc(net::loop& l, net::listener& at, std::string answer, std::string& question) {
  auto stream = co_await at.accept();
  if (!stream) co_return;
  grpc::test_server server(l, std::move(*stream));
  server.other = [&](const std::string& path, std::string message) {
    question = path + " " + message;
    return answer;
  };
  co_await server.gone.wait();
  co_await server.stop();
}

TEST(grpc_check, asks_the_health_protocol) {
  net::loop loop;
  net::run_to_completion(loop, [](net::loop& l) -> net::awaitable<void> {
    net::task_scope scope(l, log::logger("test"));
    auto at = std::move(*net::listener::listen(l, {.host = "127.0.0.1", .port = 0, .path = {}}));
    struct {
      std::string answer, said;
    } cases[] = {{std::string("\x08\x01", 2), "serving"},
                 {std::string("\x08\x02", 2), "grpc: the service is NOT_SERVING"},
                 {"", "grpc: the service is UNKNOWN"},
                 {std::string("\x08\x63", 2), "grpc: the service is of unknown health"},
                 {"\x08", "grpc: reading the health answer"}};
    for (auto& each : cases) {
      std::string question;
      scope.spawn(&answer_grpc, std::ref(l), std::ref(*at), each.answer, std::ref(question));
      grpc_question asked{.host = "127.0.0.1", .port = at->local().port, .service = "orders", .use_tls = false, .skip_verify = false, .server_name = {}};
      auto said = co_await net::with_deadline(ask_grpc_health(l, asked), net::after(seconds(10)));
      EXPECT_THAT(said ? "serving" : said.error().text(), HasSubstr(each.said));
      EXPECT_EQ(question, "/grpc.health.v1.Health/Check \x0a\x06orders");
      co_await scope.join();
    }
    at->close();
    co_await scope.stop();
  }(loop));
}

TEST(grpc_check, is_cut_off_where_nobody_answers) {
  net::loop loop;
  net::run_to_completion(loop, [](net::loop& l) -> net::awaitable<void> {
    auto at = std::move(*net::listener::listen(l, {.host = "127.0.0.1", .port = 0, .path = {}}));
    grpc_question asked{.host = "127.0.0.1", .port = at->local().port, .service = {}, .use_tls = false, .skip_verify = false, .server_name = {}};
    auto said = co_await net::with_deadline(ask_grpc_health(l, asked), net::after(milliseconds(50)));
    EXPECT_EQ(said ? "serving" : std::string(name(said.error().code())), "timeout");
    at->close();
  }(loop));
}

}  // namespace
}  // namespace drover::client
