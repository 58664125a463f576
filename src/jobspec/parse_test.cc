#include "jobspec/parse.h"

#include <fmt/format.h>

#include "base/source_dir.h"
#include "codec/compare.h"
#include "codec/json.h"
#include "hcl/function.h"
#include "jobspec/canonical.h"
#include "jobspec/example.h"
#include "jobspec/test_dialogue.h"
#include "jobspec/validate.h"

namespace drover::jobspec {
namespace {

schema::job parsed(std::string text, const parse_options& options = {}) {
  auto out = parse({"test.hcl", std::move(text)}, options);
  EXPECT_EQ(out.problems.lines(), "");
  return out.job.value_or(schema::job{});
}

std::string problems(std::string text, const parse_options& options = {}) { return parse({"test.hcl", std::move(text)}, options).problems.lines(); }

TEST(parse, every_block) {
  auto job = parsed(read_text(testdata("every-block.nomad.hcl")));
  expect_golden("every-block.json", codec::to_json(job, {.pretty = true}));
}

TEST(parse, errors) {
  run_dialogue("errors.golden", [](const std::string& input) { return parse({"job.hcl", input}).problems.lines(); });
}

TEST(parse, json_syntax_is_the_same_job) {
  auto native = parsed(R"(
    variable "v" { default = "1" }
    locals { l = "x${var.v}" }
    job "j" {
      datacenters = ["a"]
      meta { k = local.l }
      constraint {
        attribute = "${attr.a}"
        value     = "b"
      }
      constraint { distinct_hosts = true }
      group "g" {
        count = 2
        network { port "http" { static = 80 } }
        task "t" {
          driver = "exec"
          config {
            command = "c"
            args = ["${NOMAD_PORT_http}"]
          }
          env { A = "1" }
          template {
            destination = "d"
            data        = "x"
          }
        }
        task "u" { driver = "exec" }
      }
    })");
  auto json = parsed(R"({
    "variable": {"v": {"default": "1"}},
    "locals": {"l": "x${var.v}"},
    "job": {"j": {
      "datacenters": ["a"],
      "meta": {"k": "${local.l}"},
      "constraint": [{"attribute": "${attr.a}", "value": "b"}, {"distinct_hosts": true}],
      "group": {"g": {
        "count": 2,
        "network": [{"port": {"http": {"static": 80}}}],
        "task": [{"t": {
          "driver": "exec",
          "config": {"command": "c", "args": ["${NOMAD_PORT_http}"]},
          "env": [{"A": "1"}],
          "template": {"destination": "d", "data": "x"}
        }}, {"u": {"driver": "exec"}}]
      }}
    }}})");
  EXPECT_EQ(codec::to_json(native, {.pretty = true}), codec::to_json(json, {.pretty = true}));
}

TEST(parse, job_survives_api_json) {
  auto job = parsed(read_text(testdata("every-block.nomad.hcl")));
  for (auto text : {codec::to_json(job), "{\"Job\": " + codec::to_json(job) + "}"}) {
    auto back = parse_api_json(text);
    ASSERT_TRUE(back.has_value()) << back.error().text();
    EXPECT_TRUE(codec::equal(job, *back));
  }
  EXPECT_FALSE(parse_api_json("[]").has_value());
  EXPECT_FALSE(parse_api_json("null").has_value());
  EXPECT_FALSE(parse_api_json("{\"Job\": null}").has_value());
  EXPECT_FALSE(parse_api_json("{\"Job\": {\"Priority\": \"x\"}}").has_value());
}

TEST(parse, api_json_with_nulls_has_defaults) {
  auto job = parse_api_json(R"({"Job": {"ID": "x", "Type": null, "Priority": null, "Namespace": null, "Update": null,
    "TaskGroups": [{"Name": "g", "Count": null, "Tasks": [{"Name": "t", "Driver": "exec", "KillTimeout": null, "LogConfig": null}]}]}})");
  ASSERT_TRUE(job.has_value()) << job.error().text();
  canonicalize(*job);
  EXPECT_EQ(job->task_groups.at(0).count, 1);
  EXPECT_EQ(job->priority, 50);
  EXPECT_EQ(job->type, "service");
  EXPECT_EQ(multi_error(validate(*job).errors), "");
}

