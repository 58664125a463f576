#include "client/task_env.h"

#include <gtest/gtest.h>

namespace drover::client {
namespace {

struct task_env_test : ::testing::Test {
  task_env_test() {
    auto j = std::make_shared<schema::job>();
    j->id = "web";
    j->name = "web";
    j->type = "service";
    j->meta = {{"owner", "ops"}, {"tier", "job"}};
    schema::task_group g;
    g.name = "api";
    g.meta = {{"tier", "group"}, {"with-dash", "x"}};
    schema::task t;
    t.name = "server";
    t.env = {{"URL", "http://${NOMAD_ADDR_http}/${attr.kernel.name}"}, {"KEPT", "${no.such.thing}"}, {"PATH", "/task"}};
    g.tasks.push_back(t);
    j->task_groups.push_back(g);
    alloc.id = "01234567-89ab-cdef-0123-456789abcdef";
    alloc.name = "web.api[3]";
    alloc.namespace_ = "default";
    alloc.job = j;
    schema::allocated_resources r;
    r.shared.ports = {{.label = "http", .value = 25000, .to = 0, .host_ip = "10.0.0.1"},
                      {.label = "my-port", .value = 25001, .to = 8080, .host_ip = "fd00::1"}};
    r.tasks["server"].cpu.cpu_shares = 100;
    r.tasks["server"].cpu.reserved_cores = {0, 1, 2, 5};
    r.tasks["server"].memory.memory_mb = 256;
    alloc.allocated_resources = schema::share(std::move(r));
    node.id = "node-id";
    node.name = "one";
    node.datacenter = "dc1";
    node.node_pool = "default";
    node.attributes = {{"kernel.name", "linux"}};
    node.meta = {{"rack", "r1"}};
  }
  task_env build() {
    task_env_input in;
    in.alloc = &alloc;
    in.group = &alloc.job->task_groups[0];
    in.task = &in.group->tasks[0];
    in.node = &node;
    in.region = "global";
    in.paths = {"/a/alloc", "/a/server/local", "/a/server/secrets"};
    in.host = {{"PATH", "/host"}, {"HOME", "/root"}};
    return task_env::build(in);
  }
  schema::allocation alloc;
  schema::node node;
};

TEST_F(task_env_test, has_what_a_task_expects) {
  auto all = build().all();
  const std::pair<const char*, const char*> rows[] = {
      {"NOMAD_ALLOC_DIR", "/a/alloc"},
      {"NOMAD_TASK_DIR", "/a/server/local"},
      {"NOMAD_SECRETS_DIR", "/a/server/secrets"},
      {"NOMAD_ALLOC_ID", "01234567-89ab-cdef-0123-456789abcdef"},
      {"NOMAD_SHORT_ALLOC_ID", "01234567"},
      {"NOMAD_ALLOC_NAME", "web.api[3]"},
      {"NOMAD_ALLOC_INDEX", "3"},
      {"NOMAD_TASK_NAME", "server"},
      {"NOMAD_GROUP_NAME", "api"},
      {"NOMAD_JOB_ID", "web"},
      {"NOMAD_DC", "dc1"},
      {"NOMAD_REGION", "global"},
      {"NOMAD_NAMESPACE", "default"},
      {"NOMAD_CPU_LIMIT", "100"},
      {"NOMAD_CPU_CORES", "0-2,5"},
      {"NOMAD_MEMORY_LIMIT", "256"},
      {"NOMAD_IP_http", "10.0.0.1"},
      {"NOMAD_PORT_http", "25000"},
      {"NOMAD_ADDR_http", "10.0.0.1:25000"},
      {"NOMAD_HOST_PORT_http", "25000"},
      {"NOMAD_ALLOC_PORT_http", "25000"},
      {"NOMAD_PORT_my_port", "8080"},
      {"NOMAD_HOST_ADDR_my_port", "[fd00::1]:25001"},
      {"NOMAD_META_OWNER", "ops"},
      {"NOMAD_META_owner", "ops"},
      {"NOMAD_META_tier", "group"},
      {"NOMAD_META_WITH_DASH", "x"},
      {"URL", "http://10.0.0.1:25000/linux"},
      {"KEPT", "${no.such.thing}"},
      {"PATH", "/task"},
      {"HOME", "/root"},
  };
  for (auto& [key, expected] : rows) {
    ASSERT_TRUE(all.contains(key)) << key;
    EXPECT_EQ(all.at(key), expected) << key;
  }
  EXPECT_FALSE(all.contains("NOMAD_JOB_PARENT_ID"));
  for (auto& [key, text] : all) EXPECT_EQ(key.find('-'), std::string::npos) << key;
}

TEST_F(task_env_test, replaces_in_text_and_configuration) {
  auto env = build();
  const std::pair<const char*, const char*> rows[] = {
      {"${NOMAD_PORT_http}", "25000"},
      {"a${node.unique.id}b", "anode-idb"},
      {"${meta.rack}", "r1"},
      {"${env[\"HOME\"]}/x", "/root/x"},
      {"${ NOMAD_DC }", "dc1"},
      {"${NOMAD_PORT_my-port}", "8080"},
      {"${attr.nothing}", "${attr.nothing}"},
      {"$HOME ${", "$HOME ${"},
      {"${node.region}${node.pool}", "globaldefault"},
  };
  for (auto& [text, expected] : rows) EXPECT_EQ(env.replace(text), expected);

  value::object config;
  config.set("args", value(value::list{value("--port"), value("${NOMAD_PORT_http}"), value(7)}));
  auto out = env.replace_value(value(std::move(config)));
  auto& args = *out.find("args")->as_list();
  EXPECT_EQ(*args[1].as_string(), "25000");
  EXPECT_EQ(*args[2].as_int(), 7);
}

}  // namespace
}  // namespace drover::client
