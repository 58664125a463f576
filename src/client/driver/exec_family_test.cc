// The pure parts of java and qemu, and whom tasks may run as.
#include <gtest/gtest.h>

#include <unistd.h>
#include <filesystem>

#include <fstream>

#include "base/text.h"
#include "client/driver/java.h"
#include "client/driver/qemu.h"
#include "client/driver/user_rules.h"
#include "codec/json.h"

namespace drover::client {
namespace {

value json(std::string_view text) { return codec::value_from_json(text).value_or(value()); }

TEST(java_driver, reads_its_version) {
  auto v = parse_java_version(
      "Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime Environment (build 17.0.15+6)\n"
      "OpenJDK 64-Bit Server VM (build 17.0.15+6, mixed mode)\n");
  ASSERT_TRUE(v);
  EXPECT_EQ(v->version, "17.0.15");
  EXPECT_EQ(v->runtime, "OpenJDK Runtime Environment (build 17.0.15+6)");
  EXPECT_EQ(v->vm, "OpenJDK 64-Bit Server VM (build 17.0.15+6, mixed mode)");
  EXPECT_FALSE(parse_java_version("command not found"));
}

class qemu_words_test : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = std::filesystem::canonical(testing::TempDir()).string() + "/qemu-" + std::to_string(::getpid());
    std::filesystem::create_directories(dir_ + "/alloc/vm/local");
    std::ofstream(dir_ + "/alloc/vm/local/a,b.img") << "x";
    std::ofstream(dir_ + "/outside.img") << "x";
    std::filesystem::create_symlink(dir_ + "/outside.img", dir_ + "/alloc/vm/local/link.img");
    task_.dir.root = dir_ + "/alloc/vm";
    task_.resources.memory.memory_mb = 512;
    task_.network.ports = {{.label = "ssh", .value = 20022, .to = 0, .host_ip = {}, .ignore_collision = false}};
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::string words(std::string_view config, std::string_view plugin = "{}") {
    auto rules = json(plugin);
    auto c = parse_qemu_config(json(config), rules);
    if (!c) return c.error().text();
    auto out = qemu_words(task_, *c, rules);
    return out ? join(*out, " ") : out.error().text();
  }
  std::string dir_;
  task_spec task_;
};

TEST_F(qemu_words_test, of_an_ordinary_machine) {
  EXPECT_EQ(words(R"({"image_path":"local/a,b.img"})"),
            fmt::format("-machine type=pc,accel=tcg -name a,,b.img -m 512M -drive file={}/alloc/vm/local/a,,b.img,if=ide,id=image0 -nographic", dir_));
  auto all = words(
      R"({"image_path":"local/a,b.img","graceful_shutdown":true,"guest_agent":true,"args":["-nodefaults"],"port_map":[{"ssh":22}],"drive_interface":"virtio"})");
  EXPECT_NE(all.find(fmt::format("-monitor unix:{}/alloc/vm/qemu-monitor.sock,server=on,wait=off", dir_)), std::string::npos) << all;
  EXPECT_NE(all.find("-nodefaults -netdev user,id=user.0,hostfwd=udp::20022-:22,hostfwd=tcp::20022-:22 -device virtio-net,netdev=user.0"), std::string::npos)
      << all;
  EXPECT_NE(all.find("name=org.qemu.guest_agent.0"), std::string::npos);
}

TEST_F(qemu_words_test, what_is_refused) {
  struct row {
    const char *config, *plugin, *sentence;
  } const rows[] = {{"{}", "{}", "missing image_path"},
                    {R"({"image_path":"local/none"})", "{}", "No such file"},
                    {R"({"image_path":"local/link.img"})", "{}", "not in the allowed paths"},
                    {R"({"image_path":"/etc/passwd"})", "{}", "not in the allowed paths"},
                    {R"({"image_path":"local/a,b.img","drive_interface":"usb"})", "{}", "Unsupported drive_interface"},
                    {R"({"image_path":"local/a,b.img","emulator":"/bin/sh"})", "{}", "must be the end of a program's name"},
                    {R"({"image_path":"local/a,b.img","emulator":"arm"})", R"({"emulators_allowlist":["x86_64"]})", "not in emulators_allowlist"},
                    {R"({"image_path":"local/a,b.img","args":["-chardev"]})", R"({"args_allowlist":["-smp"]})", "not in args_allowlist"},
                    {R"({"image_path":"local/a,b.img","port_map":[{"web":80}]})", "{}", "Unknown port label \"web\""}};
  for (auto& row : rows) EXPECT_NE(words(row.config, row.plugin).find(row.sentence), std::string::npos) << words(row.config, row.plugin);
  task_.resources.memory.memory_mb = 100;
  EXPECT_NE(words(R"({"image_path":"local/a,b.img"})").find("out of bounds"), std::string::npos);
  task_.resources.memory.memory_mb = 512;
  EXPECT_EQ(words(R"({"image_path":"local/link.img"})", fmt::format(R"({{"image_paths":["{}"]}})", dir_)).find("not in"), std::string::npos);
}

TEST(qemu_driver, reads_its_version) {
  EXPECT_EQ(*parse_qemu_version("QEMU emulator version 7.2.17 (Debian 1:7.2+dfsg)\nCopyright"), "7.2.17");
  EXPECT_FALSE(parse_qemu_version("nonsense"));
}

TEST(user_rules, lists_of_numbers) {
  EXPECT_TRUE(*in_number_list("0, 100-200 ,7", 150));
  EXPECT_TRUE(*in_number_list("0,100-200,7", 7));
  EXPECT_FALSE(*in_number_list("0,100-200,7", 99));
  EXPECT_FALSE(*in_number_list("", 0));
  for (const char* wrong : {"a", "1-", "5-2", "1,,2", "99999999999"}) EXPECT_FALSE(in_number_list(wrong, 1)) << wrong;
}

TEST(user_rules, what_the_plugin_block_denies) {
  EXPECT_TRUE(check_user_allowed("exec", "root", value()));
  auto denied = check_user_allowed("exec", "0", json(R"({"denied_host_uids":"0-10"})"));
  ASSERT_FALSE(denied);
  EXPECT_NE(denied.error().text().find("running as uid 0 is disallowed"), std::string::npos);
  EXPECT_FALSE(check_user_allowed("exec", "root", json(R"({"denied_host_gids":"0"})")));
  EXPECT_TRUE(check_user_allowed("exec", "4242", json(R"({"denied_host_uids":"0-10"})")));
  EXPECT_EQ(check_user_allowed("exec", "4242", json(R"({"denied_host_uids":"x"})")).error().code(), errc::invalid);
}

}  // namespace
}  // namespace drover::client
