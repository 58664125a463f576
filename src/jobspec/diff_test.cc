#include "jobspec/diff.h"

#include <gmock/gmock.h>

#include "base/text.h"
#include "codec/json.h"
#include "jobspec/canonical.h"
#include "jobspec/parse.h"
#include "jobspec/test_dialogue.h"

namespace drover::jobspec {
namespace {

std::optional<schema::job> canonical(const std::string& text) {
  if (trim(text).empty()) return std::nullopt;
  auto out = parse({"job.hcl", text});
  EXPECT_EQ(out.problems.lines(), "");
  if (out.job.has_value()) canonicalize(*out.job);
  return out.job;
}

std::string mark(const std::string& type) { return type == "Added" ? "+ " : type == "Deleted" ? "- " : type == "Edited" ? "+/- " : ""; }

std::string notes(const std::vector<std::string>& annotations) { return annotations.empty() ? "" : " (" + join(annotations, ", ") + ")"; }

void show(std::string& out, size_t indent, const std::vector<schema::field_diff>& fields, const std::vector<schema::object_diff>& objects) {
  std::string blanks(indent, ' ');
  for (const auto& f : fields) out += fmt::format("{}{}{}: \"{}\" => \"{}\"{}\n", blanks, mark(f.type), f.name, f.old, f.new_, notes(f.annotations));
  for (const auto& o : objects) {
    out += fmt::format("{}{}{}\n", blanks, mark(o.type), o.name);
    show(out, indent + 2, o.fields, o.objects);
  }
}

std::string shown(const schema::job_diff& diff) {
  std::string out = fmt::format("{}Job: \"{}\"\n", mark(diff.type), diff.id);
  show(out, 2, diff.fields, diff.objects);
  for (const auto& group : diff.task_groups) {
    out += fmt::format("{}Group: \"{}\"", mark(group.type), group.name);
    for (const auto& [what, count] : group.updates) out += fmt::format(" ({} {})", count, what);
    out += "\n";
    show(out, 2, group.fields, group.objects);
    for (const auto& task : group.tasks) {
      out += fmt::format("  {}Task: \"{}\"{}\n", mark(task.type), task.name, notes(task.annotations));
      show(out, 4, task.fields, task.objects);
    }
  }
  return out;
}

TEST(diff, cases) {
  run_dialogue("diff.golden", [](const std::string& input) {
    size_t at = input.find("+++\n");
    auto before = canonical(input.substr(0, at));
    auto after = canonical(input.substr(at + 4));
    auto found = diff(before ? &*before : nullptr, after ? &*after : nullptr);
    annotate(found, nullptr);
    return shown(found);
  });
}

TEST(diff, contextual_adds_what_stays_the_same) {
  auto before = canonical("job \"j\" {\n group \"g\" {\n task \"t\" {\n driver = \"exec\"\n resources { cpu = 1 }\n}\n}\n}");
  auto after = canonical("job \"j\" {\n group \"g\" {\n task \"t\" {\n driver = \"exec\"\n resources { cpu = 2 }\n}\n}\n}");
  auto plain = diff(&*before, &*after);
  EXPECT_EQ(plain.task_groups.at(0).tasks.at(0).objects.at(0).fields.size(), 1u);
  auto contextual = diff(&*before, &*after, true);
  const auto& task = contextual.task_groups.at(0).tasks.at(0);
  EXPECT_TRUE(task.fields.empty());
  EXPECT_EQ(task.objects.at(0).name, "Resources");
  EXPECT_GT(task.objects[0].fields.size(), 3u);
  EXPECT_EQ(task.objects[0].fields[0].name, "CPU");
  EXPECT_EQ(task.objects[0].fields[1].type, "None");
}

TEST(diff, of_a_deleted_job) {
  auto job = canonical("job \"j\" {\n group \"g\" {\n task \"t\" {\n driver = \"exec\"\n}\n}\n}");
  auto found = diff(&*job, nullptr);
  annotate(found, nullptr);
  EXPECT_EQ(found.type, "Deleted");
  EXPECT_EQ(found.task_groups.at(0).type, "Deleted");
  EXPECT_THAT(found.task_groups.at(0).tasks.at(0).annotations, ::testing::ElementsAre("forces destroy"));
}

value recorded(const std::string& file) {
  auto v = codec::value_from_json(read_text(testdata(file)));
  EXPECT_TRUE(v.has_value()) << file;
  return v.value_or(value());
}

// Everything that Nomad said must be there, and the same; what later versions added is passed over.
void expect_contains(const value& actual, const value& expected, const std::string& path) {
  if (const auto* object = expected.as_object()) {
    for (const auto& [key, member] : *object)
      if (const auto* found = actual.find(key)) expect_contains(*found, member, path + "." + key);
  } else if (const auto* list = expected.as_list()) {
    ASSERT_NE(actual.as_list(), nullptr) << path;
    ASSERT_EQ(actual.as_list()->size(), list->size()) << path;
    for (size_t i = 0; i < list->size(); ++i) expect_contains((*actual.as_list())[i], (*list)[i], fmt::format("{}[{}]", path, i));
  } else {
    EXPECT_TRUE(actual == expected) << path << ": " << codec::value_to_json(actual) << " instead of " << codec::value_to_json(expected);
  }
}

TEST(recorded, canonical_job) {
  parse_options options;
  auto text = replace_all(read_text(testdata("recorded-job.nomad.hcl")), "count = 3", "count = 1");
  auto job = canonical(text);
  auto actual = codec::to_value(schema::view(*job));
  auto expected = recorded("recorded-job.json");
  // What the server adds.
  for (auto key : {"CreateIndex", "ModifyIndex", "JobModifyIndex", "SubmitTime", "Status", "Stable", "Version"}) expected.as_object()->erase(key);
  // Absent unless a file has it, since Nomad 1.7.
  (*expected.as_object()->find("TaskGroups")->as_list())[0].as_object()->erase("Consul");
  expect_contains(actual, expected, "Job");
}

TEST(recorded, diffs_of_versions) {
  auto all = recorded("recorded-versions.json");
  const auto& versions = *all.find("Versions")->as_list();
  const auto& diffs = *all.find("Diffs")->as_list();
  ASSERT_GT(diffs.size(), 1u);
  for (size_t i = 0; i < diffs.size(); ++i) {
    schema::job before, after;
    ASSERT_TRUE(codec::from_value(versions[i + 1], schema::slot(before)).has_value());
    ASSERT_TRUE(codec::from_value(versions[i], schema::slot(after)).has_value());
    auto found = diff(&before, &after, true);
    EXPECT_EQ(codec::value_to_json(codec::to_value(schema::view(found))), codec::value_to_json(diffs[i])) << i;
  }
}

TEST(recorded, plan) {
  auto all = recorded("recorded-versions.json");
  schema::job before, after;
  ASSERT_TRUE(codec::from_value((*all.find("Versions")->as_list())[1], schema::slot(before)).has_value());
  auto changed = recorded("recorded-two.json");
  ASSERT_TRUE(codec::from_value(*changed.find("Job"), schema::slot(after)).has_value());
  canonicalize(before);
  canonicalize(after);
  auto plan = recorded("recorded-plan.json");
  schema::plan_annotations annotations;
  ASSERT_TRUE(codec::from_value(*plan.find("Annotations"), schema::slot(annotations)).has_value());
  auto found = diff(&before, &after, true);
  annotate(found, &annotations);
  schema::job_diff expected;
  ASSERT_TRUE(codec::from_value(*plan.find("Diff"), schema::slot(expected)).has_value());
  EXPECT_EQ(codec::to_json(found, {.pretty = true}), codec::to_json(expected, {.pretty = true}));
}

TEST(canonical, is_idempotent) {
  for (auto file : {"every-block.nomad.hcl", "recorded-job.nomad.hcl"}) {
    for (auto type : {"service", "batch", "system", "sysbatch"}) {
      auto job = *parse({"j", read_text(testdata(file))}).job;
      job.type = type;
      canonicalize(job);
      auto once = codec::to_json(job, {.pretty = true});
      canonicalize(job);
      EXPECT_EQ(codec::to_json(job, {.pretty = true}), once) << file << " " << type;
    }
  }
}

TEST(canonical, every_block) {
  auto job = canonical(read_text(testdata("every-block.nomad.hcl")));
  expect_golden("every-block.canonical.json", codec::to_json(*job, {.pretty = true}));
}

struct type_row {
  const char* type;
  int64_t restarts;
  bool reschedules, unlimited, updates, migrates;
};
class defaults_of : public ::testing::TestWithParam<type_row> {};
TEST_P(defaults_of, type) {
  const auto& row = GetParam();
  auto job = *canonical(fmt::format("job \"j\" {{\n type = \"{}\"\n group \"g\" {{\n task \"t\" {{}}\n}}\n}}", row.type));
  const auto& group = job.task_groups.at(0);
  const auto& task = group.tasks.at(0);
  EXPECT_EQ(group.restart_policy->attempts, row.restarts);
  EXPECT_EQ(task.restart_policy->attempts, row.restarts);
  EXPECT_EQ(group.reschedule_policy.has_value(), row.reschedules);
  if (row.reschedules) {
    EXPECT_EQ(group.reschedule_policy->unlimited, row.unlimited);
  }
  EXPECT_EQ(group.update.has_value(), row.updates);
  EXPECT_EQ(group.migrate.has_value(), row.migrates);
  EXPECT_EQ(job.name, "j");
  EXPECT_EQ(job.datacenters, std::vector<std::string>{"*"});
  EXPECT_EQ(job.region, "global");
  EXPECT_EQ(task.resources->cpu, 100);
  EXPECT_EQ(task.resources->memory_mb, 300);
  EXPECT_EQ(task.log_config->max_files, 10);
  EXPECT_EQ(group.ephemeral_disk->size_mb, 300);
}
INSTANTIATE_TEST_SUITE_P(types, defaults_of,
                         ::testing::Values(type_row{"service", 2, true, true, true, true}, type_row{"batch", 3, true, false, false, false},
                                           type_row{"system", 2, false, false, true, false}, type_row{"sysbatch", 3, false, false, false, false}));

TEST(canonical, policies_go_down) {
  auto job = *canonical(R"(job "j" {
    update {
      max_parallel = 0
      canary       = 1
    }
    reschedule { delay = "7s" }
    migrate { max_parallel = 9 }
    group "a" {
      update { canary = 2 }
      reschedule { max_delay = "9m" }
      restart { attempts = 7 }
      task "t" {
        restart { delay = "1s" }
      }
    }
    group "b" {
      task "t" {}
    }
  })");
  const auto& a = job.task_groups[0];
  const auto& b = job.task_groups[1];
  EXPECT_EQ(a.update->max_parallel, 0);
  EXPECT_EQ(a.update->canary, 2);
  EXPECT_EQ(b.update->canary, 1);
  EXPECT_EQ(a.reschedule_policy->delay, seconds(7));
  EXPECT_EQ(a.reschedule_policy->max_delay, minutes(9));
  EXPECT_EQ(b.reschedule_policy->max_delay, hours(1));
  EXPECT_EQ(b.migrate->max_parallel, 9);
  EXPECT_EQ(a.tasks[0].restart_policy->attempts, 7);
  EXPECT_EQ(a.tasks[0].restart_policy->delay, seconds(1));
  EXPECT_EQ(a.restart_policy->delay, seconds(15));
  EXPECT_EQ(job.update.max_parallel, 0);
  EXPECT_EQ(job.update.health_check, "");
  EXPECT_FALSE(job.reschedule.has_value());
  // A group that joins a stored job gets valid policies.
  job.task_groups.emplace_back().name = "c";
  canonicalize(job);
  EXPECT_EQ(job.task_groups[2].update->health_check, "checks");
}

TEST(canonical, services) {
  auto job = *canonical(R"(job "j" {
    namespace = "n"
    group "g" {
      service { port = "1" }
      service {
        name = "${JOB}-${TASKGROUP}-${TASK}-${NOMAD_ALLOC_INDEX}"
        provider = "nomad"
        check_restart { limit = 3 }
        check {
          type     = "tcp"
          interval = "10s"
          timeout  = "1s"
        }
      }
      task "t" {
        service {
          name = "${BASE}"
          check {
            type    = "script"
            command = "x"
          }
        }
      }
    }
  })");
  const auto& group = job.task_groups[0];
  EXPECT_EQ(group.services[0].name, "j-g");
  EXPECT_EQ(group.services[0].namespace_, "default");
  EXPECT_EQ(group.services[0].cluster, "default");
  EXPECT_EQ(group.services[1].name, "j-g-group-${NOMAD_ALLOC_INDEX}");
  EXPECT_EQ(group.services[1].namespace_, "n");
  EXPECT_EQ(group.services[1].checks[0].check_restart->limit, 3);
  EXPECT_EQ(group.services[1].checks[0].check_restart->grace, seconds(1));
  EXPECT_EQ(group.tasks[0].services[0].name, "j-g-t");
  EXPECT_EQ(group.tasks[0].services[0].checks[0].name, "service: \"j-g-t\" check");
  EXPECT_EQ(group.tasks[0].services[0].checks[0].task_name, "t");
}

}  // namespace
}  // namespace drover::jobspec
