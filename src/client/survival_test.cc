// What outlives the agent: tasks, their output, what is known of them; and what must not happen when servers forget.
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include "client/alloc_runner.h"
#include "client/testing/agent_fixture.h"
#include "client/testing/streams.h"

namespace drover::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class survival_test : public testing::agent_fixture {
 public:
  client_options lasting() {
    auto o = options();
    o.dev_mode = false;
    o.network_interface = "lo";
    value::object enabled;
    enabled.set("enabled", true);
    o.drivers["raw_exec"] = value(std::move(enabled));
    return o;
  }
  // The pid that the task wrote about itself.
  net::awaitable<int> task_pid(std::string id) {
    for (;;) {
      auto text = read_line(data_dir + "/alloc/" + id + "/main/local/pid");
      if (!text.empty()) co_return static_cast<int>(*parse_int(text));
      co_await net::yield();
    }
  }
  schema::allocation lasting_alloc() {
    return make_alloc("service",
                      {make_task("main", "raw_exec", command("/bin/sh", {"-c", "echo $$ > local/pid; trap 'exit 0' INT; while :; do sleep 0.05; done"}))});
  }
};

TEST_F(survival_test, a_task_outlives_the_agent_and_is_found_again) {
  run([](survival_test& t) -> net::awaitable<void> {
    t.start_agent(t.lasting());
    auto alloc = t.lasting_alloc();
    t.servers->place(alloc);
    co_await t.servers->reported_status(alloc.id, "running");
    auto pid = co_await t.task_pid(alloc.id);
    auto node_id = t.agent->node_id();
    co_await t.stop_agent();
    EXPECT_EQ(::kill(pid, 0), 0);

    t.servers->reports.clear();
    t.start_agent(t.lasting());
    EXPECT_EQ(t.agent->node_id(), node_id);
    auto report = co_await t.servers->reported_status(alloc.id, "running");
    EXPECT_THAT(event_types(*report, "main"), ElementsAre("Received", "Task Setup", "Started"));
    EXPECT_EQ(::kill(pid, 0), 0);
    EXPECT_EQ(co_await t.task_pid(alloc.id), pid);

    t.servers->stop(alloc.id);
    auto ended = co_await t.servers->reported_status(alloc.id, "complete");
    EXPECT_THAT(event_types(*ended, "main"), ElementsAre("Received", "Task Setup", "Started", "Killing", "Terminated", "Killed"));
  }(*this));
}

TEST_F(survival_test, an_end_that_nobody_saw_is_told_with_its_code) {
  run([](survival_test& t) -> net::awaitable<void> {
    t.start_agent(t.lasting());
    auto alloc = make_alloc(
        "batch", {make_task("main", "raw_exec", command("/bin/sh", {"-c", "echo $$ > local/pid; until [ -e local/go ]; do sleep 0.02; done; exit 3"}))});
    t.servers->place(alloc);
    co_await t.servers->reported_status(alloc.id, "running");
    auto pid = co_await t.task_pid(alloc.id);
    co_await t.stop_agent();
    (void)write_file(t.data_dir + "/alloc/" + alloc.id + "/main/local/go", "x", 0644);
    while (::kill(pid, 0) == 0) co_await net::yield();

    t.start_agent(t.lasting());
    auto report = co_await t.servers->reported_status(alloc.id, "failed");
    EXPECT_THAT(event_types(*report, "main"), ElementsAre("Received", "Task Setup", "Started", "Terminated", "Not Restarting"));
    EXPECT_EQ(report->task_states.at("main").events[3]->exit_code, 3);
  }(*this));
}

TEST_F(survival_test, a_server_that_forgot_stops_nothing) {
  run([](survival_test& t) -> net::awaitable<void> {
    t.start_agent(t.lasting());
    auto alloc = t.lasting_alloc();
    t.servers->place(alloc);
    co_await t.servers->reported_status(alloc.id, "running");
    auto pid = co_await t.task_pid(alloc.id);
    co_await t.stop_agent();

    // The server is back before it has read its log: it knows no allocation, at index 1.
    auto known = t.servers->allocs;
    auto index = t.servers->index;
    t.servers->forget_everything();
    t.servers->answers_at_once = true;
    t.servers->reports.clear();
    t.servers->alloc_queries = 0;
    t.start_agent(t.lasting());
    while (t.servers->alloc_queries < 3) co_await t.servers->queried.wait();
    co_await t.servers->reported_status(alloc.id, "running");
    EXPECT_EQ(::kill(pid, 0), 0);

    t.servers->answers_at_once = false;
    t.servers->allocs = known;
    t.servers->index = index;
    t.servers->stop(alloc.id);
    co_await t.servers->reported_status(alloc.id, "complete");
  }(*this));
}

TEST_F(survival_test, servers_that_refuse_are_asked_again_soon) {
  run([](survival_test& t) -> net::awaitable<void> {
    t.servers->refuse = true;
    t.start_agent();
    while (t.servers->registrations < 3) co_await net::yield();
    t.servers->refuse = false;
    co_await t.agent->wait_ready();
    EXPECT_EQ(t.servers->heartbeats, 1);
  }(*this));
}

TEST_F(survival_test, a_killed_shim_is_a_lost_task_and_the_policy_decides) {
  run([](survival_test& t) -> net::awaitable<void> {
    t.start_agent(t.lasting());
    auto alloc = t.lasting_alloc();
    auto job = *alloc.job;
    job.task_groups[0].restart_policy = restarts(1);
    alloc.job = std::make_shared<const schema::job>(job);
    t.servers->place(alloc);
    co_await t.servers->reported_status(alloc.id, "running");
    auto pid = co_await t.task_pid(alloc.id);
    auto status = *read_file("/proc/" + std::to_string(pid) + "/status");
    auto at = status.find("PPid:");
    auto shim = static_cast<int>(*parse_int(trim(std::string_view(status).substr(at + 5, status.find('\n', at) - at - 5))));
    std::filesystem::remove(t.data_dir + "/alloc/" + alloc.id + "/main/local/pid");
    ::kill(shim, SIGKILL);
    auto report = co_await t.servers->reported(
        alloc.id, [](const schema::allocation& a) { return a.task_states.at("main").restarts == 1 && a.client_status == "running"; });
    EXPECT_THAT(event_types(*report, "main"), ElementsAre("Received", "Task Setup", "Started", "Terminated", "Restarting", "Started"));
    EXPECT_NE(co_await t.task_pid(alloc.id), pid);
    t.servers->stop(alloc.id);
    co_await t.servers->reported_status(alloc.id, "complete");
  }(*this));
}

TEST_F(survival_test, an_unusable_data_directory_is_said_clearly) {
  auto o = options();
  o.data_dir = "/proc/nowhere";
  auto made = client::create(o, servers->servers(), loop);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().text(), HasSubstr("/proc/nowhere"));
  run([]() -> net::awaitable<void> { co_return; }());
}

}  // namespace
}  // namespace drover::client
