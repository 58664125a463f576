#include "jobspec/volume_spec.h"

#include <gtest/gtest.h>

namespace drover::jobspec {
namespace {

TEST(volume_spec, sizes) {
  const std::pair<const char*, std::optional<int64_t>> rows[] = {
      {"0", 0},
      {"512", 512},
      {"512B", 512},
      {"10GiB", 10LL << 30},
      {"1.5 GB", 1'500'000'000},
      {" 2 mib ", 2 << 20},
      {"3T", 3'000'000'000'000},
      {"", std::nullopt},
      {"GiB", std::nullopt},
      {"1 parsec", std::nullopt},
      {"-1", std::nullopt},
      {"1.2.3", std::nullopt},
      {"99999999TiB", std::nullopt},
  };
  for (const auto& [text, bytes] : rows) EXPECT_EQ(parse_bytes(text), bytes) << text;
}

TEST(volume_spec, what_is_written_is_read) {
  auto out = parse_volume({"volume.hcl", R"(
    type      = "host"
    name      = "db"
    plugin_id = "mkdir"
    namespace = "prod"
    capacity  = "1GiB"
    capability {
      access_mode     = "single-node-writer"
      attachment_mode = "file-system"
    }
    constraint {
      attribute = "${attr.kernel.name}"
      value     = "linux"
    }
    parameters {
      mode = "0700"
      uid  = 12
    }
  )"});
  ASSERT_TRUE(out.host) << out.problems.pages();
  EXPECT_EQ(out.host->name, "db");
  EXPECT_EQ(out.host->namespace_, "prod");
  EXPECT_EQ(out.host->requested_capacity_min_bytes, 1 << 30);
  EXPECT_EQ(out.host->requested_capacity_max_bytes, 1 << 30);
  ASSERT_EQ(out.host->requested_capabilities.size(), 1u);
  ASSERT_EQ(out.host->constraints.size(), 1u);
  EXPECT_EQ(out.host->constraints[0].l_target, "${attr.kernel.name}");
  EXPECT_EQ(out.host->parameters, (std::map<std::string, std::string>{{"mode", "0700"}, {"uid", "12"}}));
}

TEST(volume_spec, the_example_is_one) {
  auto out = parse_volume({"volume.hcl", example_host_volume()});
  EXPECT_TRUE(out.host) << out.problems.pages();
}

TEST(volume_spec, the_other_examples_are_some_too) {
  for (const auto& text : {example_host_volume_json()})
    EXPECT_TRUE(parse_volume({"volume.json", text}).host) << parse_volume({"volume.json", text}).problems.pages();
  for (const auto& [name, text] : {std::pair("volume.json", example_csi_volume_json()), {"volume.hcl", example_csi_volume()}})
    EXPECT_TRUE(parse_volume({name, text}).csi) << parse_volume({name, text}).problems.pages();
}

TEST(volume_spec, a_csi_volume) {
  auto out = parse_volume({"volume.hcl", R"(
    id = "db"
    name = "database"
    plugin_id = "ebs"
    external_id = "vol-1"
    capacity_min = "1GiB"
    capability {
      access_mode     = "multi-node-multi-writer"
      attachment_mode = "file-system"
    }
    capability {
      access_mode     = "single-node-writer"
      attachment_mode = "block-device"
    }
    mount_options {
      fs_type     = "ext4"
      mount_flags = ["ro", "noatime"]
    }
    topology_request {
      preferred {
        topology { segments { rack = "R1" } }
      }
      required {
        topology { segments { rack = "R1" } }
        topology {
          segments {
            rack = "R2"
            zone = "a"
          }
        }
      }
    }
    secrets { password = "xyzzy" }
    parameters { kind = "fast" }
    context { endpoint = "there" }
  )"});
  ASSERT_TRUE(out.csi) << out.problems.pages();
  EXPECT_FALSE(out.host);
  const auto& v = *out.csi;
  EXPECT_EQ(v.external_id, "vol-1");
  EXPECT_EQ(v.requested_capacity_min, 1 << 30);
  ASSERT_EQ(v.requested_capabilities.size(), 2u);
  EXPECT_EQ(v.requested_capabilities[1].attachment_mode, "block-device");
  EXPECT_EQ(v.mount_options->mount_flags, (std::vector<std::string>{"ro", "noatime"}));
  ASSERT_EQ(v.requested_topologies->required.size(), 2u);
  EXPECT_EQ(v.requested_topologies->required[1].segments, (std::map<std::string, std::string>{{"rack", "R2"}, {"zone", "a"}}));
  EXPECT_EQ(v.requested_topologies->preferred.size(), 1u);
  EXPECT_EQ(v.secrets.at("password"), "xyzzy");
  EXPECT_EQ(v.context.at("endpoint"), "there");
}

TEST(volume_spec, what_is_wrong_is_said) {
  EXPECT_TRUE(parse_volume({"v.hcl", "type = \"nfs\""}).problems.pages().contains("\"csi\" and \"host\" are known"));
  EXPECT_TRUE(parse_volume({"v.hcl", "id = \"x\"\ncapacity_min = \"much\""}).problems.pages().contains("a size such as"));
  EXPECT_TRUE(parse_volume({"v.hcl", "id = \"x\"\npluginid = \"y\""}).problems.pages().contains("plugin_id"));
}

TEST(volume_spec, as_json) {
  auto out = parse_volume({"volume.json", R"({"type": "host", "name": "db", "capability": [{"access_mode": "single-node-writer"}]})"});
  ASSERT_TRUE(out.host) << out.problems.pages();
  EXPECT_EQ(out.host->name, "db");
  EXPECT_EQ(out.host->requested_capabilities.size(), 1u);
}

}  // namespace
}  // namespace drover::jobspec
