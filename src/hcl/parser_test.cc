// Bodies, their errors and recovery, JSON syntax, and the limits: whatever the text, the parser ends with a tree or a
// message.
#include "hcl/parser.h"

#include <gtest/gtest.h>

#include <ctime>
#include <random>

#include "hcl/decode.h"
#include "hcl/limits.h"

namespace drover::hcl {
namespace {

// The shape of a native body in one line: a block(label){...} and an attribute=kind.
std::string shape(const body& b) {
  std::string out;
  for (const auto& a : b.attributes) out += a.name + "=" + std::string(a.expr->where.text()) + ";";
  for (const auto& inner : b.blocks) {
    out += inner.type;
    for (const auto& label : inner.labels) out += "(" + label.text + ")";
    out += "{" + shape(*inner.content) + "}";
  }
  return out;
}

TEST(parser, bodies) {
  struct row {
    std::string text, shape;
  };
  for (const row& r : std::vector<row>{
           {"", ""},
           {"\n\n# only a comment", ""},
           {"a = 1", "a=1;"},
           {"a = 1 # c\nb = 2 // d\n/* e\n f */ c = 3\n", "a=1;b=2;c=3;"},
           {"a{}", "a{}"},
           {"a \"b\" c {\n}\n", "a(b)(c){}"},
           {"a { b = 1 }", "a{b=1;}"},
           {"a {\n  b { c = 1 }\n}", "a{b{c=1;}}"},
           {"a { b { c = 1 } }", "a{b{c=1;}}"},
           {"\xef\xbb\xbfx = 1\r\ny = 2\r\n", "x=1;y=2;"},
           {"\"a.b\" = 1", "a.b=1;"},
           {"a = [\n 1,\n 2,\n]\nb = {\n x = 1\n y = 2\n}\n", "a=[\n 1,\n 2,\n];b={\n x = 1\n y = 2\n};"},
           {"a = (1 +\n 2)", "a=(1 +\n 2);"},
           {"x-y_z = 1\nüber = 2", "x-y_z=1;über=2;"},
           {"a = <<X\n}\n{ \"\nX\nb = 1\n", "a=<<X\n}\n{ \"\nX;b=1;"},
           {"a = \"x ${\"}\"} y\"\n", "a=\"x ${\"}\"} y\";"},
           {"a \"q\\\"q $${x}\" {}", "a(q\"q ${x}){}"},
       }) {
    SCOPED_TRACE(r.text);
    auto parsed = parse("f", r.text);
    EXPECT_FALSE(parsed.problems.has_errors()) << parsed.problems.lines();
    EXPECT_EQ(shape(*parsed.root), r.shape);
  }
}

TEST(parser, hcl1_has_many_arguments_a_line) {
  const std::pair<std::string, std::string> rows[] = {
      {"p { a = 1 b = 2 }", "p{a=1;b=2;}"},
      {"p { a = 1, b = 2 }", "p{a=1;b=2;}"},
      {"p { a = \"x\" b = [1, 2] c { d = true e = false } f = 3 }", "p{a=\"x\";b=[1, 2];f=3;c{d=true;e=false;}}"},
      {"a = 1 b = 2\nc {} d {}", "a=1;b=2;c{}d{}"},
      {"p {\n a = 1,\n b = 2,\n}\n", "p{a=1;b=2;}"},
      {"m = { a = 1 \"b\" = 2 }", "m={ a = 1 \"b\" = 2 };"},
  };
  for (const auto& [text, expected] : rows) {
    SCOPED_TRACE(text);
    auto parsed = parse("f", text, argument_lines::many_a_line);
    EXPECT_FALSE(parsed.problems.has_errors()) << parsed.problems.lines();
    EXPECT_EQ(shape(*parsed.root), expected);
    EXPECT_TRUE(parse("f", text).problems.has_errors());
  }
  for (std::string text : {"a = 1 = 2", "p { a = 1 b }", "p { a = 1,, b = 2 }", "m = { a = 1 b }", "m = { a = 1"}) {
    SCOPED_TRACE(text);
    EXPECT_TRUE(parse("f", text, argument_lines::many_a_line).problems.has_errors());
  }
}

TEST(parser, errors_have_a_place_and_a_remedy) {
  struct row {
    std::string text, message;
  };
  for (const row& r : std::vector<row>{
           {"a", "f:1,2-2: Invalid argument or block; After the name \"a\" comes"},
           {"a = ", "f:1,5-5: Invalid expression; Expected a value, but the end of the file was found."},
           {"a = 1, b = 2",
            "Missing newline after argument; An argument ends with its line, but \",\" was found after it. Arguments "
            "are not separated by commas."},
           {"a: 1", "Set an argument with an equals sign."},
           {"a {", "f:1,3-4: Unclosed configuration block"},
           {"}", "f:1,1-2: Unexpected closing brace"},
           {"a = 1\na = 2", "f:2,1-2: Attribute redefined; The argument \"a\" was already set at line 1, column 1."},
           {"a { b = 1, c = 2 }", "Invalid single-argument block definition"},
           {"a \"b\" = 1", "whose name is one word without quotes"},
           {"\"a\" {}", "A block's type is written without quotes"},
           {"a \"${x}\" {}", "A label or a quoted name cannot hold an interpolation"},
           {"a = 'x'", "Strings are written between double quotes."},
           {"a = <<EOT x\nEOT\n", "as in <<EOT"},
           {"a = 1 /* open", "must end with \"*/\""},
           {"a = 5m\n", "A size or duration is a string: \"5m\"."},
           {"a = [1,\n2\nb = 3\n", "Missing \",\" or \"]\""},
           {"5 = 1", "starts with a name, but the number 5 was found"},
           {"a = 1 +\n2",
            "f:1,8-2,1: Invalid expression; Expected a value, but the end of the line was found. Put an expression "
            "that spans several lines into parentheses."},
           {"a {} b {}", "Missing newline after block definition"},
           {std::string("a = \x01"), "the control character 0x01"},
           {std::string("a\0b", 3), "this is no text"},
           {"a = f(1", "Missing \")\"; The function call that starts at line 1, column 6 needs"},
           {"a = \"${1 2}\"", "Write \"$${\" if the characters"},
           {"a = 1e999", "too large"},
       }) {
    SCOPED_TRACE(r.text);
    auto parsed = parse("f", r.text);
    EXPECT_NE(parsed.problems.lines().find(r.message), std::string::npos) << parsed.problems.lines();
  }
}

TEST(parser, goes_on_after_an_error) {
  auto parsed = parse("f", "job \"x\" {\n  a = [1, 2\n  b = 3\n}\n");
  EXPECT_EQ(parsed.problems.error_count(), 1u) << parsed.problems.lines();
  parsed = parse("f", "a = 'x'\nb = 2\nblock {\n  c = = 1\n  d = 4\n}\ne = \"un\nf = 6\n");
  EXPECT_EQ(parsed.problems.error_count(), 3u) << parsed.problems.lines();
  EXPECT_EQ(shape(*parsed.root), "b=2;f=6;block{d=4;}");
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "= 1\n";
  parsed = parse("f", many);
  EXPECT_LE(parsed.problems.error_count(), errors_max + 1);
}

TEST(parser, json_errors) {
  struct row {
    std::string text, message;
  };
  for (const row& r : std::vector<row>{
           {"{\"a\": 1,}",
            "f:1,8-9: Invalid JSON; JSON does not permit a comma after the last property of an object. Remove the "
            "comma."},
           {"{\"a\": [1,]}", "after the last element of an array"},
           {"{\"a\" 1}", "Expected a colon"},
           {"{a: 1}", "property name between double quotes, but \"a\" was found"},
           {"{\"a\": tru}", "The word \"tru\" is no JSON value"},
           {"{\"a\": 01}", "no JSON number"},
           {"{\"a\": \"x\ny\"}", "Write \\n for a newline"},
           {"{\"a\": \"\\x\"}", "no JSON escape"},
           {"{} {}", "the JSON value is complete"},
           {"", "Expected a JSON value, but the end of the file"},
           {"5", "A JSON object is required"},
           {"{\"a\": \"${1 +}\"}", "f:1,13-14: Invalid expression; Expected a value, but \"}\" was found."},
           {"{\"a\": \"\\n${1 +}\"}", "f:1,7-17: Invalid expression"},
       }) {
    SCOPED_TRACE(r.text);
    auto parsed = parse_json("f", r.text);
    std::string lines = parsed.problems.lines();
    std::string wanted = r.message;
    if (wanted[0] == 't') wanted[0] = 'T';
    EXPECT_NE(lines.find(wanted), std::string::npos) << lines;
  }
}

TEST(parser, json_escapes_and_templates_in_them) {
  auto parsed = parse_json("f", R"({"a": "\u00e9\ud83d\ude00\"${1 + 1}\n$${x}", "b": "x${attr.y}", "c": {"${2}": "\ud800"}})");
  ASSERT_FALSE(parsed.problems.has_errors()) << parsed.problems.lines();
  diagnostics problems;
  decoder d(parsed.root, std::make_shared<eval_context>(unknown_names::are_kept), problems);
  EXPECT_EQ(d.text("a"), "é😀\"2\n${x}");
  EXPECT_EQ(d.text("b"), "x${attr.y}");
  EXPECT_EQ(*d.get("c")->find("2"), value("\xef\xbf\xbd"));
}

TEST(parser, deep_nesting_ends_with_a_message) {
  auto repeat = [](std::string_view text, int n) {
    std::string out;
    for (int i = 0; i < n; ++i) out += text;
    return out;
  };
  constexpr int deep = 100'000;
  for (const char* opening :
       {"(", "[", "{a=", "!", "-", "f(", "\"${", "[for x in ", "a[", "true ? 1 : ", "true ? ", "\"%{ if true }", "<<E\n${", "{(", "{for x in y : x => "}) {
    SCOPED_TRACE(opening);
    auto parsed = parse("f", "a = " + repeat(opening, deep));
    EXPECT_TRUE(parsed.problems.has_errors());
    EXPECT_LE(parsed.problems.error_count(), errors_max + 1);
  }
  EXPECT_NE(parse("f", "a = " + repeat("(", deep) + "1" + repeat(")", deep)).problems.lines().find("nest more than 200 levels"), std::string::npos);
  EXPECT_NE(parse("f", repeat("a {\n", deep) + repeat("}\n", deep)).problems.lines().find("nest more than 200 levels"), std::string::npos);
  EXPECT_NE(parse("f", "a = 1" + repeat(" + 1", deep)).problems.lines().find("More than 1000 operators"), std::string::npos);
  EXPECT_TRUE(parse("f", "a = \"" + repeat("%{ if true }", deep) + repeat("%{ endif }", deep) + "\"").problems.has_errors());
  EXPECT_NE(parse_json("f", repeat("[", deep)).problems.lines().find("nest more than 200 levels"), std::string::npos);
  EXPECT_NE(parse_json("f", repeat("{\"a\":", deep)).problems.lines().find("nest more than 200 levels"), std::string::npos);
  // Long is not deep.
  EXPECT_FALSE(parse("f", "a = x" + repeat(".y", deep)).problems.has_errors());
  EXPECT_FALSE(parse("f", "a = x" + repeat("[0]", deep)).problems.has_errors());
  EXPECT_FALSE(parse("f", "a = [" + repeat("1,", deep) + "]").problems.has_errors());
  EXPECT_FALSE(parse("f", "a = \"" + repeat("${x}", deep) + "\"").problems.has_errors());
}

TEST(parser, expressions_nested_up_to_the_limit_can_be_evaluated) {
  std::string chain = "1";
  for (int i = 0; i < 900; ++i) chain += " + 1";
  std::string text = std::string(90, '(') + chain + std::string(90, ')');
  auto parsed = parse_expression("f", text);
  ASSERT_NE(parsed.expr, nullptr) << parsed.problems.lines();
  diagnostics problems;
  EXPECT_EQ(evaluate(*parsed.expr, eval_context(), problems), value(901));
}

TEST(evaluate, work_and_memory_are_bounded) {
  eval_context context;
  value::list numbers;
  for (int i = 0; i < 1024; ++i) numbers.emplace_back(i);
  ASSERT_TRUE(context.set("n", value(numbers)));
  ASSERT_TRUE(context.set("s", value(std::string(1 << 20, 'x'))));
  for (const char* text : {"[for a in n : [for b in n : [for c in n : 1]]]", "[for a in n : [for b in n : s]]", "join(s, n)",
                           "try([for a in n : [for b in n : s]], 1)", "\"%{ for a in n }%{ for b in n }${s}%{ endfor }%{ endfor }\"", "replace(s, \"x\", s)"}) {
    SCOPED_TRACE(text);
    auto parsed = parse_expression("f", text);
    ASSERT_NE(parsed.expr, nullptr) << parsed.problems.lines();
    diagnostics problems;
    auto v = evaluate(*parsed.expr, context, problems);
    EXPECT_FALSE(v.has_value()) << "not stopped";
  }
  value deep;
  for (int i = 0; i < value_depth_max + 1; ++i) deep = value(value::list{deep});
  EXPECT_FALSE(context.set("deep", deep));
}

constexpr std::string_view sample = R"(variable "n" {
  type    = map(list(string))
  default = { a = ["x", "y"], "b c" = [] }
}
locals { total = 1 + 2 * -3 }
job "x-${1}" {
  datacenters = ["dc1", "dc2"] # comment
  meta { owner = "a ${attr.kernel.name} b $${c}" }
  dynamic "group" {
    for_each = { for k, v in { a = 1, b = [2] } : k => v if k != "z" }
    labels   = [group.key]
    content {
      count = length([for x in [1, 2] : x * 2 if x > 1]) > 0 ? 3 : try(a.b[*].c, 4)
      template {
        data = <<-EOT
          {{ range service "x" }}
          %{ for x in ["a", "b"] ~}
          line ${upper(x)} %{ if x == "a" }first%{ else }later%{ endif }
          %{ endfor ~}
        EOT
      }
    }
  }
}
)";
constexpr std::string_view json_sample =
    R"({"job": {"x": {"datacenters": ["dc1"], "meta": {"a": "b ${1 + 2} \u00e9"}, "group": [{"g": {"count": 1.5e2, "task": {"t": {"config": {"args": ["${NOMAD_X}", null, true]}}}}}]}}})";

