// External drivers with a real plugin: the one of tests/driver_plugin.py, which needs Python's grpcio.
#include "client/driver/external/host.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/source_dir.h"
#include "base/text.h"
#include "client/alloc_dir.h"
#include "client/driver/external/limits.h"
#include "client/system.h"
#include "net/test_loop.h"

namespace drover::client::external {
namespace {

using net::must;

constexpr const char* python = "/usr/bin/python3";

class external_driver_test : public testing::Test {
 public:
  void SetUp() override {
    char pattern[] = "/tmp/drover-external-XXXXXX";
    folder = ::mkdtemp(pattern);
    options.data_dir = folder;
    std::filesystem::create_directories(folder + "/plugins");
    auto script = folder + "/plugins/tester";
    must(write_file(script, fmt::format("#!/bin/sh\nTESTER_FOLDER={} exec {} -u {}/tests/driver_plugin.py\n", folder, python, source_dir), 0755));
    services.emplace(shim_services{.loop = loop, .pool = pool, .shim_path = must(exec::install_shim(folder)), .cgroups = exec::cgroup_manager::detect()});
    options.options["driver.allowlist"] = "tester";
    db = must(state_db::open(folder + "/state.db"));
  }
  void TearDown() override {
    if (folder.empty()) return;
    EXPECT_TRUE(alloc_dir(folder).destroy());
  }

  // As an agent begins.
  void begin() {
    drivers = std::make_unique<driver_registry>(options, *services);
    host = std::make_unique<plugin_host>(options, folder + "/state", *services, *db, *drivers);
    must(host->load());
    host->begin([this] { changed.notify_all(); }, 1000);
  }
  awaitable<void> end(bool with_processes) {
    co_await host->end(with_processes);
    drivers.reset();
    host.reset();
  }
  awaitable<task_driver*> healthy_driver() {
    for (;;) {
      auto* driver = drivers->find("tester");
      if (driver != nullptr && driver->fingerprint().healthy) co_return driver;
      co_await changed.wait();
    }
  }
  int plugin_pid() { return static_cast<int>(*parse_int(drivers->find("tester")->fingerprint().attributes.at("driver.tester.pid"))); }

  task_spec spec(std::string script) {
    task_spec s;
    s.alloc_id = "a1";
    s.task_name = "t";
    s.job_id = s.job_name = "j";
    alloc_dir dir(folder + "/alloc/a1");
    must(dir.build());
    must(dir.build_task("t", 0));
    s.dir = dir.task("t");
    s.shared_alloc_dir = dir.shared();
    s.log_dir = dir.logs();
    s.control_dir = folder + "/shim/a1/t";
    must(make_directories(s.control_dir, 0700));
    value::object config;
    config.set("command", "/bin/sh");
    config.set("args", value(value::list{value("-c"), value(std::move(script))}));
    s.config = value(std::move(config));
    s.env["PATH"] = "/usr/bin:/bin";
    s.tell = [](std::string, std::map<std::string, std::string>) {};
    return s;
  }
  std::string output() { return read_file(folder + "/alloc/a1/alloc/logs/t.stdout.0").value_or("no file"); }

