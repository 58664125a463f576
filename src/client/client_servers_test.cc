// A client whose servers are elsewhere: it finds them, remembers them, is told others, leaves in order; and what it does after its machine was rebooted.
#include <gmock/gmock.h>
#include <signal.h>

#include "client/alloc_runner.h"
#include "client/testing/agent_fixture.h"
#include "rpc/pool.h"
#include "rpc/wire_server.h"

namespace drover::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// An address where nobody listens.
class nobody : public rpc::channel {
 public:
  rpc::awaitable<result<>> call(std::string, schema::record_view, schema::record_slot) override {
    co_return fail(errc::unavailable, "dial: connection refused");
  }
  rpc::awaitable<result<std::unique_ptr<rpc::message_stream>>> open(std::string, schema::record_view) override {
    co_return fail(errc::unavailable, "dial: connection refused");
  }
};

class client_servers_test : public testing::agent_fixture {
 public:
  client_options elsewhere(std::vector<std::string> servers) {
    auto o = options();
    o.servers = std::move(servers);
    return o;
  }
  client_options lasting() {
    auto o = options();
    o.dev_mode = false;
    o.network_interface = "lo";
    value::object enabled;
    enabled.set("enabled", true);
    o.drivers["raw_exec"] = value(std::move(enabled));
    return o;
  }
  dial_function dial() {
    return [this](const std::string& address) -> std::shared_ptr<rpc::channel> {
      dialled.push_back(address);
      dialled_again.notify_all();
      if (!living.contains(address)) return std::make_shared<nobody>();
      return {std::shared_ptr<void>(), &servers->servers()};
    };
  }
  result<> make_remote(client_options o) {
    TRY_ASSIGN(agent, client::create(std::move(o), dial(), loop));
    agent->register_methods(methods);
    channel = std::make_unique<rpc::local_channel>(loop, methods);
    return {};
  }
  void start_remote(client_options o) {
    auto made = make_remote(std::move(o));
    ASSERT_TRUE(made) << made.error().text();
    agent->start();
  }
  static schema::node_server_info info(std::string address) {
    return {.rpc_advertise_addr = std::move(address), .rpc_major_version = 1, .rpc_minor_version = 1, .datacenter = "dc1"};
  }

  std::set<std::string> living{"10.0.0.1:4647"};
  std::vector<std::string> dialled;
  net::event dialled_again;
};

TEST_F(client_servers_test, runs_work_for_servers_elsewhere) {
  run([](client_servers_test& t) -> net::awaitable<void> {
    t.start_remote(t.elsewhere({"10.0.0.9", "10.0.0.1"}));
    auto alloc = make_alloc("batch", {make_task("main", "raw_exec", command("/bin/true"))});
    t.servers->place(alloc);
    co_await t.servers->reported_status(alloc.id, "complete");
    EXPECT_THAT(t.agent->known_servers(), ElementsAre("10.0.0.1:4647", "10.0.0.9:4647"));
  }(*this));
}

TEST_F(client_servers_test, finds_others_when_the_configured_ones_are_gone) {
  run([](client_servers_test& t) -> net::awaitable<void> {
    t.servers->said.servers = {info("10.0.0.1:4647"), info("10.0.0.2:4647"), info("[fd00::3]:4700")};
    t.servers->said.leader_rpc_addr = "10.0.0.1:4647";
    t.start_remote(t.elsewhere({"10.0.0.1"}));
    co_await t.agent->wait_ready();
    EXPECT_THAT(t.agent->known_servers(), ElementsAre("10.0.0.1:4647", "10.0.0.2:4647", "[fd00::3]:4700"));
    co_await t.stop_agent();
    t.living = {"[fd00::3]:4700"};
    t.start_remote(t.elsewhere({"10.0.0.1"}));
    co_await t.agent->wait_ready();
    EXPECT_EQ(t.dialled.back(), "[fd00::3]:4700");
  }(*this));
}

