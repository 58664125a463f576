#include "client/client.h"

#include <gmock/gmock.h>

#include "client/testing/agent_fixture.h"

namespace drover::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class client_test : public testing::agent_fixture {};

TEST_F(client_test, registers_and_becomes_ready) {
  run([](client_test& t) -> net::awaitable<void> {
    auto before = net::now();
    t.start_agent();
    co_await t.agent->wait_ready();
    std::chrono::duration<double, std::milli> took = net::now() - before;
    ::testing::Test::RecordProperty("node_ready_ms", std::to_string(took.count()));
    auto& node = *t.servers->node;
    EXPECT_TRUE(is_uuid(node.id));
    EXPECT_EQ(node.attributes.at("kernel.name"), "linux");
    EXPECT_EQ(node.attributes.at("unique.network.ip-address"), "127.0.0.1");
    EXPECT_GT(node.node_resources->cpu.cpu_shares, 0);
    EXPECT_GT(node.node_resources->memory.memory_mb, 0);
    EXPECT_TRUE(node.drivers.at("raw_exec").healthy);
    EXPECT_FALSE(node.drivers.at("docker").detected);
  }(*this));
}

TEST_F(client_test, runs_true_to_completion) {
  run([](client_test& t) -> net::awaitable<void> {
    t.start_agent();
    co_await t.agent->wait_ready();
    auto alloc = make_alloc("batch", {make_task("main", "raw_exec", command("/bin/true"))});
    auto before = net::now();
    t.servers->place(alloc);
    auto report = co_await t.servers->reported_status(alloc.id, "complete");
    std::chrono::duration<double, std::milli> took = net::now() - before;
    ::testing::Test::RecordProperty("placed_to_complete_ms", std::to_string(took.count()));
    EXPECT_EQ(report->client_description, "All tasks have completed");
    EXPECT_THAT(event_types(*report, "main"), ElementsAre("Received", "Task Setup", "Started", "Terminated"));
    auto& events = report->task_states.at("main").events;
    EXPECT_EQ(events[0]->display_message, "Task received by client");
    EXPECT_EQ(events[1]->display_message, "Building Task Directory");
    EXPECT_EQ(events[2]->display_message, "Task started by client");
    EXPECT_EQ(events[3]->display_message, "Exit Code: 0");
    EXPECT_FALSE(report->task_states.at("main").failed);
  }(*this));
}

TEST_F(client_test, a_failing_task_fails_its_allocation) {
  run([](client_test& t) -> net::awaitable<void> {
    t.start_agent();
    auto alloc = make_alloc("batch", {make_task("main", "raw_exec", command("/bin/false"))});
    t.servers->place(alloc);
    auto report = co_await t.servers->reported_status(alloc.id, "failed");
    EXPECT_THAT(event_types(*report, "main"), ElementsAre("Received", "Task Setup", "Started", "Terminated", "Not Restarting"));
    EXPECT_EQ(report->task_states.at("main").events[3]->display_message, "Exit Code: 1");
    EXPECT_EQ(report->task_states.at("main").events[4]->display_message, "Policy allows no restarts");
    EXPECT_TRUE(report->task_states.at("main").failed);
  }(*this));
}

TEST_F(client_test, restarts_by_policy_then_gives_up) {
  run([](client_test& t) -> net::awaitable<void> {
    t.start_agent();
    auto task = make_task("main", "raw_exec", command("/bin/false"));
    task.restart_policy = restarts(1);
    auto alloc = make_alloc("service", {task});
    t.servers->place(alloc);
    auto report = co_await t.servers->reported_status(alloc.id, "failed");
    EXPECT_THAT(event_types(*report, "main"),
                ElementsAre("Received", "Task Setup", "Started", "Terminated", "Restarting", "Started", "Terminated", "Not Restarting"));
    EXPECT_EQ(report->task_states.at("main").restarts, 1u);
    EXPECT_EQ(report->task_states.at("main").events[4]->display_message, "Task restarting in 0s");
    EXPECT_EQ(report->task_states.at("main").events[7]->display_message, "Exceeded allowed attempts 1 in interval 1m0s and mode is \"fail\"");
  }(*this));
}

