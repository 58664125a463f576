// The pure parts: flags, tables, units, plans, the evaluation log, templates, names. Goldens are Nomad's own output.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "cli/flags.h"
#include "cli/format/colour.h"
#include "cli/format/deployment.h"
#include "cli/format/plan.h"
#include "cli/format/table.h"
#include "cli/format/units.h"
#include "cli/monitor.h"
#include "cli/registry.h"
#include "cli/resolve.h"
#include "cli/template.h"
#include "codec/json.h"

namespace drover::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string plain(std::string_view text) { return format::coloured(text, false); }
timestamp at(std::string_view text) { return parse_rfc3339(text).value(); }

class cli : public testing::Test {
 protected:
  cli() {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
  }
};

constexpr flag_spec some_flags[] = {
    {"tail", flag_kind::boolean, ""}, {"n", flag_kind::number, ""}, {"var", flag_kind::list, ""}, {"wait", flag_kind::duration, ""}};

result<command_line> parse(std::vector<std::string> words, bool stop = false) {
  return parse_command_line(words, {.own = some_flags, .shared = client_flags(), .stop_at_argument = stop});
}

TEST_F(cli, FlagsAreReadInEveryForm) {
  auto line = parse({"-tail", "--n=3", "-var", "a=1", "job", "-var=b=2", "-address", "http://x", "--", "-tail"});
  ASSERT_TRUE(line) << line.error().text();
  EXPECT_TRUE(line->flags.on("tail"));
  EXPECT_EQ(line->flags.number("n"), 3);
  EXPECT_THAT(line->flags.list("var"), ElementsAre("a=1", "b=2"));
  EXPECT_EQ(line->flags.text("address"), "http://x");
  EXPECT_THAT(line->arguments, ElementsAre("job", "-tail"));
  EXPECT_FALSE(parse({"-tail=false"})->flags.on("tail", true));
  EXPECT_THAT(parse({"-tail", "id", "ls", "-l"}, true)->arguments, ElementsAre("id", "ls", "-l"));
  EXPECT_THAT(parse({"-"})->arguments, ElementsAre("-"));
  EXPECT_TRUE(parse({"-h"})->help);
}

TEST_F(cli, WrongFlagsSayWhatIsWrong) {
  EXPECT_EQ(parse({"-tial"}).error().message(), "flag provided but not defined: -tial. Did you mean \"-tail\"?");
  EXPECT_EQ(parse({"-n"}).error().message(), "flag needs an argument: -n");
  EXPECT_THAT(parse({"-n", "x"}).error().message(), HasSubstr("it must be a whole number"));
  EXPECT_THAT(parse({"-tail=maybe"}).error().message(), HasSubstr("true or false"));
  EXPECT_THAT(parse({"-wait", "soon"}).error().message(), HasSubstr("a length of time"));
}

TEST_F(cli, TablesStandInColumns) {
  format::table t({"ID", "Class", "Addresses"});
  t.add({"d918b146", "", "a"});
  t.add({"é", "x", "b"});
  EXPECT_EQ(plain(t.text()), "ID        Class   Addresses\nd918b146  <none>  a\né         x       b");
  format::pairs p;
  p.add("ID", "cache");
  p.add("Submit Date", "");
  EXPECT_EQ(p.text(), "ID          = cache\nSubmit Date = <none>");
}

TEST_F(cli, UnitsReadLikeNomads) {
  EXPECT_EQ(format::binary_size(140), "140 B");
  EXPECT_EQ(format::binary_size(4096), "4.0 KiB");
  EXPECT_EQ(format::binary_size(64ull << 20), "64 MiB");
  EXPECT_EQ(format::binary_size(25276502016ull), "24 GiB");
  EXPECT_EQ(format::clock_time(1795223421329698694), "2026-11-21T01:10:21Z");
  auto now = at("2026-11-21T01:10:28Z");
  EXPECT_EQ(format::time_difference(at("2026-11-21T01:10:21.9Z"), now), "7s ago");
  EXPECT_EQ(format::time_difference(at("2026-11-20T22:05:28Z"), now), "3h5m ago");
  EXPECT_EQ(format::time_difference(at("2026-11-21T01:11:30Z"), now), "1m2s from now");
  EXPECT_EQ(format::time_difference(now, now), "0s ago");
  EXPECT_EQ(format::id_prefix("abc"), "ab");
  EXPECT_EQ(format::id_prefix("abcd"), "abcd");
}