TEST(parse, shorthands) {
  auto job = parsed(R"(job "j" {
    vault { role = "outer" }
    secret "s" {
      provider = "nomad"
      path     = "p"
    }
    task "lone" { driver = "exec" }
    group "g" {
      vault { role = "group" }
      scaling { max = 5 }
      count = 3
      task "a" {
        vault { role = "own" }
      }
      task "b" {
        secret "mine" { provider = "x" }
      }
    }
    group "h" {
      scaling { min = 2 }
      task "c" {}
    }
  })");
  ASSERT_EQ(job.task_groups.size(), 3u);
  const auto& g = job.task_groups[0];
  EXPECT_EQ(g.scaling->min, 3);
  EXPECT_EQ(g.tasks[0].vault->role, "own");
  EXPECT_EQ(g.tasks[1].vault->role, "group");
  ASSERT_EQ(g.tasks[1].secrets.size(), 2u);
  EXPECT_EQ(g.tasks[1].secrets[0].name, "s");
  EXPECT_EQ(job.task_groups[1].count, 2);
  EXPECT_EQ(job.task_groups[2].name, "lone");
  EXPECT_EQ(job.task_groups[2].tasks[0].vault->role, "outer");
  EXPECT_TRUE(job.datacenters.empty());
}

TEST(parse, dynamic_blocks_and_expressions) {
  auto job = parsed(R"(
    locals { ports = { http = 80, https = 443 } }
    job "j" {
      group "g" {
        network {
          dynamic "port" {
            for_each = local.ports
            labels   = [port.key]
            content { static = port.value }
          }
        }
        dynamic "task" {
          for_each = [for n in range(3) : "t${n}"]
          labels   = [task.value]
          content {
            driver = task.key == 0 ? "exec" : "raw_exec"
            env { NAME = upper(task.value) }
          }
        }
      }
    })");
  const auto& g = job.task_groups.at(0);
  ASSERT_EQ(g.networks.at(0).reserved_ports.size(), 2u);
  EXPECT_EQ(g.networks[0].reserved_ports[1].label, "https");
  EXPECT_EQ(g.networks[0].reserved_ports[1].value, 443);
  ASSERT_EQ(g.tasks.size(), 3u);
  EXPECT_EQ(g.tasks[2].env.at("NAME"), "T2");
  EXPECT_EQ(g.tasks[2].driver, "raw_exec");
}

TEST(parse, runtime_names_stay) {
  auto job = parsed(R"(job "j" { meta {
    a = "${attr.kernel.name}-${node.unique.id}"
    b = "${NOMAD_ALLOC_ID} ${env["HOME"]} $${x}"
    c = "${meta.a.b}"
  } })");
  EXPECT_EQ(job.meta.at("a"), "${attr.kernel.name}-${node.unique.id}");
  EXPECT_EQ(job.meta.at("b"), "${NOMAD_ALLOC_ID} ${env[\"HOME\"]} ${x}");
  EXPECT_EQ(job.meta.at("c"), "${meta.a.b}");
}

TEST(parse, says_what_the_file_names) {
  auto named = parse({"a", "job \"j\" {\n region = \"r\"\n namespace = \"default\"\n}"});
  EXPECT_TRUE(named.names_namespace && named.names_region);
  auto unnamed = parse({"a", "job \"j\" {}"});
  EXPECT_FALSE(unnamed.names_namespace || unnamed.names_region);
}

constexpr std::string_view with_variables = R"(
variable "text" { default = "default" }
variable "number" {
  type    = number
  default = 1
}
variable "list" {
  type    = list(string)
  default = []
}
variable "flag" { default = false }
job "j" {
  priority    = var.number
  name        = var.text
  datacenters = var.list
  all_at_once = var.flag
})";

TEST(variables, later_sources_win) {
  parse_options options;
  options.environment = {{"NOMAD_VAR_text", "environment"}, {"NOMAD_VAR_number", "2"}, {"NOMAD_VAR_unknown", "x"}, {"HOME", "/"}};
  EXPECT_EQ(parsed(std::string(with_variables), options).name, "environment");
  options.variable_files = {{"a.hcl", "text = \"first\"\nnumber = 3"}, {"b.json", R"({"text": "second", "list": ["a"]})"}};
  auto job = parsed(std::string(with_variables), options);
  EXPECT_EQ(job.name, "second");
  EXPECT_EQ(job.priority, 3);
  EXPECT_EQ(job.datacenters, std::vector<std::string>{"a"});
  options.variables = {{"text", "5"}, {"text", "[flag]"}, {"number", "4"}, {"list", "[\"x\", \"y\"]"}, {"flag", "true"}};
  job = parsed(std::string(with_variables), options);
  EXPECT_EQ(job.name, "[flag]");
  EXPECT_EQ(job.priority, 4);
  EXPECT_EQ(job.datacenters, (std::vector<std::string>{"x", "y"}));
  EXPECT_TRUE(job.all_at_once);
}