TEST_F(client_servers_test, gives_up_after_retry_max_and_says_why) {
  run([](client_servers_test& t) -> net::awaitable<void> {
    auto o = t.elsewhere({});
    o.server_join = {.retry_join = {"10.0.0.7"}, .retry_max = 3, .retry_interval = milliseconds(5)};
    t.living.clear();
    EXPECT_TRUE(t.make_remote(std::move(o)));
    net::event ended;
    std::string why;
    t.agent->on_fatal([&](error e) {
      why = e.text();
      ended.set();
    });
    t.agent->start();
    co_await ended.wait();
    EXPECT_THAT(why, HasSubstr("no server answered in 3 tries (client.server_join.retry_max)"));
    EXPECT_THAT(why, HasSubstr("connection refused"));
  }(*this));
}

TEST_F(client_servers_test, retries_for_ever_without_retry_max) {
  run([](client_servers_test& t) -> net::awaitable<void> {
    auto o = t.elsewhere({});
    o.server_join = {.retry_join = {"10.0.0.1"}, .retry_interval = milliseconds(5)};
    t.living.clear();
    t.start_remote(std::move(o));
    while (t.dialled.size() < 20) co_await t.dialled_again.wait();
    t.living = {"10.0.0.1:4647"};
    co_await t.agent->wait_ready();
  }(*this));
}

TEST_F(client_servers_test, addresses_that_are_none_are_said_at_the_start) {
  for (auto* bad : {"provider=aws tag_key=a tag_value=b", "one:two:3", "10.0.0.1:99999"}) {
    auto o = elsewhere({});
    o.server_join.retry_join = {bad};
    auto made = make_remote(std::move(o));
    ASSERT_FALSE(made) << bad;
    EXPECT_THAT(made.error().text(), HasSubstr("client.server_join.retry_join"));
    agent.reset();
  }
  run([]() -> net::awaitable<void> { co_return; }());
}

TEST_F(client_servers_test, an_operator_names_other_servers) {
  run([](client_servers_test& t) -> net::awaitable<void> {
    t.start_remote(t.elsewhere({"10.0.0.1"}));
    co_await t.agent->wait_ready();
    auto refused = co_await t.agent->set_servers({"10.0.0.5", "10.0.0.6:1"});
    EXPECT_FALSE(refused);
    EXPECT_THAT(refused.error().text(), HasSubstr("none of these servers answers"));
    EXPECT_THAT(t.agent->known_servers(), ElementsAre("10.0.0.1:4647"));
    t.living = {"10.0.0.2:4647"};
    EXPECT_TRUE(co_await t.agent->set_servers({"10.0.0.5", "10.0.0.2"}));
    EXPECT_THAT(t.agent->known_servers(), ElementsAre("10.0.0.2:4647"));
    EXPECT_FALSE(co_await t.agent->set_servers({}));
    EXPECT_FALSE(co_await t.agent->set_servers({"provider=gce"}));
    co_await t.stop_agent();
    // Kept.
    t.start_remote(t.elsewhere({}));
    co_await t.agent->wait_ready();
  }(*this));
}

TEST_F(client_servers_test, in_one_process_the_servers_cannot_be_changed) {
  run([](client_servers_test& t) -> net::awaitable<void> {
    t.start_agent();
    EXPECT_TRUE(t.agent->known_servers().empty());
    EXPECT_EQ((co_await t.agent->set_servers({"a"})).error().code(), errc::invalid);
  }(*this));
}