TEST_F(cli, ColoursAreMarksUntilPrinted) {
  auto text = format::paint(format::colour::red, "x");
  EXPECT_EQ(format::coloured(text, true), "\x1b[31mx\x1b[0m");
  EXPECT_EQ(plain(text), "x");
  EXPECT_EQ(format::width(text), 1u);
}

TEST_F(cli, PlanOfADestructiveUpdate) {
  // put-plan.json of the recordings, and plan-destructive.txt.
  auto plan = codec::from_json<schema::job_plan_response>(R"({"Annotations":{"DesiredTGUpdates":{"cache":{"DestructiveUpdate":1,"Ignore":2}}},
    "Diff":{"ID":"cache","Type":"Edited","TaskGroups":[{"Name":"cache","Type":"Edited","Updates":{"ignore":2,"create/destroy update":1},
    "Tasks":[{"Name":"redis","Type":"Edited","Annotations":["forces create/destroy update"],
    "Fields":[{"Name":"Env[VERSION]","New":"two","Old":"one","Type":"Edited"}]}]}]}})");
  ASSERT_TRUE(plan) << plan.error().text();
  EXPECT_EQ(plain(format::job_diff(*plan->diff, false)),
            "+/- Job: \"cache\"\n"
            "+/- Task Group: \"cache\" (1 create/destroy update, 2 ignore)\n"
            "  +/- Task: \"redis\" (forces create/destroy update)\n"
            "    +/- Env[VERSION]: \"one\" => \"two\"\n");
  EXPECT_EQ(plain(format::dry_run(*plan, {}, {})), "- All tasks successfully allocated.\n");
  EXPECT_TRUE(format::plan_changes_allocations(*plan));
}

TEST_F(cli, PlanOfAScaledGroup) {
  schema::job_diff diff;
  diff.type = "Edited";
  diff.id = "cache";
  schema::task_group_diff group;
  group.type = "Edited";
  group.name = "cache";
  group.updates = {{"create", 2}, {"in-place update", 1}};
  group.fields = {{.type = "Edited", .name = "Count", .old = "1", .new_ = "3", .annotations = {"forces create"}}};
  group.tasks.resize(1);
  group.tasks[0].type = "None";
  group.tasks[0].name = "redis";
  diff.task_groups = {group};
  // plan-scale.txt
  EXPECT_EQ(plain(format::job_diff(diff, false)),
            "+/- Job: \"cache\"\n"
            "+/- Task Group: \"cache\" (2 create, 1 in-place update)\n"
            "  +/- Count: \"1\" => \"3\" (forces create)\n"
            "      Task: \"redis\"\n");
}

TEST_F(cli, PlansOfNewAndUnchangedJobs) {
  schema::job_diff diff;
  diff.type = "Added";
  diff.id = "cache";
  schema::task_group_diff group;
  group.type = "Added";
  group.name = "cache";
  group.updates = {{"create", 1}};
  group.tasks.resize(1);
  group.tasks[0].type = "Added";
  group.tasks[0].name = "redis";
  group.tasks[0].annotations = {"forces create"};
  group.tasks[0].fields = {{.type = "Added", .name = "Driver", .old = "", .new_ = "raw_exec", .annotations = {}}};
  diff.task_groups = {group};
  EXPECT_EQ(plain(format::job_diff(diff, false)), "+ Job: \"cache\"\n+ Task Group: \"cache\" (1 create)\n  + Task: \"redis\" (forces create)\n");
  diff.type = diff.task_groups[0].type = diff.task_groups[0].tasks[0].type = "None";
  diff.task_groups[0].updates = {{"ignore", 1}};
  diff.task_groups[0].tasks[0].annotations.clear();
  EXPECT_EQ(plain(format::job_diff(diff, false)), "Job: \"cache\"\nTask Group: \"cache\" (1 ignore)\n  Task: \"redis\"\n");
}

