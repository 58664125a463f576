// Bodies in both syntaxes against what a reader asks for; dynamic blocks; messages with places and suggestions.
#include "hcl/decode.h"

#include <gtest/gtest.h>

#include "hcl/parser.h"
#include "hcl/values.h"

namespace drover::hcl {
namespace {

context_ptr sample_context() {
  auto c = std::make_shared<eval_context>(unknown_names::are_kept);
  value::object var;
  var.set("ports", value(value::list{8080, 8081}));
  value::object map;
  map.set("b", "2");
  map.set("a", "1");
  var.set("map", value(std::move(map)));
  EXPECT_TRUE(c->set("var", value(std::move(var))));
  return c;
}

// A little language with the shapes that job files have, shown as text so that two syntaxes can be compared.
std::string show_service(const block_instance& b, diagnostics& problems) {
  decoder d(b, problems);
  std::string out = fmt::format("service {} port={}", d.text("name").value_or("-"), d.integer("port").value_or(0));
  for (const auto& tag : d.texts("tags").value_or(std::vector<std::string>())) out += " tag=" + tag;
  d.finish();
  return out + "\n";
}

std::string show(const parse_result& file, diagnostics& problems) {
  problems.append(file.problems);
  std::string out;
  decoder root(file.root, sample_context(), problems);
  for (const auto& group : root.blocks("group", 1)) {
    decoder g(group, problems);
    out += fmt::format("group {} count={} delay={} shut={}\n", group.labels[0].text, g.integer("count").value_or(-1),
                       to_string(g.duration("delay").value_or(drover::duration())), g.boolean("shut").value_or(false));
    if (auto meta = g.text_map("meta"))
      for (const auto& [k, v] : *meta) out += fmt::format("  meta {}={}\n", k, v);
    if (auto limits = g.block("limits")) {
      decoder l(*limits, problems);
      out += fmt::format("  limits cpu={}\n", l.number("cpu").value_or(0));
      l.finish();
    }
    for (const auto& service : g.blocks("service")) out += "  " + show_service(service, problems);
    g.finish();
  }
  root.finish();
  return out;
}

constexpr std::string_view native_text = R"(# a comment
group "web" {
  count = "3" // converted
  delay = "1m30s"
  shut  = true
  meta {
    owner     = "me-${NOMAD_ALLOC_ID}"
    "dotted.key" = 5
  }
  limits { cpu = 1.5 }
  service {
    name = "a"
    port = 80
    tags = ["x", "y"]
  }
  dynamic "service" {
    for_each = var.ports
    iterator = p
    content {
      name = "p${p.key}"
      port = p.value
    }
  }
  dynamic "service" {
    for_each = var.map
    content {
      name = service.key
      port = service.value
    }
  }
}
/* another
   comment */
group other {
  meta = { k = "v" }
  delay = 5
}
)";

constexpr std::string_view json_text = R"({
  "//": "a comment",
  "group": {
    "web": {
      "count": "3", "delay": "1m30s", "shut": true,
      "meta": {"owner": "me-${NOMAD_ALLOC_ID}", "dotted.key": 5},
      "limits": [{"cpu": 1.5}],
      "service": [{"name": "a", "port": 80, "tags": ["x", "y"]}],
      "dynamic": {"service": [
        {"for_each": "${var.ports}", "iterator": "p", "content": {"name": "p${p.key}", "port": "${p.value}"}},
        {"for_each": "${var.map}", "content": {"name": "${service.key}", "port": "${service.value}"}}
      ]}
    },
    "other": {"meta": [{"k": "v"}], "delay": 5}
  }
})";

constexpr std::string_view shown = R"(group web count=3 delay=1m30s shut=true
  meta owner=me-${NOMAD_ALLOC_ID}
  meta dotted.key=5
  limits cpu=1.5
  service a port=80 tag=x tag=y
  service p0 port=8080
  service p1 port=8081
  service a port=1
  service b port=2
group other count=-1 delay=5ns shut=false
  meta k=v
)";

TEST(decode, native_and_json_mean_the_same) {
  diagnostics problems;
  EXPECT_EQ(show(parse("job.hcl", std::string(native_text)), problems), shown);
  EXPECT_FALSE(problems.has_errors()) << problems.lines();
  EXPECT_EQ(show(parse_json("job.json", std::string(json_text)), problems), shown);
  EXPECT_FALSE(problems.has_errors()) << problems.lines();
}