TEST(variables, undeclared) {
  parse_options options;
  options.variables = {{"txt", "x"}};
  EXPECT_EQ(problems(std::string(with_variables), options),
            "Undefined variable; A value for \"txt\" was given (-var), but no variable of that name is declared in the "
            "job file. "
            "Did you mean \"text\"?");
  options.strict = false;
  auto out = parse({"a", std::string(with_variables)}, options);
  EXPECT_TRUE(out.job.has_value());
  EXPECT_EQ(out.problems.size(), 1u);
  options = {};
  options.variable_files = {{"vars.hcl", "a = 1\ntexd = 2"}};
  EXPECT_EQ(parse({"a", std::string(with_variables)}, options).problems.error_count(), 2u);
}

TEST(variables, wrong_values_from_outside) {
  parse_options options;
  options.variables = {{"number", "many"}};
  EXPECT_FALSE(parse({"a", std::string(with_variables)}, options).job.has_value());
  options.variables = {{"list", "[1,"}};
  EXPECT_FALSE(parse({"a", std::string(with_variables)}, options).job.has_value());
  options.variables = {{"key", "hunter2 hunter2"}};
  auto secret = problems("variable \"key\" {\n type = list(number)\n sensitive = true\n}\njob \"j\" {}", options);
  EXPECT_FALSE(secret.empty());
  EXPECT_FALSE(secret.contains("hunter2")) << secret;
}

TEST(variables, functions_use_what_the_caller_allows) {
  hcl::function_environment world;
  world.read_file = [](std::string_view path) -> result<std::string> { return "<" + std::string(path) + ">"; };
  parse_options options;
  options.functions = &world;
  EXPECT_EQ(parsed("job \"j\" { meta { a = file(\"x\") } }", options).meta.at("a"), "<x>");
}

TEST(parse, thousand_groups) {
  std::string text = "job \"many\" {\n";
  for (int i = 0; i < 1000; ++i)
    text += fmt::format(
        "group \"g{}\" {{\n count = 1\n task \"t\" {{\n driver = \"raw_exec\"\n config {{\n command = \"true\"\n }}\n "
        "}}\n}}\n",
        i);
  auto job = parsed(text + "}");
  canonicalize(job);
  EXPECT_EQ(job.task_groups.size(), 1000u);
  EXPECT_TRUE(validate(job).ok());
}

TEST(parse, large_template) {
  std::string data(size_t{10} << 20, 'x');
  for (size_t i = 80; i < data.size(); i += 81) data[i] = '\n';
  auto job = parsed("job \"j\" {\n group \"g\" {\n task \"t\" {\n template {\n destination = \"d\"\n data = <<EOT\n" + data + "\nEOT\n}\n}\n}\n}\n");
  EXPECT_EQ(job.task_groups.at(0).tasks.at(0).templates.at(0).embedded_tmpl.size(), data.size() + 1);
}

TEST(parse, depth_is_bounded) {
  std::string deep(100'000, '[');
  EXPECT_FALSE(parse({"a", "job \"j\" { datacenters = " + deep + " }"}).job.has_value());
  std::string json(100'000, '{');
  EXPECT_FALSE(parse({"a.json", json}).job.has_value());
  std::string blocks = "job \"j\" { group \"g\" { task \"t\" { config {";
  for (int i = 0; i < 10'000; ++i) blocks += "a {\n";
  EXPECT_FALSE(parse({"a", blocks}).job.has_value());
}

TEST(parse, damaged_files_are_errors_not_crashes) {
  auto text = read_text(testdata("every-block.nomad.hcl"));
  for (size_t end = 0; end < text.size(); end += 131) parse({"cut.hcl", text.substr(0, end)});
  for (size_t at = 0; at < text.size(); at += 97) {
    auto damaged = text;
    damaged.erase(at, 1 + at % 7);
    auto out = parse({"damaged.hcl", damaged});
    EXPECT_EQ(out.job.has_value(), !out.problems.has_errors());
  }
}

class example_file : public ::testing::TestWithParam<std::string> {};
TEST_P(example_file, is_a_valid_job) {
  auto job = parsed(read_text(std::string(source_dir) + "/examples/" + GetParam()));
  canonicalize(job);
  EXPECT_EQ(multi_error(validate(job).errors), "");
}
INSTANTIATE_TEST_SUITE_P(examples, example_file, ::testing::Values("redis.nomad.hcl", "bootstrap.nomad.hcl", "sleep.nomad.hcl", "hello.nomad.hcl"));

TEST(example, job_init_texts_are_valid) {
  for (auto options : {example_options{}, example_options{.brief = true}, example_options{.connect = true}}) {
    auto job = parsed(std::string(example_job(options)));
    canonicalize(job);
    EXPECT_EQ(multi_error(validate(job).errors), "");
  }
}

}  // namespace
}  // namespace drover::jobspec