TEST_F(cli, PlanThatCannotPlace) {
  schema::job_plan_response plan;
  schema::alloc_metric metric;
  metric.nodes_evaluated = 1;
  metric.constraint_filtered = {{"${meta.state} = bootstrapping", 1}};
  plan.failed_tg_allocs = {{"sleep", metric}};
  EXPECT_EQ(plain(format::dry_run(plan, {}, {})),
            "- WARNING: Failed to place all allocations.\n"
            "  Task Group \"sleep\" (failed to place 1 allocation):\n"
            "    * Constraint \"${meta.state} = bootstrapping\": 1 nodes excluded by filter\n");
}

schema::evaluation eval_in(std::string status) {
  schema::evaluation e;
  e.id = "0f891857-bf4c-15f7-9fd3-9470155fa9cd";
  e.job_id = "cache";
  e.status = std::move(status);
  e.create_index = 10;
  return e;
}

TEST_F(cli, EvaluationLogSaysEachChangeOnce) {
  // run-new.txt
  evaluation_log log("0f891857-bf4c-15f7-9fd3-9470155fa9cd", false);
  auto first = at("2026-11-21T01:10:21Z"), second = at("2026-11-21T01:10:22Z");
  schema::alloc_list_stub a;
  a.id = "fbb1968a-1123-d390-5aa4-d4c7b65410af";
  a.node_id = "d918b146-d6e0-4879-59ac-6c8fe2ccddb6";
  a.task_group = "cache";
  a.desired_status = "run";
  a.client_status = "pending";
  a.create_index = 11;
  EXPECT_EQ(plain(log.heading(first)), "==> 2026-11-21T01:10:21Z: Monitoring evaluation \"0f891857\"\n");
  EXPECT_EQ(plain(log.update(eval_in("pending"), {a}, first)),
            "    2026-11-21T01:10:21Z: Evaluation triggered by job \"cache\"\n"
            "    2026-11-21T01:10:21Z: Allocation \"fbb1968a\" created: node \"d918b146\", group \"cache\"\n");
  EXPECT_EQ(log.update(eval_in("pending"), {a}, first), "");
  a.client_status = "running";
  a.client_description = "Tasks are running";
  auto done = eval_in("complete");
  done.deployment_id = "89d0a48e-a09f-c9e4-5741-d24c25c031fa";
  EXPECT_EQ(plain(log.update(done, {a}, second)),
            "==> 2026-11-21T01:10:22Z: Monitoring evaluation \"0f891857\"\n"
            "    2026-11-21T01:10:22Z: Evaluation within deployment: \"89d0a48e\"\n"
            "    2026-11-21T01:10:22Z: Allocation \"fbb1968a\" status changed: \"pending\" -> \"running\" (Tasks are running)\n"
            "    2026-11-21T01:10:22Z: Evaluation status changed: \"pending\" -> \"complete\"\n");
  EXPECT_EQ(plain(log.finish(done, second)), "==> 2026-11-21T01:10:22Z: Evaluation \"0f891857\" finished with status \"complete\"\n");
}

TEST_F(cli, EvaluationLogSaysWhatCouldNotBePlaced) {
  // run-pending.txt
  auto eval = eval_in("complete");
  eval.blocked_eval = "0fb5a881-0000-0000-0000-000000000000";
  schema::alloc_metric metric;
  metric.nodes_evaluated = 1;
  metric.constraint_filtered = {{"${meta.state} = bootstrapping", 1}};
  eval.failed_tg_allocs = {{"sleep", metric}};
  evaluation_log log(eval.id, false);
  EXPECT_EQ(plain(log.finish(eval, at("2026-11-21T01:10:44Z"))),
            "==> 2026-11-21T01:10:44Z: Evaluation \"0f891857\" finished with status \"complete\" but failed to place all allocations:\n"
            "    2026-11-21T01:10:44Z: Task Group \"sleep\" (failed to place 1 allocation):\n"
            "      * Constraint \"${meta.state} = bootstrapping\": 1 nodes excluded by filter\n"
            "    2026-11-21T01:10:44Z: Evaluation \"0fb5a881\" waiting for additional capacity to place remainder\n");
}

