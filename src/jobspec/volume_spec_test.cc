#include "jobspec/volume_spec.h"

#include <gtest/gtest.h>

namespace drover::jobspec {
namespace {

TEST(volume_spec, sizes) {
  const std::pair<const char*, std::optional<int64_t>> rows[] = {
      {"0", 0},           {"512", 512},           {"512B", 512},      {"10GiB", 10LL << 30},      {"1.5 GB", 1'500'000'000}, {" 2 mib ", 2 << 20},
      {"3T", 3'000'000'000'000}, {"", std::nullopt}, {"GiB", std::nullopt}, {"1 parsec", std::nullopt}, {"-1", std::nullopt},      {"1.2.3", std::nullopt},
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

TEST(volume_spec, as_json) {
  auto out = parse_volume({"volume.json", R"({"type": "host", "name": "db", "capability": [{"access_mode": "single-node-writer"}]})"});
  ASSERT_TRUE(out.host) << out.problems.pages();
  EXPECT_EQ(out.host->name, "db");
  EXPECT_EQ(out.host->requested_capabilities.size(), 1u);
}

}  // namespace
}  // namespace drover::jobspec
