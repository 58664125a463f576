// Expressions: text -> value or message. A value is compared by what another expression without operators says (JSON).
#include "hcl/eval.h"

#include <gtest/gtest.h>

#include "hcl/json_parser.h"
#include "hcl/parser.h"
#include "hcl/type.h"

namespace drover::hcl {
namespace {

value from_json(const std::string& text) {
  diagnostics problems;
  auto file = std::make_shared<const source_file>("expected.json", text);
  auto e = json_parser(file, problems, json_strings::are_text).parse();
  EXPECT_NE(e, nullptr) << text << "\n" << problems.lines();
  return e == nullptr ? value() : json_to_value(*e);
}

eval_context sample_context(unknown_names policy = unknown_names::are_kept) {
  eval_context c(policy);
  auto set = [&](const char* name, const char* json) { EXPECT_TRUE(c.set(name, from_json(json))); };
  set("var", R"({"count": 3, "name": "web", "list": ["a", "b", "c"], "map": {"b": 2, "a": 1}, "nothing": null, "flag": true, "empty": []})");
  set("local", R"({"servers": [{"name": "x", "port": 1, "tags": ["t1"]}, {"name": "y", "port": 2, "tags": []}]})");
  return c;
}

struct row {
  std::string text;
  std::string json;        // expected value, or
  std::string error = {};  // a part of the expected message
};

void check(const row& r, unknown_names policy = unknown_names::are_kept) {
  SCOPED_TRACE(r.text);
  auto parsed = parse_expression("test", r.text);
  diagnostics problems = parsed.problems;
  std::optional<value> v;
  if (parsed.expr != nullptr) v = evaluate(*parsed.expr, sample_context(policy), problems);
  if (r.error.empty()) {
    ASSERT_TRUE(v.has_value()) << problems.lines();
    EXPECT_FALSE(problems.has_errors()) << problems.lines();
    EXPECT_EQ(*v, from_json(r.json)) << "got " << v->kind() << " " << (v->as_string() ? *v->as_string() : "");
  } else {
    EXPECT_FALSE(v.has_value());
    EXPECT_NE(problems.lines().find(r.error), std::string::npos) << problems.lines();
  }
}

TEST(evaluate, literals_and_operators) {
  for (const row& r : std::vector<row>{
           {"1", "1"},
           {"-1", "-1"},
           {"1.5", "1.5"},
           {"1e3", "1000"},
           {"2.0", "2"},
           {"true", "true"},
           {"null", "null"},
           {"9223372036854775807", "9223372036854775807"},
           {"1 + 2 * 3", "7"},
           {"(1 + 2) * 3", "9"},
           {"10 - 2 - 3", "5"},
           {"7 / 2", "3.5"},
           {"6 / 2", "3"},
           {"7 % 3", "1"},
           {"-7 % 3", "-1"},
           {"0.1 + 0.2", "0.3"},
           {"1 == 1.0", "true"},
           {"1 == \"1\"", "false"},
           {"\"a\" != \"b\"", "true"},
           {"1 < 2 && 2 <= 2", "true"},
           {"1 > 2 || 3 >= 4", "false"},
           {"!true", "false"},
           {"!false && true", "true"},
           {"1 + 1 == 2", "true"},
           {"\"5\" + 1", "6"},
           {"--1", "1"},
           {"[1, 2] == [1, 2]", "true"},
           {"1 / 0", "", "Division by zero"},
           {"\"x\" + 1", "", "needs a number on each side, but this is the text \"x\""},
           {"!5", "", "must be true or false"},
           {"1 +", "", "Expected a value"},
           {"1 2", "", "Extra characters"},
           {"5m", "", "\"5m\""},
           {"9223372036854775807 + 1 > 9223372036854775806", "true"},
           {"'a'", "", "double quotes"},
           {"a & b", "", "&&"},
       })
    check(r);
}

TEST(evaluate, conditionals) {
  for (const row& r : std::vector<row>{
           {"true ? 1 : 2", "1"},
           {"var.flag ? \"yes\" : \"no\"", "\"yes\""},
           {"false ? 1 : true ? 2 : 3", "2"},
           {"true ? 1 : \"x\"", "\"1\""},
           {"var.nothing == null ? \"none\" : var.nothing", "\"none\""},
           {"\"true\" ? 1 : 2", "1"},
           {"5 ? 1 : 2", "", "must be true or false"},
           {"null ? 1 : 2", "", "Null condition"},
           {"true ? 1", "", "Missing \":\""},
       })
    check(r);
}

TEST(evaluate, collections_and_access) {
  for (const row& r : std::vector<row>{
           {"[1, \"a\", true,]", R"([1, "a", true])"},
           {"[\n1,\n2\n]", "[1, 2]"},
           {"{a = 1, b = 2}", R"({"a": 1, "b": 2})"},
           {"{a: 1\n\"b c\": 2\n}", R"({"a": 1, "b c": 2})"},
           {"{(var.name) = 1}", R"({"web": 1})"},
           {"{\"${var.name}-x\" = 1}", R"({"web-x": 1})"},
           {"{1 = 2}", R"({"1": 2})"},
           {"{}", "{}"},
           {"[]", "[]"},
           {"var.list[0]", "\"a\""},
           {"var.list.1", "\"b\""},
           {"var.map[\"b\"]", "2"},
           {"var[\"count\"]", "3"},
           {"var.list[\"2\"]", "\"c\""},
           {"local.servers[0].tags[0]", "\"t1\""},
           {"local.servers.1.name", "\"y\""},
           {"[[1, 2], [3]][0][1]", "2"},
           {"{a = {b = 1}}.a.b", "1"},
           {"var.list[var.count - 1]", "\"c\""},
           {"var.list[3]", "", "there is no element 3"},
           {"var.list[-1]", "", "there is no element -1"},
           {"var.empty[0]", "", "no elements"},
           {"var.cuont", "", "Did you mean \"count\"?"},
           {"var.map[\"c\"]", "", "does not have an attribute named \"c\""},
           {"var.nothing.x", "", "null"},
           {"var.count.x", "", "does not have any attributes"},
           {"var.list.name", "", "[*]"},
           {"{var.x = 1}", "", "Ambiguous attribute key"},
           {"{a = 1 b = 2}", "", "Missing a comma"},
           {"[1 2]", "", "Missing \",\" or \"]\""},
           {"{[] = 1}", "", "A key must be a string"},
       })
    check(r);
}

TEST(evaluate, splats) {
  for (const row& r : std::vector<row>{
           {"local.servers[*].name", R"(["x", "y"])"},
           {"local.servers.*.name", R"(["x", "y"])"},
           {"local.servers[*].tags[0]", "", "no elements"},
           {"local.servers.*.name[0]", "\"x\""},
           {"local.servers.*.tags[0]", R"(["t1"])"},
           {"[[1, 2], [3, 4]][*][0]", "[1, 3]"},
           {"var.nothing[*]", "[]"},
           {"var.name[*]", R"(["web"])"},
           {"var.list[*]", R"(["a", "b", "c"])"},
           {"[[{a = 1}], [{a = 2}]][*][*].a", "[[1], [2]]"},
       })
    check(r);
}

TEST(evaluate, for_expressions) {
  for (const row& r : std::vector<row>{
           {"[for x in var.list : \"${x}!\"]", R"(["a!", "b!", "c!"])"},
           {"[for i, x in var.list : i]", "[0, 1, 2]"},
           {"[for k, v in var.map : k]", R"(["a", "b"])"},
           {"[for x in var.list : x if x != \"b\"]", R"(["a", "c"])"},
           {"{for k, v in var.map : v => k}", R"({"1": "a", "2": "b"})"},
           {"{for x in [\"a\", \"b\", \"a\"] : x => 1...}", R"({"a": [1, 1], "b": [1]})"},
           {"{for s in local.servers : s.name => s.port if s.port > 1}", R"({"y": 2})"},
           {"[for x in [1, 2] : [for y in [3] : x * y]]", "[[3], [6]]"},
           {"[\n for x in var.list :\n x\n]", R"(["a", "b", "c"])"},
           {"[for x in var.list : var.name]", R"(["web", "web", "web"])"},
           {"{for x in [\"a\", \"a\"] : x => 1}", "", "Two items of this \"for\" expression have the key \"a\""},
           {"[for x in 5 : x]", "", "this is a number"},
           {"[for x in null : x]", "", "this is null"},
           {"[for x var.list : x]", "", "\"in\""},
           {"{for = 1}", R"({"for": 1})"},
       })
    check(r);
}

TEST(evaluate, names_that_only_the_runtime_knows) {
  for (const row& r : std::vector<row>{
           {"\"${attr.kernel.name}\"", "\"${attr.kernel.name}\""},
           {"\"foo-${NOMAD_ALLOC_INDEX}\"", "\"foo-${NOMAD_ALLOC_INDEX}\""},
           {"\"${env[\\\"X\\\"]}\"", "", "Invalid"},
           {"\"${env[\"X\"]}:${var.count}\"", "\"${env[\\\"X\\\"]}:3\""},
           {"attr.cpu.arch", "\"${attr.cpu.arch}\""},
           {"\"${meta.a-b.0}\"", "\"${meta.a-b.0}\""},
           {"[\"${node.unique.id}\", NOMAD_PORT_db]", R"(["${node.unique.id}", "${NOMAD_PORT_db}"])"},
           {"\"${attr.x[var.count]}\"", "\"${attr.x[3]}\""},
           {"\"${attr.x[var.name]}\"", "\"${attr.x[\\\"web\\\"]}\""},
           {"\"$${var.name} %%{if}\"", "\"${var.name} %{if}\""},
           {"\"${var.flag ? attr.a : attr.b}\"", "\"${attr.a}\""},
           {"{a = \"${meta.rack}\"}", R"({"a": "${meta.rack}"})"},
           {"NOMAD_COUNT + 1", "", "known only when the task runs"},
           {"\"${ attr.x }\"", "\"${attr.x}\""},
           {"attr.list[*].x", "\"${attr.list[*].x}\""},
       })
    check(r);
  check({"atr.x", "", "Unknown variable"}, unknown_names::are_errors);
  check({"vra.count", "", "Did you mean \"var\"?"}, unknown_names::are_errors);
}

TEST(evaluate, templates) {
  for (const row& r : std::vector<row>{
           {"\"a${1 + 1}b\"", "\"a2b\""},
           {"\"${[1]}\"", "[1]"},
           {"\"${true}!\"", "\"true!\""},
           {"\"\"", "\"\""},
           {R"("\n\t\"\\\u00e9\U0001F600")", R"("\n\t\"\\é😀")"},
           {"\"%{ if var.flag }yes%{ else }no%{ endif }\"", "\"yes\""},
           {"\"%{ if false }yes%{ endif }\"", "\"\""},
           {"\"%{ for x in var.list }[${x}]%{ endfor }\"", "\"[a][b][c]\""},
           {"\"%{ for i, x in var.list }${i}%{ if i < 2 },%{ endif }%{ endfor }\"", "\"0,1,2\""},
           {"\"a   ${~ 1 ~}   b\"", "\"a1b\""},
           {"\"a ${\"nested ${\"deep\"}\"}\"", "\"a nested deep\""},
           {"\"$ % $$ {}\"", "\"$ % $$ {}\""},
           {"\"$$${1}\"", "\"$${1}\""},
           {"\"${[1]}x\"", "", "jsonencode()"},
           {"\"${null}x\"", "", "null"},
           {"\"abc", "", "no closing quote"},
           {"\"a\nb\"", "", "multi-line"},
           {"\"\\d\"", "", "Invalid escape sequence"},
           {"\"${1\"", "", "Extra characters"},
           {"\"%{ if true }x\"", "", "needs an \"endif\""},
           {"\"%{ endif }\"", "", "Unexpected template directive"},
           {"\"%{ wat }\"", "", "Invalid template directive"},
           {"\"%{ for x in [] }%{ endif }\"", "", "endfor"},
       })
    check(r);
}

TEST(evaluate, heredocs) {
  for (const row& r : std::vector<row>{
           {"<<EOT\nhello\n  ${var.name}\nEOT\n", "\"hello\\n  web\\n\""},
           {"<<-EOT\n    a\n      b\n\n    c\n    EOT\n", "\"a\\n  b\\n\\nc\\n\""},
           {"<<EOT\nEOT\n", "\"\""},
           {"<<EOT\n\\n \"q\"\nEOT\n", "\"\\\\n \\\"q\\\"\\n\""},
           {"<<EOT\n$${x} %%{y}\nEOT\n", "\"${x} %{y}\\n\""},
           {"<<EOT\n%{ for x in var.list ~}\n  - ${x}\n%{ endfor ~}\nend\nEOT\n", "\"  - a\\n  - b\\n  - c\\nend\\n\""},
           {"<<-EOT\n  ${var.name}\n    x\n  EOT\n", "\"web\\n  x\\n\""},
           {"<<-EOT\n  a\n${var.name}\n  EOT\n", "\"  a\\nweb\\n\""},
           {"<<-EOT\n  %{ if true ~}\n  yes\n  %{ endif ~}\n  EOT\n", "\"yes\\n\""},
           {"[<<EOT\na\nEOT\n, <<EOT\nb\nEOT\n]", R"(["a\n", "b\n"])"},
           {"<<EOT\n{{ env \"X\" }} ${NOMAD_X}\nEOT\n", "\"{{ env \\\"X\\\" }} ${NOMAD_X}\\n\""},
           {"<<EOT\nx\nEOT", "\"x\\n\""},
           {"<<EOT\nabc", "", "Unterminated heredoc"},
           {"<<EOT\nabc\nEOTX\n", "", "Unterminated heredoc"},
       })
    check(r);
}

}  // namespace
}  // namespace drover::hcl
