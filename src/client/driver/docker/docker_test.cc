// The pure parts of the docker driver: configurations, what dockerd is asked to create, names of images, frames, progress, credentials.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include <unistd.h>

#include "base/bytes.h"
#include "client/driver/docker/auth.h"
#include "client/driver/docker/container.h"
#include "client/driver/docker/exec_session.h"
#include "client/driver/docker/images.h"
#include "codec/json.h"

namespace drover::client::docker {
namespace {

value json(std::string_view text) {
  auto decoded = codec::value_from_json(text);
  EXPECT_TRUE(decoded) << text;
  return decoded ? *decoded : value();
}

task_spec example() {
  task_spec t;
  t.alloc_id = "6f9b2b7e-0000-0000-0000-000000000000";
  t.task_name = "web/one";
  t.job_id = "site";
  t.env = {{"A", "1"}};
  t.dir.root = "/allocs/x/web";
  t.dir.local = "/allocs/x/web/local";
  t.dir.secrets = "/allocs/x/web/secrets";
  t.shared_alloc_dir = "/allocs/x/alloc";
  t.log_dir = "/allocs/x/alloc/logs";
  t.resources.cpu.cpu_shares = 500;
  t.resources.memory.memory_mb = 100;
  return t;
}

result<value> container(const task_spec& task, std::string_view config, std::string_view plugin = "{}") {
  TRY_ASSIGN(auto c, parse_config(json(config)));
  TRY_ASSIGN(auto o, parse_options(json(plugin)));
  return make_container(task, c, o, "agent-one");
}

std::string refusal(std::string_view config, std::string_view plugin = "{}", task_spec task = example()) {
  auto made = container(task, config, plugin);
  return made ? "" : made.error().text();
}

std::string shown(const value& v, std::string_view path) {
  auto* found = find_at(v, path);
  return found ? codec::value_to_json(*found) : "absent";
}

TEST(docker_image_name, is_taken_apart) {
  struct row {
    const char *text, *repository, *tag, *registry;
  } const rows[] = {{"redis", "redis", "latest", "docker.io"},
                    {"redis:7", "redis", "7", "docker.io"},
                    {"a/b:1", "a/b", "1", "docker.io"},
                    {"localhost/b", "localhost/b", "latest", "localhost"},
                    {"host:5000/a/b", "host:5000/a/b", "latest", "host:5000"},
                    {"host.io/a:2", "host.io/a", "2", "host.io"},
                    {"a@sha256:0f", "a", "sha256:0f", "docker.io"},
                    {"h:1/a:2@sha256:0f", "h:1/a", "sha256:0f", "h:1"}};
  for (auto& row : rows) {
    auto name = parse_image(row.text);
    ASSERT_TRUE(name) << row.text;
    EXPECT_EQ(name->repository, row.repository);
    EXPECT_EQ(name->tag, row.tag);
    EXPECT_EQ(name->registry(), row.registry);
  }
  for (const char* wrong : {"", " ", "a b", "/a", "a:", "a/"}) EXPECT_FALSE(parse_image(wrong)) << wrong;
}

TEST(docker_container, an_ordinary_task) {
  auto made = container(example(), R"({"image":"https://redis:7","args":["--port","1"],"labels":[{"colour":"green"}]})");
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_EQ(shown(*made, "Image"), R"("redis:7")");
  EXPECT_EQ(shown(*made, "Cmd"), R"(["--port","1"])");
  EXPECT_EQ(shown(*made, "Entrypoint"), "absent");
  EXPECT_EQ(shown(*made, "Env"), R"(["A=1"])");
  EXPECT_EQ(shown(*made, "HostConfig.Binds"),
            R"(["/allocs/x/alloc:/alloc","/allocs/x/web/local:/local","/allocs/x/web/secrets:/secrets","/allocs/x/alloc/logs:/alloc/logs:ro"])");
  EXPECT_EQ(shown(*made, "HostConfig.Memory"), "104857600");
  EXPECT_EQ(shown(*made, "HostConfig.MemorySwap"), "104857600");
  EXPECT_EQ(shown(*made, "HostConfig.MemoryReservation"), "0");
  EXPECT_EQ(shown(*made, "HostConfig.NetworkMode"), R"("default")");
  EXPECT_EQ(shown(*made, "HostConfig.CapDrop"), R"(["net_raw"])");
  EXPECT_EQ(shown(*made, "HostConfig.PidsLimit"), "-1");
  EXPECT_EQ(shown(*made, "HostConfig.LogConfig"), R"({"Type":"json-file","Config":{"max-file":"2","max-size":"2m"}})");
  EXPECT_EQ(made->find("Labels")->find("com.hashicorp.nomad.alloc_id")->as_string()->substr(0, 8), "6f9b2b7e");
  EXPECT_EQ(*made->find("Labels")->find("drover.agent")->as_string(), "agent-one");
  EXPECT_EQ(*made->find("Labels")->find("colour")->as_string(), "green");
  EXPECT_EQ(container_name(example()), "web_one-6f9b2b7e-0000-0000-0000-000000000000");
}

TEST(docker_container, memory_that_may_be_exceeded) {
  auto task = example();
  task.resources.memory.memory_max_mb = 200;
  auto made = container(task, R"({"image":"a"})");
  ASSERT_TRUE(made);
  EXPECT_EQ(shown(*made, "HostConfig.Memory"), "209715200");
  EXPECT_EQ(shown(*made, "HostConfig.MemoryReservation"), "104857600");
  task.resources.memory.memory_max_mb = -1;
  made = container(task, R"({"image":"a"})");
  EXPECT_EQ(shown(*made, "HostConfig.Memory"), "0");
  task.resources.memory.memory_max_mb = 0;
  EXPECT_EQ(refusal(R"({"image":"a","memory_hard_limit":50})", "{}", task), "task memory requirements exceed driver hard limit of 50 MB");
}

TEST(docker_container, ports_of_the_group_and_of_the_task) {
  auto task = example();
  task.network.ports = {{.label = "db", .value = 20001, .to = 6379, .host_ip = "10.0.0.1", .ignore_collision = false},
                        {.label = "same", .value = 20002, .to = 0, .host_ip = {}, .ignore_collision = false}};
  auto made = container(task, R"({"image":"a","ports":["db","same"]})");
  ASSERT_TRUE(made) << made.error().text();
  auto* bound = find_at(*made, "HostConfig.PortBindings");
  EXPECT_EQ(codec::value_to_json(*bound->find("6379/tcp")), R"([{"HostIp":"10.0.0.1","HostPort":"20001"}])");
  EXPECT_TRUE(bound->find("6379/udp") && bound->find("20002/tcp"));
  EXPECT_TRUE(made->find("ExposedPorts")->find("6379/tcp"));
  EXPECT_EQ(refusal(R"({"image":"a","port_map":[{"db":1}]})", "{}", task), "'port_map' cannot map group network ports, use 'ports' instead");
  // In the allocation's own network its ports are open already.
  task.network.namespace_path = "/run/netns/x";
  task.network.labels["docker_sandbox_container_id"] = "abc";
  made = container(task, R"({"image":"a","ports":["db"]})");
  EXPECT_EQ(shown(*made, "HostConfig.NetworkMode"), R"("container:abc")");
  EXPECT_EQ(shown(*made, "HostConfig.PortBindings"), "{}");
  task.network.labels.clear();
  EXPECT_NE(refusal(R"({"image":"a"})", "{}", task).find("cannot join the network of its group"), std::string::npos);

  auto old = example();
  old.resources.networks.resize(1);
  old.resources.networks[0].ip = "10.0.0.2";
  old.resources.networks[0].dynamic_ports = {{.label = "db", .value = 20003, .to = 0, .host_network = {}, .ignore_collision = false}};
  old.env["NOMAD_PORT_db"] = "20003";
  made = container(old, R"({"image":"a","port_map":[{"db":6379}]})");
  ASSERT_TRUE(made);
  EXPECT_EQ(codec::value_to_json(*find_at(*made, "HostConfig.PortBindings")->find("6379/tcp")), R"([{"HostIp":"10.0.0.2","HostPort":"20003"}])");
  EXPECT_NE(shown(*made, "Env").find("NOMAD_PORT_db=6379"), std::string::npos);
}

TEST(docker_container, what_a_client_does_not_allow) {
  struct row {
    const char *config, *sentence, *plugin_that_allows;
  } const rows[] = {
      {R"({"image":"a","privileged":true})", "Docker privileged mode is disabled on this Nomad agent", R"({"allow_privileged":true})"},
      {R"({"image":"a","volumes":["/etc:/e"]})", "volumes are not enabled; cannot mount host path: \"/etc:/e\"", R"({"volumes":[{"enabled":true}]})"},
      {R"({"image":"a","volumes":["../../../etc:/e"]})", "volumes are not enabled", R"({"volumes":[{"enabled":true}]})"},
      {R"({"image":"a","volumes":["v:/e"],"volume_driver":"x"})", "cannot use volume driver \"x\"", R"({"volumes":[{"enabled":true}]})"},
      {R"({"image":"a","mounts":[{"target":"/a","source":"v"}]})", "volumes are not enabled; cannot mount volume: \"v\"", R"({"volumes":[{"enabled":true}]})"},
      {R"({"image":"a","mount":[{"type":"bind","target":"/a","source":"/etc"}]})", "cannot mount host path", R"({"volumes":[{"enabled":true}]})"},
      {R"({"image":"a","pid_mode":"host"})", "cannot apply \"pid_mode\" configuration", R"({"allowed_modes":[{"pid":["host"]}]})"},
      {R"({"image":"a","uts_mode":"host"})", "cannot apply \"uts_mode\" configuration", R"({"allow_privileged":true})"},
      {R"({"image":"a","cap_add":["sys_admin"]})", "sys_admin not allowed", R"({"allow_caps":["all"]})"},
      {R"({"image":"a","runtime":"gvisor"})", "requested runtime \"gvisor\" is not allowed", R"({"allow_runtimes":["gvisor"]})"},
      {R"({"image":"a","pids_limit":100})", "", R"({"pids_limit":200})"},
  };
  for (auto& row : rows) {
    EXPECT_NE(refusal(row.config).find(row.sentence), std::string::npos) << row.config << ": " << refusal(row.config);
    EXPECT_EQ(refusal(row.config, row.plugin_that_allows), "") << row.config;
  }
  EXPECT_EQ(refusal(R"({"image":"a","pids_limit":300})", R"({"pids_limit":200})"), "pids_limit cannot be greater than nomad plugin config pids_limit: 200");
  // Inside the allocation everything may be mounted.
  EXPECT_EQ(refusal(R"({"image":"a","volumes":["local/x:/x:ro","../alloc/y:/y"]})"), "");
  EXPECT_NE(refusal(R"({"image":"a","volumes":["../../y:/y"]})"), "");
}

TEST(docker_container, capabilities_as_dockerd_wants_them) {
  auto made =
      container(example(), R"({"image":"a","cap_add":["CAP_KILL","net_raw"],"cap_drop":["MKNOD"]})", R"({"allow_caps":["kill","net_raw","mknod","chown"]})");
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_EQ(shown(*made, "HostConfig.CapAdd"), R"(["kill","net_raw"])");
  auto drop = shown(*made, "HostConfig.CapDrop");
  EXPECT_NE(drop.find("\"setuid\""), std::string::npos);
  EXPECT_NE(drop.find("\"mknod\""), std::string::npos);
  EXPECT_EQ(drop.find("\"chown\""), std::string::npos);
}

TEST(docker_config, says_what_is_wrong) {
  struct row {
    const char *config, *sentence;
  } const rows[] = {{"{}", "missing image"},
                    {R"({"image":"a","imag":"b"})", "has no \"imag\"; did you mean \"image\"?"},
                    {R"({"image":"a","args":"x"})", "\"args\" of the docker driver's configuration must be a list of texts, not a string"},
                    {R"({"image":"a","tty":"maybe"})", "must be true or false"},
                    {R"({"image":"a","auth":[{"user":"x"}]})", "has no \"user\""},
                    {R"({"image":"a","auth":[{},{}]})", "has \"auth\" 2 times"},
                    {R"({"image":"a","mount":[{"type":"bind","target":"/a"}]})", "source is missing"},
                    {R"({"image":"a","mount":[{"type":"tmpfs"}]})", "target is missing"},
                    {R"({"image":"a","mount":[{"type":"tmpfs","target":"/a","source":"b"}]})", "has no source"},
                    {R"({"image":"a","devices":[{"host_path":"/dev/x","cgroup_permissions":"rx"}]})", "must be made of"},
                    {R"({"image":"a","port_map":[{"db":"many"}]})", "is no port of the container"},
                    {R"({"image":"a","image_pull_timeout":"soon"})", "must be a duration"},
                    {R"({"image":"a","load":"../x.tar"})", "must be a file below the task's local directory"},
                    {R"({"image":"a","isolation":"process"})", "is for Windows"}};
  for (auto& row : rows) EXPECT_NE(refusal(row.config).find(row.sentence), std::string::npos) << row.config << ": " << refusal(row.config);
  EXPECT_NE(refusal(R"({"image":"a"})", R"({"gc":[{"image_delays":"1m"}]})").find("did you mean \"image_delay\"?"), std::string::npos);
  EXPECT_NE(refusal(R"({"image":"a"})", R"({"tls":[{"cert":"x"}]})").find("unix socket only"), std::string::npos);
  EXPECT_NE(refusal(R"({"image":"a"})", R"({"auth":[{"helper":"../x"}]})").find("not a path"), std::string::npos);
  EXPECT_NE(refusal(R"({"image":"a","ulimit":[{"nofile":"1:2:3"}]})").find("SOFT:HARD"), std::string::npos);
  EXPECT_NE(refusal(R"({"image":"a","volumes":["justone"]})").find("SOURCE:/PATH/IN/CONTAINER"), std::string::npos);
}

TEST(docker_pull, adds_up_what_the_lines_say) {
  pull_progress p;
  for (const char* line :
       {R"({"status":"Pulling from library/a","id":"1"})", R"({"status":"Pulling fs layer","id":"aa"})", R"({"status":"Pulling fs layer","id":"bb"})",
        R"({"status":"Downloading","id":"aa","progressDetail":{"current":1048576,"total":2097152}})",
        R"({"status":"Downloading","id":"bb","progressDetail":{"current":1,"total":1048576}})", R"({"status":"Pull complete","id":"bb"})"})
    EXPECT_TRUE(p.add(json(line)));
  EXPECT_EQ(p.text(), "Pulled 1/2 (2MiB/3MiB) layers");
  auto refused = p.add(json(R"({"error":"manifest for a:1 not found: manifest unknown"})"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().text(), "manifest for a:1 not found: manifest unknown");
}

TEST(docker_frames, are_taken_apart_wherever_they_are_cut) {
  using namespace std::string_literals;
  std::string all = "\x01\0\0\0\0\0\0\x03one"s + "\x02\0\0\0\0\0\0\x05wrong"s + "\x01\0\0\0\0\0\0\0"s + "\x01\0\0\0\0\0\0\x03two"s;
  for (size_t step = 1; step <= all.size(); ++step) {
    frame_reader reader;
    std::string out, err;
    for (size_t at = 0; at < all.size(); at += step) {
      reader.add(std::string_view(all).substr(at, step));
      for (;;) {
        auto piece = reader.next();
        ASSERT_TRUE(piece);
        if (!*piece) break;
        ((*piece)->is_stderr ? err : out) += (*piece)->data;
      }
    }
    EXPECT_EQ(out, "onetwo");
    EXPECT_EQ(err, "wrong");
  }
  frame_reader garbage;
  garbage.add("HTTP/1.1 500");
  EXPECT_FALSE(garbage.next());
}

TEST(docker_auth, is_found_in_a_file) {
  std::string path = testing::TempDir() + "/docker-auth-" + std::to_string(::getpid());
  std::ofstream(path) << R"({"auths":{"https://index.docker.io/v1/":{"auth":")" << base64_encode("hub:pass:word")
                      << R"("},"host:5000":{"username":"me","password":"it"}}})";
  auto hub = auth_from_file(path, "docker.io");
  ASSERT_TRUE(hub) << hub.error().text();
  EXPECT_EQ(hub->username + "/" + hub->password, "hub/pass:word");
  EXPECT_EQ(auth_from_file(path, "host:5000")->username, "me");
  EXPECT_TRUE(auth_from_file(path, "elsewhere")->empty());
  std::ofstream(path) << "not json";
  EXPECT_NE(auth_from_file(path, "docker.io").error().text().find("is not JSON"), std::string::npos);
  std::remove(path.c_str());
  EXPECT_EQ(auth_from_file(path, "docker.io").error().code(), errc::not_found);
  EXPECT_FALSE(auth_from_helper("no-such-helper", "docker.io"));
  EXPECT_EQ(auth_header({.username = "a", .password = "?>", .email = {}, .server_address = {}}).find_first_of("+/"), std::string::npos);
}

}  // namespace
}  // namespace drover::client::docker