TEST(decode, messages_name_the_place_and_a_remedy) {
  struct row {
    std::string text, message;
  };
  for (const row& r : std::vector<row>{
           {"group \"g\" {\n  cuont = 1\n}", "f:2,3-8: Unsupported argument; An argument named \"cuont\" is not expected here. Did you mean \"count\"?"},
           {"group \"g\" {\n  servcie {}\n}",
            "f:2,3-10: Unsupported block type; Blocks of type \"servcie\" are not expected here. Did you mean "
            "\"service\"?"},
           {"group \"g\" {\n  service = 1\n}", "Did you mean to define a block of type \"service\"?"},
           {"group \"g\" {\n  count {}\n}", "Did you mean to define argument \"count\"? If so, use the equals sign"},
           {"group {}", "f:1,1-6: Missing name for group"},
           {"group \"a\" \"b\" {}", "f:1,11-14: Extraneous label for group"},
           {"group \"g\" {\n  count = \"x\"\n}",
            "f:2,11-14: Incorrect attribute value type; Inappropriate value for attribute \"count\": a number is "
            "required, but this is the text \"x\"."},
           {"group \"g\" {\n  count = 1.5\n}", "a whole number is required, but this is 1.5"},
           {"group \"g\" {\n  delay = \"5 minutes\"\n}", "\"30s\""},
           {"group \"g\" {\n  limits {}\n  limits {}\n}",
            "f:3,3-9: Duplicate limits block; Only one \"limits\" block is allowed here. The first is at line 2."},
           {"group \"g\" {\n  count = NOMAD_X\n}", "known only when the task runs"},
           {"group \"g\" {\n  \"count\" = 1\n}", "must not be quoted"},
           {"group \"g\" {\n  meta {\n    x {}\n  }\n}", "Unexpected block"},
           {"group \"g\" {\n  meta = [1]\n}", "a map is required"},
           {"group \"g\" {\n  dynamic \"service\" {\n  }\n}", "Missing required argument; The argument \"for_each\" is required"},
           {"group \"g\" {\n  dynamic \"service\" {\n  for_each = 5\ncontent {}\n}\n}", "for_each needs a list or a map"},
           {"group \"g\" {\n  dynamic \"servcie\" {\n  for_each = []\ncontent {}\n}\n}", "Did you mean \"service\"?"},
       }) {
    SCOPED_TRACE(r.text);
    diagnostics problems;
    show(parse("f", r.text), problems);
    EXPECT_NE(problems.lines().find(r.message), std::string::npos) << problems.lines();
  }
  diagnostics problems;
  show(parse_json("f", R"({"group": {"g": {"cuont": 1}}})"), problems);
  EXPECT_NE(problems.lines().find("No argument or block type is named \"cuont\". Did you mean \"count\"?"), std::string::npos) << problems.lines();
}

TEST(decode, a_dynamic_block_takes_labels_and_nests) {
  auto file = parse("f", R"(
dynamic "group" {
  for_each = { x = [1, 2], y = [] }
  labels   = ["g-${group.key}"]
  content {
    count = 1
    dynamic "service" {
      for_each = group.value
      content { name = "${group.key}${service.value}" }
    }
  }
})");
  diagnostics problems;
  EXPECT_EQ(show(file, problems),
            "group g-x count=1 delay=0s shut=false\n  service x1 port=0\n  service x2 port=0\ngroup g-y count=1 "
            "delay=0s shut=false\n");
  EXPECT_FALSE(problems.has_errors()) << problems.lines();
}

TEST(decode, a_body_of_no_known_form_becomes_a_value) {
  auto file = parse("f", R"(
config {
  image = "redis:${NOMAD_META_tag}"
  args  = ["-p", var.ports[0]]
  mount {
    type = "bind"
  }
  mount {
    type = "tmpfs"
    options { size = 1 }
  }
  auth "hub" { user = "x" }
})");
  diagnostics problems = file.problems;
  decoder d(file.root, sample_context(), problems);
  auto config = d.tree("config");
  ASSERT_TRUE(config.has_value()) << problems.lines();
  EXPECT_EQ(*config->find("image")->as_string(), "redis:${NOMAD_META_tag}");
  EXPECT_EQ((*config->find("args")->as_list())[1], value(8080));
  const auto& mounts = *config->find("mount")->as_list();
  ASSERT_EQ(mounts.size(), 2u);
  EXPECT_EQ(*(*mounts[1].find("options")->as_list())[0].find("size"), value(1));
  // Below a label there is a list too, as Nomad and what reads its policies have it.
  const auto* hub = (*config->find("auth")->as_list())[0].find("hub")->as_list();
  ASSERT_NE(hub, nullptr);
  EXPECT_EQ(*(*hub)[0].find("user"), value("x"));
}

TEST(diagnostic, a_page_shows_the_line_and_marks_the_place) {
  auto file = parse("job.hcl", "job \"x\" {\n\tdrivr = \"raw_exec\"\n}\n");
  diagnostics problems;
  decoder root(file.root, sample_context(), problems);
  auto job = root.block("job", 1);
  decoder d(*job, problems);
  d.text("driver");
  d.finish();
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems.pages(),
            "Error: Unsupported argument\n\n  on job.hcl line 2:\n   2: \tdrivr = \"raw_exec\"\n      \t^^^^^\n\n"
            "An argument named \"drivr\" is not expected here. Did you mean \"driver\"?\n");
  EXPECT_EQ(problems.to_error().message(),
            "job.hcl:2,2-7: Unsupported argument; An argument named \"drivr\" is not expected here. Did you mean "
            "\"driver\"?");
}

}  // namespace
}  // namespace drover::hcl