TEST_F(client_servers_test, drains_before_it_ends_when_told_to) {
  run([](client_servers_test& t) -> net::awaitable<void> {
    auto o = t.elsewhere({"10.0.0.1"});
    o.drain_on_shutdown = drain_options{.deadline = minutes(10), .ignore_system_jobs = true};
    t.start_remote(std::move(o));
    co_await t.agent->wait_ready();
    bool ended = false;
    net::task_scope scope(t.loop, log::logger("test"));
    auto drain = [](client& c, bool& done) -> net::awaitable<void> {
      EXPECT_TRUE(co_await c.drain_for_shutdown());
      done = true;
    };
    scope.spawn(drain(*t.agent, ended));
    while (!t.servers->drained) co_await t.servers->updated.wait();
    EXPECT_EQ(t.servers->drained->node_id, t.agent->node_id());
    EXPECT_EQ(t.servers->drained->drain_strategy->deadline, minutes(10));
    EXPECT_TRUE(t.servers->drained->drain_strategy->ignore_system_jobs);
    EXPECT_FALSE(t.servers->drained->mark_eligible);
    for (int i = 0; i < 10; ++i) co_await net::yield();
    EXPECT_FALSE(ended);
    t.servers->drained.reset();
    ++t.servers->index;
    t.servers->changed.notify_all();
    co_await scope.join();
    EXPECT_TRUE(ended);
  }(*this));
}

TEST_F(client_servers_test, without_the_option_nothing_is_drained) {
  run([](client_servers_test& t) -> net::awaitable<void> {
    t.start_remote(t.elsewhere({"10.0.0.1"}));
    co_await t.agent->wait_ready();
    EXPECT_TRUE(co_await t.agent->drain_for_shutdown());
    EXPECT_FALSE(t.servers->drained);
  }(*this));
}

// Real ports and a real pool: the same servers at two addresses, one of which goes.
TEST_F(client_servers_test, over_the_network_it_changes_servers_and_is_reached_from_them) {
  run([](client_servers_test& t) -> net::awaitable<void> {
    rpc::wire_server one(t.loop, {.table = &t.servers->table()}), two(t.loop, {.table = &t.servers->table()});
    auto first = net::to_string(*one.listen({.host = "127.0.0.1"})), second = net::to_string(*two.listen({.host = "127.0.0.1"}));
    rpc::connection_pool pool(t.loop, {.serve = &t.methods});
    t.servers->said.servers = {info(first), info(second)};
    t.servers->said.leader_rpc_addr = first;
    t.servers->said.heartbeat_ttl = milliseconds(20);
    auto made = client::create(t.elsewhere({first}), [&](const std::string& address) { return pool.to(address, "global"); }, t.loop);
    EXPECT_TRUE(made);
    t.agent = std::move(*made);
    t.agent->register_methods(t.methods);
    t.agent->start();
    auto alloc = make_alloc("service", {make_task("main", "raw_exec", command("/bin/sleep", {"1000"}))});
    t.servers->place(alloc);
    co_await t.servers->reported_status(alloc.id, "running");
    EXPECT_TRUE(t.servers->back);
    EXPECT_TRUE(co_await rpc::call<schema::node_meta_response>(*t.servers->back, "NodeMeta.Read", schema::node_specific_request{}));

    t.servers->back.reset();
    co_await one.stop();
    while (!t.servers->back || !t.servers->back->is_open()) co_await t.servers->updated.wait();
    schema::node_meta_apply_request request;
    request.meta["state"] = "ready";
    auto meta = co_await rpc::call<schema::node_meta_response>(*t.servers->back, "NodeMeta.Apply", std::move(request));
    EXPECT_TRUE(meta) << (meta ? "" : meta.error().text());
    // The servers learn it by a registration.
    while (!t.servers->node->meta.contains("state")) co_await t.servers->updated.wait();
    EXPECT_EQ(t.agent->find(alloc.id)->client_status(), "running");
    t.servers->stop(alloc.id);
    co_await t.servers->reported_status(alloc.id, "complete");

    t.servers->back.reset();
    co_await t.agent->stop();
    co_await pool.stop();
    co_await two.stop();
    t.agent.reset();
  }(*this));
}

