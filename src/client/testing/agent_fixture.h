// A node agent with servers in memory and a data directory of its own, for tests. Wait on reports, never on time.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>

#include "base/text.h"
#include "client/alloc_dir.h"
#include "client/client.h"
#include "client/system.h"
#include "client/testing/fake_servers.h"
#include "net/blocking.h"
#include "net/task_scope.h"

namespace drover::client::testing {

class agent_fixture : public ::testing::Test {
 public:
  agent_fixture() {
    char pattern[] = "/tmp/drover-client-XXXXXX";
    data_dir = ::mkdtemp(pattern);
    servers = std::make_unique<fake_servers>(loop);
  }
  // With the memory filesystems of secrets/ that are mounted below.
  ~agent_fixture() override { EXPECT_TRUE(alloc_dir(data_dir).destroy()); }

  client_options options() const {
    client_options o;
    // Those that look for programs and daemons of this machine would register the node again whenever they find them.
    o.options["driver.denylist"] = "docker,java,qemu";
    o.data_dir = data_dir;
    o.dev_mode = true;
    // How full this machine's disk is must not end anything.
    o.gc.disk_usage_threshold = o.gc.inode_usage_threshold = 100;
    o.drivers["mock_driver"] = [] {
      value::object enabled;
      enabled.set("enabled", true);
      return value(std::move(enabled));
    }();
    return o;
  }

  void start_agent() { start_agent(options()); }
  void start_agent(client_options o) {
    auto made = client::create(std::move(o), servers->servers(), loop);
    ASSERT_TRUE(made) << made.error().text();
    agent = std::move(*made);
    agent->register_methods(methods);
    channel = std::make_unique<rpc::local_channel>(loop, methods);
    agent->start();
  }
  net::awaitable<void> stop_agent() {
    co_await agent->stop();
    co_await channel->stop();
    channel.reset();
    agent.reset();
  }

  // Runs the test's coroutine, then stops the agent with everything that it runs.
  void run(net::awaitable<void> body) { net::run_to_completion(loop, guarded(std::move(body))); }

  static schema::task make_task(std::string name, std::string driver, value::object config) {
    schema::task t;
    t.name = std::move(name);
    t.driver = std::move(driver);
    for (auto& [key, v] : config) t.config[key] = v;
    t.resources.emplace();
    t.log_config.emplace();
    return t;
  }
  static value::object command(std::string program, std::vector<std::string> args = {}) {
    value::object out;
    out.set("command", std::move(program));
    value::list list;
    for (auto& a : args) list.emplace_back(a);
    out.set("args", value(std::move(list)));
    return out;
  }
  static schema::restart_policy no_restarts() {
    schema::restart_policy p;
    p.attempts = 0;
    p.interval = minutes(1);
    p.delay = duration{};
    p.mode = "fail";
    return p;
  }
  static schema::restart_policy restarts(int64_t attempts) {
    auto p = no_restarts();
    p.attempts = attempts;
    return p;
  }
  // A group "group" of job "job" of that type with these tasks.
  static schema::allocation make_alloc(std::string type, std::vector<schema::task> tasks) {
    auto job = std::make_shared<schema::job>();
    job->id = job->name = "job";
    job->type = std::move(type);
    job->region = "global";
    schema::task_group group;
    group.name = "group";
    group.restart_policy = no_restarts();
    group.tasks = std::move(tasks);
    job->task_groups.push_back(std::move(group));
    schema::allocation a;
    a.id = new_uuid();
    a.name = "job.group[0]";
    a.namespace_ = "default";
    a.job_id = "job";
    a.job = std::move(job);
    a.task_group = "group";
    a.desired_status = "run";
    a.client_status = "pending";
    return a;
  }
  static std::vector<std::string> event_types(const schema::allocation& a, const std::string& task) {
    std::vector<std::string> out;
    if (auto it = a.task_states.find(task); it != a.task_states.end())
      for (auto& e : it->second.events) out.push_back(e->type);
    return out;
  }

  net::loop loop;
  std::string data_dir;
  std::unique_ptr<fake_servers> servers;
  rpc::method_table methods;
  std::unique_ptr<client> agent;
  std::unique_ptr<rpc::local_channel> channel;

 private:
  static net::awaitable<result<>> as_result(net::awaitable<void> body) {
    co_await std::move(body);
    co_return result<>{};
  }
  net::awaitable<void> guarded(net::awaitable<void> body) {
    auto done = co_await net::with_deadline(as_result(std::move(body)), net::after(seconds(20)));
    EXPECT_TRUE(done) << done.error().text();
    if (agent) co_await stop_agent();
    co_await servers->servers().stop();
  }
};

}  // namespace drover::client::testing