// Parses and evaluates everything in the text.
void exercise(const std::string& text, bool json) {
  auto parsed = json ? parse_json("fuzz", text) : parse("fuzz", text);
  diagnostics problems;
  auto context = std::make_shared<eval_context>(unknown_names::are_kept);
  to_value({"root", {}, {}, parsed.root, context, {}}, problems);
  parsed.problems.append(problems);
  EXPECT_FALSE(parsed.problems.pages().empty() && parsed.problems.has_errors());
}

TEST(parser, random_changes_of_valid_files_never_crash) {
  constexpr uint64_t seed = 20261121;
  RecordProperty("seed", std::to_string(seed));
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  auto below = [&](size_t n) { return static_cast<size_t>(random() % std::max<size_t>(n, 1)); };
  constexpr std::string_view bits[] = {"${",  "%{",  "}",  "{",  "\"",  "\\",   "<<EOT\n", "EOT",      "~",  "[",  "]",    "(",
                                       ")",   "[*]", ".*", ".",  "...", "=>",   "? :",     "for x in", "if", "\n", "\xff", "\xc3",
                                       "\\u", "0",   "-",  "/*", "#",   "null", ",",       "=",        "\r", "\t", "1e"};
  for (int round = 0; round < 4000; ++round) {
    bool json = round % 3 == 0;
    std::string text(json ? json_sample : sample);
    for (size_t changes = 1 + below(4); changes > 0; --changes) {
      size_t at = below(text.size() + 1);
      switch (below(5)) {
        case 0: text.insert(at, bits[below(std::size(bits))]); break;
        case 1: text.erase(at, below(12)); break;
        case 2:
          if (at < text.size()) text[at] = static_cast<char>(1 + below(255));
          break;
        case 3: text.insert(at, text.substr(below(text.size()), below(40))); break;
        default: text.resize(std::max(at, text.size() / 2)); break;
      }
    }
    exercise(text, json);
    if (HasFailure()) FAIL() << text;
  }
}

