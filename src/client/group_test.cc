// Groups of several tasks, deployments, hooks, and a real service in both drivers.
#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

#include "client/alloc_runner.h"
#include "client/testing/agent_fixture.h"
#include "codec/snappy.h"
#include "net/stream.h"

namespace drover::client {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class group_test : public testing::agent_fixture {
 public:
  static schema::task shell(std::string name, std::string script) {
    return make_task(std::move(name), "raw_exec", command("/bin/sh", {"-c", std::move(script)}));
  }
  static schema::task with_hook(schema::task t, std::string hook, bool sidecar = false) {
    t.lifecycle = schema::task_lifecycle_config{std::move(hook), sidecar};
    return t;
  }
  static value::object mock(std::string run_for, int exit_code = 0) {
    value::object out;
    out.set("run_for", std::move(run_for));
    out.set("exit_code", exit_code);
    return out;
  }
  template <class F>
  static void edit_group(schema::allocation& alloc, F edit) {
    auto job = *alloc.job;
    edit(job.task_groups[0]);
    alloc.job = std::make_shared<const schema::job>(std::move(job));
  }
  std::string file(const schema::allocation& alloc, const std::string& path) {
    return read_file(data_dir + "/alloc/" + alloc.id + "/" + path).value_or("(none)");
  }
};

TEST_F(group_test, tasks_start_and_end_in_order) {
  run([](group_test& t) -> net::awaitable<void> {
    t.start_agent();
    const char* note = "echo $NOMAD_TASK_NAME >> $NOMAD_ALLOC_DIR/data/order";
    auto alloc = make_alloc("batch", {with_hook(shell("clean", note), "poststop"), shell("main", note), with_hook(shell("init", note), "prestart")});
    t.servers->place(alloc);
    auto report = co_await t.servers->reported_status(alloc.id, "complete");
    EXPECT_EQ(t.file(alloc, "alloc/data/order"), "init\nmain\nclean\n");
    for (auto& [name, state] : report->task_states) EXPECT_FALSE(state.failed) << name;
  }(*this));
}

TEST_F(group_test, a_failed_prestart_task_keeps_main_from_running) {
  run([](group_test& t) -> net::awaitable<void> {
    t.start_agent();
    auto alloc = make_alloc("batch", {shell("main", "echo ran > $NOMAD_ALLOC_DIR/data/ran"), with_hook(shell("init", "exit 1"), "prestart")});
    t.servers->place(alloc);
    auto report = co_await t.servers->reported(alloc.id, [](auto& a) { return a.client_status == "failed" && a.task_states.at("main").state == "dead"; });
    EXPECT_EQ(t.file(alloc, "alloc/data/ran"), "(none)");
    EXPECT_THAT(event_types(*report, "main"), Contains("Sibling Task Failed"));
    EXPECT_THAT(event_types(*report, "main"), Not(Contains("Started")));
  }(*this));
}

TEST_F(group_test, the_end_of_main_ends_sidecars_and_the_leader_ends_all) {
  run([](group_test& t) -> net::awaitable<void> {
    t.start_agent();
    auto alloc = make_alloc("batch", {with_hook(make_task("proxy", "mock_driver", mock("1000s")), "prestart", true), shell("main", "exit 0")});
    t.servers->place(alloc);
    auto report = co_await t.servers->reported_status(alloc.id, "complete");
    EXPECT_THAT(event_types(*report, "proxy"), ElementsAre("Received", "Task Setup", "Started", "Main Tasks Dead", "Killing", "Terminated", "Killed"));

    auto leader = shell("leader", "exit 0");
    leader.leader = true;
    auto second = make_alloc("batch", {leader, make_task("other", "mock_driver", mock("1000s"))});
    t.servers->place(second);
    report = co_await t.servers->reported_status(second.id, "complete");
    EXPECT_THAT(event_types(*report, "other"), Contains("Leader Task Dead"));
  }(*this));
}

TEST_F(group_test, a_failing_task_takes_its_siblings_along) {
  run([](group_test& t) -> net::awaitable<void> {
    t.start_agent();
    auto alloc = make_alloc("service", {make_task("bad", "mock_driver", mock("1ms", 2)), make_task("good", "mock_driver", mock("1000s"))});
    t.servers->place(alloc);
    auto report = co_await t.servers->reported(alloc.id, [](auto& a) { return a.task_states.at("good").state == "dead"; });
    EXPECT_EQ(report->client_status, "failed");
    EXPECT_FALSE(report->task_states.at("good").failed);
    auto types = event_types(*report, "good");
    EXPECT_THAT(types, Contains("Sibling Task Failed"));
    EXPECT_EQ(types.back(), "Killed");
  }(*this));
}

TEST_F(group_test, a_deployment_learns_health_and_an_update_in_place_restarts_nothing) {
  run([](group_test& t) -> net::awaitable<void> {
    t.start_agent();
    auto alloc = make_alloc("service", {make_task("main", "mock_driver", mock("1000s"))});
    alloc.deployment_id = "d1";
    edit_group(alloc, [](auto& g) {
      g.update.emplace();
      g.update->min_healthy_time = milliseconds(20);
      g.update->healthy_deadline = seconds(60);
    });
    t.servers->place(alloc);
    auto healthy = [](auto& a) { return a.deployment_status && a.deployment_status->healthy == true; };
    auto first = co_await t.servers->reported(alloc.id, healthy);
    auto started = first->task_states.at("main").started_at;

    t.servers->reports.clear();
    alloc.deployment_id = "d2";
    edit_group(alloc, [](auto& g) { g.count = 3; });
    t.servers->place(alloc);
    auto second = co_await t.servers->reported(alloc.id, healthy);
    EXPECT_EQ(second->task_states.at("main").started_at, started);
    EXPECT_EQ(second->task_states.at("main").restarts, 0u);
    EXPECT_GT(second->deployment_status->timestamp, first->deployment_status->timestamp);
  }(*this));
}

TEST_F(group_test, an_allocation_that_never_runs_is_unhealthy_at_the_deadline) {
  run([](group_test& t) -> net::awaitable<void> {
    t.start_agent();
    auto config = mock("1000s");
    config.set("start_block_for", "1000s");
    auto alloc = make_alloc("service", {make_task("main", "mock_driver", std::move(config))});
    alloc.deployment_id = "d1";
    edit_group(alloc, [](auto& g) {
      g.update.emplace();
      g.update->healthy_deadline = milliseconds(30);
    });
    t.servers->place(alloc);
    auto report = co_await t.servers->reported(alloc.id, [](auto& a) { return a.deployment_status.has_value(); });
    EXPECT_EQ(report->deployment_status->healthy, false);
    EXPECT_EQ(report->task_states.at("main").events.back()->display_message, "Task not running by healthy_deadline of 30ms");
  }(*this));
}

TEST_F(group_test, templates_artifacts_and_payloads_become_files) {
  run([](group_test& t) -> net::awaitable<void> {
    t.start_agent();
    std::ofstream(t.data_dir + "/source.txt") << "fetched";
    auto task =
        shell("main", "cat local/plain local/source.txt local/sub/payload > $NOMAD_ALLOC_DIR/data/all; printf %s $FROM_FILE >> $NOMAD_ALLOC_DIR/data/all");
    schema::task_template plain;
    plain.embedded_tmpl = "plain ";
    plain.dest_path = "local/plain";
    schema::task_template env;
    env.embedded_tmpl = "# comment\nFROM_FILE=\"yes\"\n";
    env.dest_path = "${NOMAD_SECRETS_DIR}/env";
    env.envvars = true;
    task.templates = {plain, env};
    schema::task_artifact artifact;
    artifact.getter_source = "file://" + t.data_dir + "/source.txt";
    artifact.getter_options["checksum"] = "md5:b2d2ae8d5ac94d50ed09e9f67be0f3b2";
    task.artifacts = {artifact};
    task.dispatch_payload.emplace().file = "sub/payload";
    auto alloc = make_alloc("batch", {task});
    auto job = *alloc.job;
    job.payload = bytes(codec::snappy_compress(" payload "));
    alloc.job = std::make_shared<const schema::job>(job);
    t.servers->place(alloc);
    auto wrong = co_await t.servers->reported_status(alloc.id, "failed");
    EXPECT_THAT(event_types(*wrong, "main"), ElementsAre("Received", "Task Setup", "Downloading Artifacts", "Failed Artifact Download", "Not Restarting"));
    EXPECT_THAT(wrong->task_states.at("main").events[3]->display_message, HasSubstr("Checksums did not match"));

    auto again = make_alloc("batch", {task});
    job.task_groups[0].tasks[0].artifacts[0].getter_options.clear();
    again.job = std::make_shared<const schema::job>(job);
    t.servers->place(again);
    co_await t.servers->reported_status(again.id, "complete");
    EXPECT_EQ(t.file(again, "alloc/data/all"), "plain fetched payload yes");

    job.task_groups[0].tasks[0].templates[0].embedded_tmpl = "{{ nothing_known }}";
    auto third = make_alloc("batch", {task});
    third.job = std::make_shared<const schema::job>(job);
    t.servers->place(third);
    auto refused = co_await t.servers->reported_status(third.id, "failed");
    EXPECT_THAT(event_types(*refused, "main"), Contains("Task hook failed"));
  }(*this));
}

// Talks to it as redis-cli does.
net::awaitable<std::string> ping(uint16_t port) {
  for (;;) {
    auto stream = co_await net::dial({.host = "127.0.0.1", .port = port, .path = {}});
    if (!stream) {
      co_await net::yield();
      continue;
    }
    if (!co_await (*stream)->write_all("PING\r\n")) continue;
    std::string answer(64, '\0');
    auto n = co_await (*stream)->read_some(answer);
    if (!n || *n == 0) continue;
    answer.resize(*n);
    co_return answer;
  }
}

class redis_test : public group_test, public ::testing::WithParamInterface<const char*> {};

TEST_P(redis_test, serves_on_its_port_and_stops_cleanly) {
  run([](redis_test& t) -> net::awaitable<void> {
    t.start_agent();
    auto alloc =
        make_alloc("service", {make_task("redis", GetParam(), command("redis-server", {"--port", "${NOMAD_PORT_db}", "--save", "", "--bind", "127.0.0.1"}))});
    schema::allocated_resources given;
    auto port = static_cast<uint16_t>(23000 + ::getpid() % 5000);
    given.shared.ports = {{.label = "db", .value = port, .to = 0, .host_ip = "127.0.0.1"}};
    given.tasks["redis"].cpu.cpu_shares = 200;
    given.tasks["redis"].memory.memory_mb = 256;
    alloc.allocated_resources = schema::share(std::move(given));
    t.servers->place(alloc);
    auto report = co_await t.servers->reported(alloc.id, [](auto& a) { return a.client_status != "pending"; });
    EXPECT_EQ(report->client_status, "running") << report->task_states.at("redis").events.back()->display_message;
    if (report->client_status != "running") co_return;
    EXPECT_EQ(co_await ping(port), "+PONG\r\n");
    t.servers->stop(alloc.id);
    auto ended = co_await t.servers->reported_status(alloc.id, "complete");
    EXPECT_THAT(event_types(*ended, "redis"), ElementsAre("Received", "Task Setup", "Started", "Killing", "Terminated", "Killed"));
  }(*this));
}
INSTANTIATE_TEST_SUITE_P(drivers, redis_test, ::testing::Values("raw_exec", "exec"));

}  // namespace
}  // namespace drover::client
