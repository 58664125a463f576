#include "client/driver/external/messages.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "client/driver/external/plugin_process.h"
#include "client/driver/external/task.h"
#include "grpc/protobuf.h"

namespace drover::client::external {
namespace {

using grpc::message_writer;

TEST(plugin_messages, handshakes) {
  EXPECT_EQ(net::to_string(*parse_handshake("1|2|unix|/tmp/plugin1|grpc")), "unix:///tmp/plugin1");
  EXPECT_EQ(net::to_string(*parse_handshake("1|2|tcp|127.0.0.1:14000|grpc|\r")), "127.0.0.1:14000");
  auto refused = [](std::string_view line) { return parse_handshake(line).error().text(); };
  EXPECT_EQ(refused("hello"), "it says \"hello\", which is no greeting of a plugin (\"1|2|unix|SOCKET|grpc\")");
  EXPECT_EQ(refused("2|2|unix|/x|grpc"), "it speaks version 2 of the plugin protocol; 1 is known");
  EXPECT_EQ(refused("1|1|unix|/x|grpc"), "it is a plugin for version 1 of Nomad's protocol; 2 is known");
  EXPECT_EQ(refused("1|2|unix|/x|netrpc"), "it does not speak gRPC (\"1|2|unix|/x|netrpc\")");
  EXPECT_EQ(refused("1|2|unix|/x|grpc|MIIB"), "it wants TLS, which nobody asked it for");
  EXPECT_EQ(refused("1|2|pipe|x|grpc"), "it listens on a network \"pipe\"; unix and tcp are known");
  EXPECT_FALSE(parse_handshake("1|2|tcp|nowhere|grpc"));
}

TEST(plugin_messages, fingerprints) {
  auto attribute = [](std::string key, message_writer v) { return message_writer().text(1, key).message(2, v); };
  message_writer m;
  m.message(1, attribute("driver.x.version", message_writer().text(3, "1.2")));
  m.message(1, attribute("driver.x.size", message_writer().integer(2, 512).text(5, "MB")));
  m.integer(2, 2).text(3, "well");
  auto f = parse_fingerprint(m.bytes());
  ASSERT_TRUE(f);
  EXPECT_EQ(f->state, fingerprint::health::healthy);
  EXPECT_EQ(f->attributes, (std::map<std::string, std::string>{{"driver.x.size", "512MB"}, {"driver.x.version", "1.2"}}));
  EXPECT_FALSE(parse_fingerprint("\x0a\x01"));
}

TEST(plugin_messages, whether_an_error_may_pass) {
  auto details = [](std::string type, bool yes) {
    auto any = message_writer().text(1, "type.googleapis.com/" + type).text(2, message_writer().flag(1, yes).bytes());
    return message_writer().integer(1, 2).text(2, "x").message(3, any).take();
  };
  EXPECT_EQ(recoverable(details("hashicorp.nomad.plugins.shared.structs.RecoverableError", true)), true);
  EXPECT_EQ(recoverable(details("hashicorp.nomad.plugins.shared.structs.RecoverableError", false)), false);
  EXPECT_EQ(recoverable(details("google.rpc.Help", true)), std::nullopt);
  EXPECT_EQ(recoverable(""), std::nullopt);
  EXPECT_EQ(recoverable("\xff\xff"), std::nullopt);
}

TEST(plugin_messages, how_a_task_ended) {
  auto exit = message_writer().integer(1, 3).integer(2, 9).flag(3, true);
  auto ended = parse_wait(message_writer().message(1, exit).bytes());
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->code, 3);
  EXPECT_EQ(ended->signal, 9);
  EXPECT_TRUE(ended->oom_killed);
  EXPECT_EQ(ended->message, "OOM Killed");
  EXPECT_EQ(parse_wait(message_writer().text(2, "lost").bytes())->message, "lost");
  EXPECT_TRUE(parse_wait("")->ok());
}

TEST(plugin_messages, a_task_as_the_driver_gets_it) {
  task_spec spec;
  spec.alloc_id = "a";
  spec.task_name = "t";
  spec.dir.root = "/alloc/a/t";
  spec.env["X"] = "1";
  spec.resources.memory.memory_mb = 64;
  spec.resources.cpu.cpu_shares = 500;
  spec.node_cpu_mhz = 1000;
  spec.network.namespace_path = "/run/netns/n";
  spec.network.ports.push_back({.label = "http", .value = 8080, .to = 80, .host_ip = "10.0.0.1"});
  std::map<uint32_t, std::string> fields;
  auto bytes = encode_task(spec, {.id = "a/t/1", .msgpack = "\x80", .stdout_path = "/o", .stderr_path = "/e", .cgroup = {}});
  grpc::message_reader r(bytes);
  while (r.next()) fields[r.number()] = r.string();
  ASSERT_TRUE(r.finish());
  EXPECT_EQ(fields[1], "a/t/1");
  EXPECT_EQ(fields[10], "/alloc/a");
  EXPECT_EQ(fields[11], "/o");
  EXPECT_EQ(hex_encode(fields[16]),
            "0801"
            "120c2f72756e2f6e65746e732f6e");
  std::map<uint32_t, std::string> resources;
  grpc::message_reader inner(fields[6]);
  while (inner.next()) resources[inner.number()] = inner.string();
  EXPECT_EQ(hex_encode(resources[1]),
            "0a0308f403"
            "12021040");
  // 64 MB as bytes, and half of the node.
  EXPECT_EQ(hex_encode(resources[2]),
            "08a08d06"
            "18f403"
            "2080808020"
            "41000000000000e03f");
  EXPECT_EQ(resources[3], std::string("\x0a\x04http\x10\x90\x3f\x18\x50\x22\x08") + "10.0.0.1");
}

TEST(plugin_messages, what_is_stored_of_a_task) {
  stored_task stored{.task_id = "a/t/1", .handle = std::string("\x00\xff", 2), .logs = "{}", .cgroup = ""};
  auto again = stored_task::parse(stored.serialise());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->handle, stored.handle);
  EXPECT_EQ(again->task_id, "a/t/1");
  EXPECT_FALSE(stored_task::parse("{}"));
  EXPECT_FALSE(stored_task::parse("nonsense"));
}

}  // namespace
}  // namespace drover::client::external