class reboot_test : public client_servers_test {
 public:
  static constexpr int tasks = 50;
  std::vector<std::string> place_all() {
    std::vector<std::string> ids;
    for (int i = 0; i < tasks; ++i) {
      auto alloc = make_alloc("service", {make_task("main", "raw_exec", command("/bin/sh", {"-c", "echo $$ > local/pid; exec sleep 1000"}))});
      ids.push_back(alloc.id);
      servers->place(std::move(alloc));
    }
    return ids;
  }
  std::string pid_path(const std::string& id) const { return data_dir + "/alloc/" + id + "/main/local/pid"; }
  // One that has ended may wait for its parent to look.
  static bool lives(int pid) {
    auto stat = read_line(fmt::format("/proc/{}/stat", pid));
    auto state = stat.rfind(") ");
    return state != std::string::npos && stat[state + 2] != 'Z' && stat[state + 2] != 'X';
  }
  // As a power failure does: supervisor and task are gone, files stay.
  net::awaitable<void> cut_power(std::string id) {
    auto text = read_line(pid_path(id));
    while (text.empty()) {
      co_await net::yield();
      text = read_line(pid_path(id));
    }
    auto pid = static_cast<int>(*parse_int(text));
    auto status = *read_file(fmt::format("/proc/{}/status", pid));
    auto at = status.find("PPid:");
    auto shim = static_cast<int>(*parse_int(trim(std::string_view(status).substr(at + 5, status.find('\n', at) - at - 5))));
    for (auto each : {shim, pid}) {
      ::kill(each, SIGKILL);
      while (lives(each)) co_await net::yield();
    }
    std::filesystem::remove(pid_path(id));
  }
};

TEST_F(reboot_test, everything_runs_again_and_it_counts_as_no_failure) {
  run([](reboot_test& t) -> net::awaitable<void> {
    t.start_agent(t.lasting());
    auto ids = t.place_all();
    for (auto& id : ids) co_await t.servers->reported_status(id, "running");
    co_await t.stop_agent();
    for (auto& id : ids) co_await t.cut_power(id);

    t.servers->reports.clear();
    // Before the servers have said that it shall run, nothing that died is started: it may run elsewhere by now.
    t.servers->refuse = true;
    t.start_agent(t.lasting());
    auto* first = t.agent->find(ids[0]);
    while (event_types(*first->report(), "main").back() != "Failed Restoring Task") co_await net::yield();
    EXPECT_EQ(first->client_status(), "pending");
    co_await t.stop_agent();

    t.servers->refuse = false;
    auto before = net::now();
    t.start_agent(t.lasting());
    for (auto& id : ids) co_await t.servers->reported_status(id, "running");
    std::chrono::duration<double, std::milli> took = net::now() - before;
    ::testing::Test::RecordProperty("reboot_to_50_running_ms", std::to_string(took.count()));
    auto report = t.servers->reports[ids[0]];
    EXPECT_THAT(event_types(*report, "main"), ElementsAre("Received", "Task Setup", "Started", "Terminated", "Failed Restoring Task", "Started"));
    EXPECT_EQ(report->task_states.at("main").restarts, 0u);
    for (auto& id : ids) t.servers->stop(id);
    for (auto& id : ids) co_await t.servers->reported_status(id, "complete");
  }(*this));
}

TEST_F(reboot_test, what_the_servers_have_moved_elsewhere_is_not_started_again) {
  run([](reboot_test& t) -> net::awaitable<void> {
    t.start_agent(t.lasting());
    auto alloc = make_alloc("service", {make_task("main", "raw_exec", command("/bin/sh", {"-c", "echo $$ > local/pid; exec sleep 1000"}))});
    t.servers->place(alloc);
    co_await t.servers->reported_status(alloc.id, "running");
    co_await t.stop_agent();
    co_await t.cut_power(alloc.id);
    t.servers->stop(alloc.id);
    t.servers->reports.clear();
    t.start_agent(t.lasting());
    auto report = co_await t.servers->reported_status(alloc.id, "complete");
    auto types = event_types(*report, "main");
    EXPECT_EQ(std::count(types.begin(), types.end(), "Started"), 1);
    EXPECT_EQ(types.back(), "Killed");
    EXPECT_FALSE(std::filesystem::exists(t.pid_path(alloc.id)));
  }(*this));
}

}  // namespace
}  // namespace drover::client