TEST(parser, a_large_file_takes_linear_time) {
  std::string block =
      "group \"g\" {\n  count = 3\n  task \"t\" {\n    driver = \"raw_exec\"\n    config {\n      command = "
      "\"/bin/${attr.kernel.name}\"\n      args    = [\"-c\", \"x\", 1 + 2]\n    }\n  }\n}\n";
  std::string many, heredoc = "data = <<-EOT\n";
  while (many.size() < (4u << 20)) many += block;
  while (heredoc.size() < (10u << 20)) heredoc += "  some line of a template {{ key \"x\" }} ${NOMAD_ALLOC_ID}\n";
  heredoc += "  EOT\n";
  auto measure = [](const char* what, const std::string& text) {
    auto begin = std::clock();
    auto parsed = parse("big", text);
    double took = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;  // of the processor: others may use it too
    EXPECT_FALSE(parsed.problems.has_errors()) << parsed.problems.lines();
    printf("{\"bench\":\"hcl_parse_%s\",\"mb\":%.1f,\"mb_per_s\":%.1f}\n", what, static_cast<double>(text.size()) / 1e6,
           static_cast<double>(text.size()) / 1e6 / took);
    return parsed;
  };
  EXPECT_EQ(measure("blocks", many).root->blocks.size(), many.size() / block.size());
  auto parsed = measure("heredoc", heredoc);
  diagnostics problems;
  decoder d(parsed.root, std::make_shared<eval_context>(unknown_names::are_kept), problems);
  auto data = d.text("data");
  ASSERT_TRUE(data.has_value()) << problems.lines();
  EXPECT_TRUE(data->starts_with("some line of a template {{ key \"x\" }} ${NOMAD_ALLOC_ID}\nsome"));
}

}  // namespace
}  // namespace drover::hcl
