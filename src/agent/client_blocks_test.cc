#include "agent/client_blocks.h"

#include <gtest/gtest.h>

namespace drover::agent {
namespace {

value block(std::initializer_list<std::pair<std::string, value>> entries) {
  value::object o;
  for (auto& [key, v] : entries) o.set(key, v);
  return value(std::move(o));
}

TEST(client_blocks, template_settings_are_taken) {
  auto o = template_options_of(block({{"function_denylist", value(value::list{value("plugin")})},
                                      {"disable_file_sandbox", value(true)},
                                      {"wait", block({{"min", value("1s")}, {"max", value("2s")}})},
                                      {"wait_bounds", value(value::list{block({{"min", value("3s")}})})},
                                      {"nomad_retry", block({{"attempts", value(0)}, {"backoff", value("1s")}})}}));
  ASSERT_TRUE(o) << o.error().text();
  EXPECT_EQ(o->function_denylist, std::vector<std::string>{"plugin"});
  EXPECT_TRUE(o->disable_file_sandbox);
  EXPECT_EQ(o->wait_min, seconds(1));
  EXPECT_EQ(o->wait_max, seconds(2));
  EXPECT_EQ(o->bound_min_low, seconds(3));
  EXPECT_EQ(o->retry_attempts, 0);
  EXPECT_EQ(template_options_of(value())->wait_min, seconds(5));
}

TEST(client_blocks, mistakes_are_named) {
  struct row {
    value given;
    std::string text;
  };
  const row rows[] = {
      {block({{"function_denylst", value(value::list{})}}), "client.template.function_denylst is no setting; did you mean \"function_denylist\"?"},
      {block({{"max_stale", value("soon")}}), "client.template.max_stale must be a duration such as \"30s\""},
      {block({{"wait", block({{"min", value("9s")}, {"max", value("2s")}})}}), "client.template.wait: max (2s) must not be below min (9s)"},
      {value("x"), "client.template must be a block"},
  };
  for (auto& r : rows) {
    auto o = template_options_of(r.given);
    ASSERT_FALSE(o) << r.text;
    EXPECT_EQ(o.error().text(), r.text);
  }
}

TEST(client_blocks, artifact_settings_are_taken) {
  auto o =
      artifact_options_of(block({{"http_max_size", value("1MB")}, {"decompression_file_count_limit", value(5)}, {"set_environment_variables", value("A, B")}}));
  ASSERT_TRUE(o) << o.error().text();
  EXPECT_GT(o->http_size_max, 900'000);
  EXPECT_EQ(o->unpacked_files_max, 5);
  EXPECT_EQ(o->environment, (std::vector<std::string>{"A", "B"}));
  EXPECT_EQ(artifact_options_of(block({{"http_max_size", value("big")}})).error().text(), "client.artifact.http_max_size must be a size such as \"100GB\"");
}

}  // namespace
}  // namespace drover::agent