TEST_F(cli, DeploymentBlock) {
  // deployment-status.txt
  schema::deployment d;
  d.id = "89d0a48e-a09f-c9e4-5741-d24c25c031fa";
  d.job_id = "cache";
  d.status = "successful";
  d.status_description = "Deployment completed successfully";
  auto& group = d.task_groups["cache"];
  group.require_progress_by = at("2026-11-21T01:20:23Z");
  group.desired_total = group.placed_allocs = group.healthy_allocs = 1;
  EXPECT_EQ(
      plain(format::deployment(d, {})),
      "ID          = 89d0a48e\nJob ID      = cache\nJob Version = 0\nStatus      = successful\nDescription = Deployment completed successfully\n\n"
      "Deployed\nTask Group  Desired  Placed  Healthy  Unhealthy  Progress Deadline\ncache       1        1       1        0          2026-11-21T01:20:23Z");
}

TEST_F(cli, PrefixesResolve) {
  size_t at = 9;
  EXPECT_EQ(choose({"cache", "cache-2"}, "cache", at), match::one);
  EXPECT_EQ(at, 0u);
  EXPECT_EQ(choose({"cache", "cache-2"}, "cac", at), match::many);
  EXPECT_EQ(choose({"web", "cache-2"}, "cac", at), match::one);
  EXPECT_EQ(at, 1u);
  EXPECT_EQ(choose({"web"}, "x", at), match::none);
}

TEST_F(cli, CommandsAreFoundByTheirLongestName) {
  auto name = [](std::vector<std::string> words) {
    auto found = find_command(words);
    return found ? fmt::format("{}/{}", found->self->name, found->words) : "none";
  };
  EXPECT_EQ(name({"job", "run", "x.hcl"}), "job run/2");
  EXPECT_EQ(name({"run", "x.hcl"}), "job run/1");
  EXPECT_EQ(name({"alloc-status", "id"}), "alloc status/1");
  EXPECT_EQ(name({"node", "pool", "list"}), "node pool list/3");
  EXPECT_EQ(name({"job"}), "none");
  std::vector<std::string> typo = {"job", "rnu"};
  EXPECT_EQ(did_you_mean(typo), "job run");
  for (const auto* c : all_commands()) EXPECT_THAT(help_of(*c, "drover"), HasSubstr(std::string("Usage: drover ") + std::string(c->name)));
}

TEST_F(cli, TemplatesPrintFields) {
  auto data = codec::value_from_json(R"({"ID":"cache","N":3,"Groups":[{"Name":"a","Count":1},{"Name":"b","Count":0}],"Meta":{"x":"y"},"None":null})").value();
  struct row {
    std::string_view source, text;
  };
  const row rows[] = {
      {"{{.ID}}", "cache"},
      {"{{range .Groups}}{{.Name}}={{.Count}} {{end}}", "a=1 b=0 "},
      {"{{range $i, $g := .Groups}}{{$i}}{{$g.Name}}{{end}}", "0a1b"},
      {"{{range .Groups}}{{if .Count}}{{.Name}}{{else}}-{{end}}{{end}}", "a-"},
      {"{{if eq .N 1}}one{{else if eq .N 3}}three{{else}}many{{end}}", "three"},
      {"{{with .Meta}}{{.x}}{{end}}", "y"},
      {"{{len .Groups}} {{printf \"%5s|%-3d|\" .ID .N}}", "2 cache|3  |"},
      {"{{ .ID -}}   x", "cachex"},
      {"{{index .Meta \"x\"}} {{.ID | printf \"%q\"}}", "y \"cache\""},
      {"{{.Groups}}", "[map[Count:1 Name:a] map[Count:0 Name:b]]"},
      {"{{json .Meta}}{{/* none */}}", "{\"x\":\"y\"}"},
      {"{{.None}}", "<no value>"},
      {"{{if and .ID (gt .N 2)}}yes{{end}}", "yes"},
  };
  for (const auto& r : rows) {
    auto out = run_template(r.source, data);
    EXPECT_TRUE(out && *out == r.text) << r.source << ": " << (out ? *out : out.error().text());
  }
  for (auto wrong : {"{{.ID", "{{range .Groups}}", "{{end}}", "{{nothing .ID}}", "{{.Wrong}}", "{{range .ID}}{{end}}", "{{(.ID}}"})
    EXPECT_FALSE(run_template(wrong, data)) << wrong;
}

}  // namespace
}  // namespace drover::cli