TEST_F(client_test, a_missing_command_is_a_clear_failure) {
  run([](client_test& t) -> net::awaitable<void> {
    t.start_agent();
    auto alloc = make_alloc("batch", {make_task("main", "raw_exec", {})});
    t.servers->place(alloc);
    auto report = co_await t.servers->reported_status(alloc.id, "failed");
    EXPECT_THAT(event_types(*report, "main"), ElementsAre("Received", "Failed Validation", "Not Restarting"));
    EXPECT_THAT(report->task_states.at("main").events[1]->display_message, HasSubstr("missing command"));
    EXPECT_EQ(report->task_states.at("main").events[2]->display_message, "Error was unrecoverable");
  }(*this));
}

TEST_F(client_test, a_program_that_does_not_exist_is_a_driver_failure) {
  run([](client_test& t) -> net::awaitable<void> {
    t.start_agent();
    auto alloc = make_alloc("batch", {make_task("main", "raw_exec", command("/no/such/program"))});
    t.servers->place(alloc);
    auto report = co_await t.servers->reported_status(alloc.id, "failed");
    EXPECT_THAT(event_types(*report, "main"), ElementsAre("Received", "Task Setup", "Driver Failure", "Not Restarting"));
    EXPECT_THAT(report->task_states.at("main").events[2]->display_message, HasSubstr("/no/such/program"));
  }(*this));
}

TEST_F(client_test, a_stop_kills_the_task) {
  run([](client_test& t) -> net::awaitable<void> {
    t.start_agent();
    auto alloc = make_alloc("service", {make_task("main", "raw_exec", command("/bin/sleep", {"1000"}))});
    t.servers->place(alloc);
    co_await t.servers->reported_status(alloc.id, "running");
    t.servers->stop(alloc.id);
    auto report = co_await t.servers->reported_status(alloc.id, "complete");
    EXPECT_THAT(event_types(*report, "main"), ElementsAre("Received", "Task Setup", "Started", "Killing", "Terminated", "Killed"));
    auto& events = report->task_states.at("main").events;
    EXPECT_EQ(events[3]->display_message, "Sent interrupt. Waiting 5s before force killing");
    EXPECT_EQ(events[4]->display_message, "Exit Code: 0, Signal: 2");
    EXPECT_EQ(events[5]->display_message, "Task successfully killed");
  }(*this));
}

TEST_F(client_test, what_was_stopped_before_it_arrived_is_reported_as_ended) {
  run([](client_test& t) -> net::awaitable<void> {
    t.start_agent();
    auto alloc = make_alloc("service", {make_task("main", "raw_exec", command("/bin/sleep", {"1000"}))});
    alloc.desired_status = "stop";
    t.servers->place(alloc);
    auto report = co_await t.servers->reported_status(alloc.id, "complete");
    EXPECT_EQ(report->client_description, "All tasks have completed");
    EXPECT_TRUE(report->task_states.empty());
  }(*this));
}

TEST_F(client_test, removal_by_the_servers_removes_the_directory) {
  run([](client_test& t) -> net::awaitable<void> {
    t.start_agent();
    auto alloc = make_alloc("batch", {make_task("main", "raw_exec", command("/bin/true"))});
    t.servers->place(alloc);
    co_await t.servers->reported_status(alloc.id, "complete");
    EXPECT_TRUE(std::filesystem::exists(t.data_dir + "/alloc/" + alloc.id));
    t.servers->remove(alloc.id);
    while (std::filesystem::exists(t.data_dir + "/alloc/" + alloc.id)) co_await net::yield();
    EXPECT_FALSE(t.agent->find(alloc.id));
  }(*this));
}

}  // namespace
}  // namespace drover::client
