#include "client/driver/external/device_messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "grpc/protobuf.h"

namespace drover::client::external {
namespace {

using grpc::message_writer;
using ::testing::HasSubstr;

message_writer entry(std::string_view key, const message_writer& inner) { return message_writer().text(1, key).message(2, inner); }

message_writer group(std::string_view vendor, std::string_view id) {
  message_writer out;
  out.text(1, vendor).text(2, "gpu").text(3, "m1");
  out.message(4, message_writer().text(1, id).flag(2, true).text(3, "well").message(4, message_writer().text(1, "0000:01:00.0")));
  out.message(5, entry("memory", message_writer().integer(2, 8).text(5, "GiB"))).message(5, entry("speed", message_writer().real(1, 1.5)));
  return out;
}

TEST(device_messages, groups) {
  auto read = parse_devices(message_writer().message(1, group("acme", "a")).message(1, group("other", "b")).take());
  ASSERT_TRUE(read) << read.error().text();
  ASSERT_EQ(read->size(), 2u);
  auto& first = read->front();
  EXPECT_EQ(first.vendor + "/" + first.type + "/" + first.name, "acme/gpu/m1");
  ASSERT_EQ(first.instances.size(), 1u);
  EXPECT_EQ(first.instances[0].id, "a");
  EXPECT_TRUE(first.instances[0].healthy);
  EXPECT_EQ(first.instances[0].locality->pci_bus_id, "0000:01:00.0");
  EXPECT_EQ(first.attributes["memory"].int_, 8);
  EXPECT_EQ(first.attributes["memory"].unit, "GiB");
  EXPECT_EQ(first.attributes["speed"].float_, 1.5);
}

TEST(device_messages, what_is_wrong_is_said) {
  auto said = [](std::string message) {
    auto read = parse_devices(message);
    return read ? std::string("fine") : read.error().text();
  };
  EXPECT_THAT(said(message_writer().message(1, group("", "a")).take()), HasSubstr("must have a vendor, a type and a name"));
  EXPECT_THAT(said(message_writer().message(1, group("acme", "")).take()), HasSubstr("a device has no id"));
  EXPECT_NE(said("\x0a\x7f"), "fine");
  message_writer many;
  for (int i = 0; i < 100; ++i) many.message(1, group("acme", "a"));
  EXPECT_THAT(said(many.take()), HasSubstr("more than 64 groups"));
}

TEST(device_messages, reservations) {
  auto inner = message_writer().map(1, {{"VISIBLE", "a"}});
  inner.message(2, message_writer().text(1, "/opt/x").text(2, "/srv/x").flag(3, true))
      .message(3, message_writer().text(1, "/dev/x0").text(2, "/dev/null").text(3, "rw"));
  auto read = parse_reservation(message_writer().message(1, inner).take());
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->env.at("VISIBLE"), "a");
  ASSERT_EQ(read->mounts.size(), 1u);
  EXPECT_TRUE(read->mounts[0].read_only && read->mounts[0].host_path == "/srv/x" && read->mounts[0].task_path == "/opt/x");
  ASSERT_EQ(read->devices.size(), 1u);
  EXPECT_EQ(read->devices[0].host_path + read->devices[0].task_path + read->devices[0].permissions, "/dev/null/dev/x0rw");
  auto wrong = parse_reservation(message_writer().message(1, message_writer().message(2, message_writer().text(1, "opt").text(2, "/srv"))).take());
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().text(), HasSubstr("both must be absolute paths"));
}

TEST(device_messages, figures) {
  auto value = message_writer().message(3, message_writer().integer(1, 42)).text(7, "MiB").text(8, "used");
  auto object = message_writer()
                    .message(2, entry("used", value))
                    .message(1, entry("inner", message_writer().message(2, entry("hot", message_writer().message(6, message_writer().flag(1, true))))));
  auto one = message_writer().message(1, value).message(2, object).message(3, grpc::seconds_message(seconds(7).ns));
  auto read = parse_device_stats(message_writer().message(1, message_writer().text(1, "acme").text(2, "gpu").text(3, "m1").message(4, entry("a", one))).take());
  ASSERT_TRUE(read) << read.error().text();
  auto& stats = read->at(0).instance_stats.at("a");
  EXPECT_EQ(stats.summary->int_numerator_val, 42);
  EXPECT_EQ(stats.summary->unit, "MiB");
  EXPECT_EQ(stats.stats->nested.at("inner").attributes.at("hot").bool_val, true);
  EXPECT_EQ(stats.timestamp.ns, seconds(7).ns);
  message_writer deep;
  for (int i = 0; i < 40; ++i) deep = message_writer().message(1, entry("x", deep));
  EXPECT_FALSE(parse_device_stats(message_writer().message(1, message_writer().message(4, entry("a", message_writer().message(2, deep)))).take()));
}

TEST(devices, files_of_a_processor) {
  auto root = std::filesystem::temp_directory_path() / ("drover-gpu-" + std::to_string(::getpid()));
  auto drm = root / "sys/bus/pci/devices/0000:17:00.0/drm";
  for (const char* name : {"card3", "renderD131", "controlD67"}) std::filesystem::create_directories(drm / name);
  std::filesystem::create_directories(root / "dev/dri");
  std::filesystem::create_directories(root / "proc/driver/nvidia/gpus/0000:17:00.0");
  std::ofstream(root / "proc/driver/nvidia/gpus/0000:17:00.0/information") << "Model: \t x\nDevice Minor: \t 2\n";
  for (const char* name : {"dri/card3", "dri/renderD131", "nvidia2", "nvidiactl", "kfd"}) std::ofstream(root / "dev" / name).flush();
  auto seen = [&](const std::string& vendor) {
    std::string out;
    for (auto& file : files_of_gpu(root / "sys", root / "dev", root / "proc", vendor, "0000:17:00.0")) out += file.task_path + " ";
    return out;
  };
  EXPECT_EQ(seen("intel"), "/dev/dri/card3 /dev/dri/renderD131 ");
  EXPECT_EQ(seen("amd"), "/dev/dri/card3 /dev/dri/renderD131 /dev/kfd ");
  EXPECT_EQ(seen("nvidia"), "/dev/dri/card3 /dev/dri/renderD131 /dev/nvidia2 /dev/nvidiactl ");
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace drover::client::external