  net::loop loop;
  net::blocking_pool pool{loop};
  std::string folder;
  client_options options;
  std::optional<shim_services> services;
  std::unique_ptr<state_db> db;
  std::unique_ptr<driver_registry> drivers;
  std::unique_ptr<plugin_host> host;
  net::event changed;
};

TEST_F(external_driver_test, a_task_from_start_to_end) {
  net::run_test(loop, [](external_driver_test& t) -> awaitable<void> {
    t.begin();
    EXPECT_EQ(t.drivers->find("tester"), nullptr) << "its name is not known yet";
    auto* driver = co_await t.healthy_driver();
    auto task = must(co_await driver->start(t.spec("echo $GREETING; exit 3")));
    auto exit = co_await task->wait();
    EXPECT_EQ(exit.code, 3);
    EXPECT_EQ(t.output(), "hello\n");
    co_await task->destroy();
    EXPECT_FALSE(std::filesystem::exists(t.folder + "/alloc/a1/alloc/logs/.t.stdout.fifo"));
    auto pid = t.plugin_pid();
    co_await t.end(true);
    EXPECT_NE(::kill(pid, 0), 0) << "the plugin was asked to end";
  }(*this));
}

TEST_F(external_driver_test, the_next_agent_finds_plugin_and_task) {
  net::run_test(loop, [](external_driver_test& t) -> awaitable<void> {
    t.begin();
    auto* driver = co_await t.healthy_driver();
    auto stored = must(co_await driver->start(t.spec("echo one; while [ ! -e go ]; do sleep 0.02; done; echo two")))->serialise();
    auto pid = t.plugin_pid();
    co_await t.end(false);
    EXPECT_EQ(::kill(pid, 0), 0) << "the plugin outlives its agent";
    t.begin();
    driver = t.drivers->find("tester");
    EXPECT_NE(driver, nullptr) << "its name is known before it answers";
    auto task = must(co_await driver->recover(t.spec(""), stored));
    must(write_file(t.folder + "/alloc/a1/t/go", "", 0644));
    EXPECT_TRUE((co_await task->wait()).ok());
    EXPECT_EQ(t.output(), "one\ntwo\n");
    co_await t.healthy_driver();
    EXPECT_EQ(t.plugin_pid(), pid);
    co_await task->destroy();
    co_await t.end(true);
  }(*this));
}

TEST_F(external_driver_test, a_plugin_that_dies_is_started_again_and_its_tasks_go_on) {
  net::run_test(loop, [](external_driver_test& t) -> awaitable<void> {
    t.begin();
    auto* driver = co_await t.healthy_driver();
    auto task = must(co_await driver->start(t.spec("while [ ! -e go ]; do sleep 0.02; done; echo done; exit 5")));
    auto before = t.plugin_pid();
    ::kill(before, SIGKILL);
    while (!driver->fingerprint().healthy || t.plugin_pid() == before) co_await t.changed.wait();
    must(write_file(t.folder + "/alloc/a1/t/go", "", 0644));
    EXPECT_EQ((co_await task->wait()).code, 5);
    EXPECT_EQ(t.output(), "done\n");
    co_await task->destroy();
    co_await t.end(true);
  }(*this));
}

TEST_F(external_driver_test, stops_signals_and_commands) {
  net::run_test(loop, [](external_driver_test& t) -> awaitable<void> {
    t.begin();
    auto* driver = co_await t.healthy_driver();
    auto task = must(co_await driver->start(t.spec("trap '' TERM; touch ready; while :; do sleep 0.02; done")));
    auto session = must(co_await task->exec({.command = {"/bin/sh", "-c", "cat; exit 7"}, .env = {}}));
    must(co_await session->write("through"));
    session->close_stdin();
    std::string said;
    while (auto chunk = must(co_await session->read())) said += chunk->data;
    EXPECT_EQ(said, "through");
    EXPECT_EQ(must(co_await session->wait()), 7);
    auto usage = must(co_await task->usage());
    EXPECT_EQ(usage.rss_bytes, 7U << 20);
    must(co_await task->stop(SIGTERM, milliseconds(100)));
    EXPECT_EQ((co_await task->wait()).signal, SIGKILL);
    co_await task->destroy();
    co_await t.end(true);
  }(*this));
}

TEST_F(external_driver_test, a_configuration_is_checked_before_anything_starts) {
  net::run_test(loop, [](external_driver_test& t) -> awaitable<void> {
    t.begin();
    auto* driver = co_await t.healthy_driver();
    value::object wrong;
    wrong.set("comand", "x");
    EXPECT_EQ(driver->validate(value(std::move(wrong))).error().text(), "No argument or block type is named \"comand\"; did you mean \"command\"?");
    auto refused = t.spec("");
    value::object config;
    config.set("command", "fatal");
    refused.config = value(std::move(config));
    auto started = co_await driver->start(refused);
    EXPECT_EQ(started.error().text(), "never");
    EXPECT_FALSE(std::filesystem::exists(t.folder + "/shim/a1/t/external-start")) << "nothing of it is left to undo";
    co_await t.end(true);
  }(*this));
}

}  // namespace
}  // namespace drover::client::external
