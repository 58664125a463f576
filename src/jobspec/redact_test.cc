#include "jobspec/redact.h"

#include <gtest/gtest.h>

#include <memory>

#include "codec/json.h"
#include "jobspec/diff.h"

namespace drover::jobspec {
namespace {

TEST(redact, lines) {
  struct {
    std::string_view text, shown;
  } const table[] = {
      {"", ""},
      {"no secrets here: at all", "no secrets here: at all"},
      {"DB_PASSWORD=hunter2", "DB_PASSWORD=<redacted>"},
      {"export API_KEY = \"a b\\\"c\" # why\nPORT=80\n", "export API_KEY = \"<redacted>\" # why\nPORT=80\n"},
      {"{\"password\": \"x\", \"port\": 1}", "{\"password\": \"<redacted>\", \"port\": 1}"},
      {"token: abc def\nname: x", "token: <redacted>\nname: x"},
      {"secret:\n  other: y", "secret:\n  other: y"},
      {"PASSWORD={{ with nomadVar \"a\" }}{{ .password }}{{ end }}", "PASSWORD={{ with nomadVar \"a\" }}{{ .password }}{{ end }}"},
      {"PASSWORD=abc{{ env \"x\" }}", "PASSWORD=<redacted>"},
      {"{{ key \"foo\" }}", "{{ key \"foo\" }}"},
      {"--token=abc", "--token=<redacted>"},
      {"postgres://me:pw@db:5432/x?sslmode=off", "postgres://me:<redacted>@db:5432/x?sslmode=off"},
      {"https://host:80/a@b", "https://host:80/a@b"},
      {"https://a@b/", "https://a@b/"},
      {"password='never closed", "password='<redacted>'"},
      {"password=\"", "password=\"<redacted>\""},
      {"password=", "password="},
  };
  for (const auto& each : table) EXPECT_EQ(redacted_lines(each.text), each.shown) << each.text;
}

schema::ref<schema::job> sample(std::string secret) {
  auto job = std::make_shared<schema::job>();
  job->id = job->name = "j";
  job->meta["owner_token"] = secret;
  job->payload = bytes(secret);
  auto& group = job->task_groups.emplace_back();
  group.name = "g";
  group.meta["team"] = "a";
  auto& task = group.tasks.emplace_back();
  task.name = "t";
  task.env = {{"DB_PASSWORD", secret}, {"URL", "redis://u:" + secret + "@h"}, {"PORT", "80"}};
  value::object auth;
  auth.append("username", value("u" + secret));
  task.config["auth"] = value(std::move(auth));
  task.config["args"] = value(value::list{value("--password"), value(secret), value("--port"), value("80"), value("-token=" + secret)});
  task.config["image"] = value("redis:7");
  task.templates.emplace_back().embedded_tmpl = "PASS=" + secret + "\nA=b\n";
  auto& artifact = task.artifacts.emplace_back();
  artifact.getter_source = "https://u:" + secret + "@host/x";
  artifact.getter_headers["X-Auth"] = secret;
  artifact.getter_options["sshkey"] = secret;
  auto& check = task.services.emplace_back().checks.emplace_back();
  check.header["Authorization"] = {"Bearer " + secret};
  task.actions.emplace_back().args = {"--api-key", secret};
  return job;
}

TEST(redact, a_job_keeps_its_names_and_loses_its_secrets) {
  const std::string secret = "s3cr3t-value";
  auto job = sample(secret);
  auto shown = redacted(job);
  EXPECT_EQ(job->meta.at("owner_token"), secret) << "the stored one is as it was";
  const auto& task = shown->task_groups[0].tasks[0];
  EXPECT_EQ(task.env.at("DB_PASSWORD"), "<redacted>");
  EXPECT_EQ(task.env.at("URL"), "redis://u:<redacted>@h");
  EXPECT_EQ(task.env.at("PORT"), "80");
  EXPECT_EQ(*task.config.at("image").as_string(), "redis:7");
  EXPECT_EQ(task.config.at("args"), value(value::list{value("--password"), value("<redacted>"), value("--port"), value("80"), value("-token=<redacted>")}));
  EXPECT_EQ(*task.config.at("auth").find("username")->as_string(), "<redacted>");
  EXPECT_EQ(task.templates[0].embedded_tmpl, "PASS=<redacted>\nA=b\n");
  EXPECT_EQ(task.artifacts[0].getter_source, "https://u:<redacted>@host/x");
  EXPECT_EQ(task.artifacts[0].getter_headers.at("X-Auth"), "<redacted>");
  EXPECT_EQ(task.artifacts[0].getter_options.at("sshkey"), "<redacted>");
  EXPECT_EQ(task.services[0].checks[0].header.at("Authorization")[0], "<redacted>");
  EXPECT_EQ(task.actions[0].args[1], "<redacted>");
  EXPECT_EQ(shown->meta.at("owner_token"), "<redacted>");
  EXPECT_EQ(shown->payload.data, "<redacted>");
  EXPECT_EQ(redacted(nullptr), nullptr);
}

bool holds(const std::vector<schema::field_diff>& fields, std::string_view text) {
  for (const auto& each : fields)
    if (each.old.contains(text) || each.new_.contains(text)) return true;
  return false;
}
bool holds(const std::vector<schema::object_diff>& objects, std::string_view text) {
  for (const auto& each : objects)
    if (holds(each.fields, text) || holds(each.objects, text)) return true;
  return false;
}
bool holds(const schema::job_diff& diff, std::string_view text) {
  if (holds(diff.fields, text) || holds(diff.objects, text)) return true;
  for (const auto& group : diff.task_groups) {
    if (holds(group.fields, text) || holds(group.objects, text)) return true;
    for (const auto& task : group.tasks)
      if (holds(task.fields, text) || holds(task.objects, text)) return true;
  }
  return false;
}

TEST(redact, a_difference_says_that_something_changed_but_not_what) {
  auto before = sample("first-s3cr3t"), after = sample("second-s3cr3t");
  auto whole = diff(before.get(), after.get(), true);
  ASSERT_TRUE(holds(whole, "first-s3cr3t") && holds(whole, "second-s3cr3t"));
  redact(whole);
  EXPECT_FALSE(holds(whole, "s3cr3t")) << codec::to_json(whole);
  EXPECT_TRUE(holds(whole, "<redacted>"));
  EXPECT_EQ(whole.type, "Edited");
}

}  // namespace
}  // namespace drover::jobspec
