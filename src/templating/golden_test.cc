// What Go prints: testdata/goldens.json holds snippets with what text/template (and, where "functions" is "all", consul-template) made of
// them, errors included.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/source_dir.h"
#include "codec/json.h"
#include "templating/template.h"

namespace drover::templating {
namespace {

std::string text_at(const value& v, const char* key) {
  const auto* found = v.find(key);
  return found && found->as_string() ? *found->as_string() : "";
}

value goldens() {
  std::ifstream file(std::string(source_dir) + "/src/templating/testdata/goldens.json");
  std::stringstream text;
  text << file.rdbuf();
  auto v = codec::value_from_json(text.str());
  EXPECT_TRUE(v) << (v ? "" : v.error().text());
  return v ? *v : value();
}

result<rendered> run(const value& one, const value& data) {
  bool all = text_at(one, "functions") == "all";
  compile_options options{.name = all ? "" : "t"};
  options.left_delimiter = text_at(one, "left");
  options.right_delimiter = text_at(one, "right");
  auto missing = text_at(one, "missing");
  options.missing = missing == "error" ? missing_key::refuse : missing == "zero" || all ? missing_key::zero : missing_key::no_value;
  options.plain = !all;
  TRY_ASSIGN(auto compiled, compiled_template::compile(text_at(one, "template"), options));
  world outside;
  outside.env = {{"A", "valueA"}};
  return compiled.run(outside, all ? datum() : from_value(data));
}

// consul-template names its errors after what it was doing.
std::string without_doing(std::string text) {
  for (std::string doing : {"parse: ", "execute: "})
    if (text.starts_with(doing)) text = text.substr(doing.size());
  return text;
}

TEST(templating, prints_what_go_prints) {
  auto all = goldens();
  ASSERT_NE(all.find("cases"), nullptr);
  for (auto& one : *all.find("cases")->as_list()) {
    auto made = run(one, *all.find("data"));
    auto source = text_at(one, "template");
    if (one.find("output")) {
      EXPECT_TRUE(made) << source << "\n" << (made ? "" : made.error().text());
      if (made) EXPECT_EQ(made->text, text_at(one, "output")) << source;
    } else {
      EXPECT_FALSE(made) << source << "\n" << (made ? made->text : "");
      if (!made) EXPECT_EQ(made.error().text(), without_doing(text_at(one, "error"))) << source;
    }
  }
}

}  // namespace
}  // namespace drover::templating
