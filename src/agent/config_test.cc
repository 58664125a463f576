#include "agent/config.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "agent/address.h"
#include "agent/flags.h"
#include "agent/options.h"
#include "base/text.h"

namespace drover::agent {
namespace {

agent_config read(std::initializer_list<std::string> texts) {
  auto config = default_config();
  int n = 0;
  for (const auto& text : texts) {
    auto done = apply_text(config, fmt::format("{}.hcl", ++n), text);
    EXPECT_TRUE(done) << (done ? "" : done.error().text());
  }
  return config;
}

TEST(config, keys_are_read) {
  auto c = read({R"(
    region = "eu"
    datacenter = "berlin"
    name = "n1"
    data_dir = "/var/lib/drover"
    log_level = "WARN"
    bind_addr = "127.0.0.1"
    enable_debug = true
    ports { http = 5646 }
    addresses { http = "10.0.0.1 127.0.0.1" }
    advertise { rpc = "10.0.0.1:7777" }
    server {
      enabled = true
      bootstrap_expect = 1
      heartbeat_grace = "30s"
      max_heartbeats_per_second = 12.5
      enabled_schedulers = ["service", "batch"]
      default_scheduler_config {
        scheduler_algorithm = "spread"
        preemption_config { batch_scheduler_enabled = true }
      }
      server_join { retry_join = ["a", "b"] }
    }
    client {
      enabled = true
      node_class = "big"
      gc_max_allocs = 7
      meta { rack = "r1" }
      options {
        "driver.raw_exec.enable" = "1"
        "env.denylist" = "A,B"
      }
      chroot_env { "/bin" = "/bin" }
      reserved {
        cpu = 500
        memory = 64
        reserved_ports = "22,80"
      }
      host_volume "data" { path = "/srv/data" }
      host_volume "logs" {
        path = "/srv/logs"
        read_only = true
      }
      host_network "public" { cidr = "203.0.113.0/24" }
      drain_on_shutdown { deadline = "10m" }
      template { function_denylist = [] }
    }
    plugin "raw_exec" { config { enabled = true } }
    telemetry { prometheus_metrics = true }
    http_api_response_headers { Access-Control-Allow-Origin = "*" }
    consul { address = "127.0.0.1:8500" }
    vault { enabled = false }
    ui { enabled = false }
  )"});
  EXPECT_EQ(c.region, "eu");
  EXPECT_EQ(c.datacenter, "berlin");
  EXPECT_EQ(c.ports.http, 5646);
  EXPECT_EQ(c.ports.rpc, 4647);
  EXPECT_EQ(c.server.heartbeat_grace, seconds(30));
  EXPECT_EQ(c.server.max_heartbeats_per_second, 12.5);
  EXPECT_EQ(c.server.default_scheduler_config.scheduler_algorithm, "spread");
  EXPECT_TRUE(c.server.default_scheduler_config.preemption_config.batch_scheduler_enabled);
  EXPECT_EQ(c.server.server_join.retry_join, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(c.client.meta.at("rack"), "r1");
  EXPECT_EQ(c.client.options.at("driver.raw_exec.enable"), "1");
  EXPECT_EQ(c.client.chroot_env.at("/bin"), "/bin");
  EXPECT_EQ(c.client.reserved.cpu, 500);
  EXPECT_EQ(c.client.reserved.reserved_ports, "22,80");
  EXPECT_TRUE(c.client.host_volume.at("logs").read_only);
  EXPECT_EQ(c.client.host_network.at("public").cidr, "203.0.113.0/24");
  ASSERT_TRUE(c.client.drain_on_shutdown);
  EXPECT_EQ(c.client.drain_on_shutdown->deadline, minutes(10));
  EXPECT_EQ(c.plugin.at("raw_exec").config.find("enabled")->as_bool() != nullptr, true);
  EXPECT_EQ(c.http_api_response_headers.at("Access-Control-Allow-Origin"), "*");
  EXPECT_FALSE(c.ui.enabled);
  auto options = client_options_of(c);
  EXPECT_EQ(options.host_volumes.at("data").path, "/srv/data");
  EXPECT_EQ(options.gc.max_allocs, 7u);
  EXPECT_EQ(server_options_of(c).heartbeat_grace, seconds(30));
}

TEST(config, a_new_cluster_packs_and_preempts_for_system_jobs) {
  auto options = server_options_of(default_config());
  EXPECT_EQ(options.default_scheduler_config.scheduler_algorithm, "binpack");
  EXPECT_TRUE(options.default_scheduler_config.preemption_config.system_scheduler_enabled);
  EXPECT_FALSE(options.default_scheduler_config.preemption_config.batch_scheduler_enabled);
}

TEST(config, several_arguments_may_stand_on_one_line) {
  auto c = read({R"(region = "eu" datacenter = "paris"
                    ports { http = 1, rpc = 2 serf = 3 }
                    client { enabled = true meta { a = "1" b = "2" } options { "x.y" = "3", z = "4" } }
                    telemetry { prometheus_metrics = true publish_node_metrics = true })"});
  EXPECT_EQ(c.region, "eu");
  EXPECT_EQ(c.datacenter, "paris");
  EXPECT_EQ((std::vector<int64_t>{c.ports.http, c.ports.rpc, c.ports.serf}), (std::vector<int64_t>{1, 2, 3}));
  EXPECT_EQ(c.client.meta, (std::map<std::string, std::string>{{"a", "1"}, {"b", "2"}}));
  EXPECT_EQ(c.client.options, (std::map<std::string, std::string>{{"x.y", "3"}, {"z", "4"}}));
  EXPECT_TRUE(c.telemetry.prometheus_metrics);
}

TEST(config, json_reads_the_same) {
  auto c = default_config();
  auto done = apply_text(c, "x.json", R"({"region": "eu", "ports": {"http": 1}, "client": {"enabled": true, "meta": {"a.b": "c"}},
                                         "plugin": {"raw_exec": {"config": {"enabled": true}}}, "server": {"heartbeat_grace": "1m"}})");
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(c.region, "eu");
  EXPECT_EQ(c.ports.http, 1);
  EXPECT_EQ(c.client.meta.at("a.b"), "c");
  EXPECT_TRUE(c.plugin.contains("raw_exec"));
  EXPECT_EQ(c.server.heartbeat_grace, minutes(1));
}

TEST(config, later_files_win_lists_append_maps_merge) {
  auto c = read({R"(region = "a"
                    server {
                      enabled = true
                      server_join { retry_join = ["one"] }
                    }
                    client {
                      meta {
                        x = "1"
                        y = "1"
                      }
                      host_volume "v" { path = "/a" }
                    })",
                 R"(datacenter = "d"
                    server {
                      server_join { retry_join = ["two"] }
                    }
                    client {
                      meta { y = "2" }
                      host_volume "v" { read_only = true }
                    })"});
  EXPECT_EQ(c.region, "a");
  EXPECT_EQ(c.datacenter, "d");
  EXPECT_TRUE(c.server.enabled);
  EXPECT_EQ(c.server.server_join.retry_join, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(c.client.meta, (std::map<std::string, std::string>{{"x", "1"}, {"y", "2"}}));
  EXPECT_EQ(c.client.host_volume.at("v").path, "/a");
  EXPECT_TRUE(c.client.host_volume.at("v").read_only);
}

TEST(config, mistakes_are_named_with_their_place) {
  struct row {
    const char* text;
    const char* complaint;
  };
  const row rows[] = {
      {"regoin = \"x\"", "Did you mean \"region\""},
      {"server { heartbeat_grase = \"1s\" }", "Did you mean \"heartbeat_grace\""},
      {"sever { enabled = true }", "Did you mean \"server\""},
      {"ports { http = \"many\" }", "http"},
      {"server { heartbeat_grace = \"soon\" }", "heartbeat_grace"},
      {"region = ", "x.hcl:1"},
      {"client { host_volume { path = \"/a\" } }", "host_volume"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.text);
    auto c = default_config();
    auto done = apply_text(c, "x.hcl", row.text);
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().text().find(row.complaint), std::string::npos) << done.error().text();
  }
}

TEST(config, a_directory_is_read_in_order) {
  char pattern[] = "/tmp/drover-config-XXXXXX";
  std::string directory = ::mkdtemp(pattern);
  std::ofstream(directory + "/b.hcl") << "region = \"b\"\n";
  std::ofstream(directory + "/a.json") << R"({"region": "a", "datacenter": "a"})";
  std::ofstream(directory + "/ignored.txt") << "nonsense {{{";
  auto c = default_config();
  auto done = apply_path(c, directory);
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(c.region, "b");
  EXPECT_EQ(c.datacenter, "a");
  EXPECT_EQ(c.files.size(), 2u);
  EXPECT_EQ(apply_path(c, directory + "/none.hcl").error().code(), errc::not_found);
  std::filesystem::remove_all(directory);
}

TEST(config, finish_refuses_what_cannot_run) {
  struct row {
    std::function<void(agent_config&)> change;
    const char* complaint;
  };
  const row rows[] = {
      {[](auto& c) { c.server.enabled = c.client.enabled = false; }, "server, client or dev mode"},
      {[](auto& c) { c.data_dir = ""; }, "data_dir"},
      {[](auto& c) { c.data_dir = "relative"; }, "absolute"},
      {[](auto& c) { c.ports.http = 70000; }, "ports.http"},
      {[](auto& c) { c.bind_addr = "{{ GetInterfaceIP \"nope0\" }}"; }, "bind_addr"},
      {[](auto& c) { c.bind_addr = "{{ Magic }}"; }, "Magic"},
      {[](auto& c) { c.server.raft_protocol = 2; }, "raft_protocol"},
      {[](auto& c) { c.server.raft_multiplier = 11; }, "raft_multiplier"},
      {[](auto& c) { c.server.job_max_priority = 7; }, "job_max_priority"},
      {[](auto& c) { c.server.job_max_source_size = "lots"; }, "no size"},
      {[](auto& c) { c.server.enabled_schedulers = {"magic"}; }, "magic"},
      {[](auto& c) { c.client.node_pool = "all"; }, "node_pool"},
      {[](auto& c) { c.client.min_dynamic_port = 40000; }, "min_dynamic_port"},
      {[](auto& c) { c.client.host_volume["v"]; }, "has no path"},
      {[](auto& c) { c.log_level = "LOUD"; }, "log_level"},
      {[](auto& c) { c.client.server_join.start_join = {"a"}; }, "start_join is not supported for Nomad clients"},
      {[](auto& c) { c.server.server_join = {{"a"}, {"b"}}; }, "retry_join and start_join cannot both be defined"},
      {[](auto& c) { c.server.server_join.retry_join = c.server.retry_join = {"a"}; }, "server_join and retry_join cannot both be defined"},
      {[](auto& c) { c.server.server_join.start_join = c.server.start_join = {"a"}; }, "server_join and start_join cannot both be defined"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.complaint);
    auto c = dev_config();
    c.data_dir = "/tmp";
    row.change(c);
    auto done = finish(c);
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().text().find(row.complaint), std::string::npos) << done.error().text();
  }
  auto c = dev_config();
  c.data_dir = "/tmp";
  EXPECT_TRUE(finish(c));
  EXPECT_EQ(listen_address(c, &addresses_config::rpc), "127.0.0.1:4647");
}

TEST(config, what_does_nothing_is_said) {
  EXPECT_TRUE(unused_settings(dev_config()).empty());
  auto c = read({R"(consul { address = "127.0.0.1:8500" }
                    tls { http = true }
                    client { servers = ["a"] })"});
  EXPECT_EQ(unused_settings(c).size(), 1u);
  auto several = read({R"(server {
                            redundancy_zone = "a"
                            upgrade_version = "1"
                            csi_plugin_gc_threshold = "2h"
                            raft_snapshot_threshold = 100
                          }
                          ui {
                            label { text = "x" }
                          })"});
  EXPECT_EQ(
      unused_settings(several),
      (std::vector<std::string>{"server.redundancy_zone, server.upgrade_version: read and without effect; Nomad has it in its paid edition",
                                "server.csi_plugin_gc_threshold: read and without effect; claims are given back and plugins go as soon as nobody uses them",
                                "ui.label: read and without effect; there is no such page yet"}));
}

TEST(config, flags_override_files) {
  auto given = parse_arguments({"-dev", "-node=n1", "--log-level", "warn", "-meta", "a=1,b=2", "-meta=c=3", "-servers=x,y", "-acl-enabled", "-client=false"});
  ASSERT_TRUE(given) << given.error().text();
  auto c = load_config(*given);
  ASSERT_TRUE(c) << c.error().text();
  EXPECT_TRUE(c->dev_mode);
  EXPECT_EQ(c->name, "n1");
  EXPECT_EQ(c->log_level, "warn");
  EXPECT_EQ(c->client.meta.size(), 3u);
  EXPECT_EQ(c->client.servers, (std::vector<std::string>{"x", "y"}));
  EXPECT_TRUE(c->acl.enabled);
  EXPECT_FALSE(c->client.enabled);
}

TEST(config, every_flag_names_a_key) {
  for (const auto& flag : flags()) {
    if (flag.name == "config" || flag.name == "dev" || flag.name == "help") continue;
    auto given = parse_arguments({fmt::format("-{}={}", flag.name, flag.name == "meta" ? "a=b" : "1")});
    ASSERT_TRUE(given) << flag.name;
    auto c = load_config(*given);
    if (flag.name != "retry-interval") EXPECT_TRUE(c) << flag.name << ": " << (c ? "" : c.error().text());
  }
}

TEST(config, wrong_flags_are_refused) {
  const std::pair<std::vector<std::string>, const char*> rows[] = {
      {{"-devv"}, "did you mean -dev?"}, {{"-xyzzy"}, "not defined"},         {{"-node"}, "needs an argument"},
      {{"start"}, "no arguments"},       {{"-dev=perhaps"}, "true or false"},
  };
  for (const auto& [words, complaint] : rows) {
    auto given = parse_arguments(words);
    ASSERT_FALSE(given) << words[0];
    EXPECT_NE(given.error().text().find(complaint), std::string::npos) << given.error().text();
  }
  auto number = parse_arguments({"-bootstrap-expect=two"});
  ASSERT_TRUE(number);
  EXPECT_FALSE(load_config(*number));
}

TEST(address, templates_look_at_the_interfaces) {
  std::vector<interface_address> have = {{.interface = "lo", .address = "127.0.0.1", .is_loopback = true},
                                         {.interface = "eth0", .address = "203.0.113.7"},
                                         {.interface = "eth1", .address = "10.1.2.3"},
                                         {.interface = "eth2", .address = "10.9.9.9", .is_up = false}};
  struct row {
    const char* text;
    const char* expected;  // null: an error
  };
  const row rows[] = {
      {"", ""},
      {"0.0.0.0", "0.0.0.0"},
      {"{{ GetPrivateIP }}", "10.1.2.3"},
      {"{{GetPublicIP}}", "203.0.113.7"},
      {"{{ GetInterfaceIP \"eth0\" }}:4647", "203.0.113.7:4647"},
      {"{{ GetPrivateIP }} {{ GetInterfaceIP \"lo\" }}", "10.1.2.3 127.0.0.1"},
      {"{{ GetInterfaceIP \"eth2\" }}", nullptr},
      {"{{ GetAllInterfaces }}", nullptr},
      {"{{ GetPrivateIP", nullptr},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.text);
    auto got = expand_address("bind_addr", row.text, have);
    ASSERT_EQ(got.has_value(), row.expected != nullptr);
    if (got) EXPECT_EQ(*got, row.expected);
  }
}

TEST(options, sizes) {
  EXPECT_EQ(parse_size("1M").value_or(0), 1 << 20);
  EXPECT_EQ(parse_size("512 KiB").value_or(0), 512 << 10);
  EXPECT_EQ(parse_size("77").value_or(0), 77);
  for (const char* bad : {"", "M", "-1", "1X", "lots"}) EXPECT_FALSE(parse_size(bad)) << bad;
}

}  // namespace
}  // namespace drover::agent
