#include "codec/filter.h"

#include <gtest/gtest.h>

#include "schema/alloc.h"
#include "schema/job.h"
#include "schema/node.h"

namespace drover::codec {
namespace {

schema::node sample_node() {
  schema::node n;
  n.id = "9f2a";
  n.name = "worker-1";
  n.datacenter = "dc1";
  n.status = "ready";
  n.secret_id = "hidden";
  n.meta = {{"rack", "r1"}, {"a.b", "dotted"}, {"empty", ""}};
  n.modify_index = 12;
  n.drivers["raw_exec"].detected = true;
  n.drivers["docker"].detected = false;
  return n;
}

schema::job sample_job() {
  schema::job j;
  j.id = "web";
  j.priority = 50;
  j.stop = false;
  j.datacenters = {"dc1", "dc2"};
  auto& group = j.task_groups.emplace_back();
  group.name = "front";
  group.count = 3;
  auto& task = group.tasks.emplace_back();
  task.name = "server";
  task.driver = "docker";
  task.config["image"] = value("redis:7");
  return j;
}

TEST(Filter, Matches) {
  auto node = sample_node();
  auto job = sample_job();
  struct row {
    const char* text;
    bool wanted;
  };
  for (const auto& [text, wanted] : std::initializer_list<row>{
           {R"(Status == "ready")", true},
           {R"(Status==ready)", true},
           {R"(Status != `ready`)", false},
           {R"(Status == ready and Datacenter == dc1)", true},
           {R"(Status == down or Datacenter == dc1)", true},
           {R"(Status == down or Status == init or Status == ready)", true},
           {R"(Status == ready or Status == down and Status == init)", true},
           {R"((Status == ready or Status == down) and Status == init)", false},
           {R"(not Status == ready)", false},
           {R"(not (Status == down) and not not Name contains "worker")", true},
           {R"("worker" in Name)", true},
           {R"("x" not in Name)", true},
           {R"(Name not contains "worker")", false},
           {R"(Name matches "^worker-[0-9]+$")", true},
           {R"(Name not matches "^worker")", false},
           {R"(Meta.rack == r1)", true},
           {R"(Meta["a.b"] == "dotted")", true},
           {R"("/Meta/rack" == "r1")", true},
           {R"("rack" in Meta)", true},
           {R"(rack in Meta)", true},
           {R"(Meta contains "row")", false},
           {R"(Meta.row == "1")", false},
           {R"(Meta.row != "1")", true},
           {R"(Meta.row is empty)", true},
           {R"(Meta.row is not empty)", false},
           {R"(Meta.row matches "1")", false},
           {R"(Meta.row is nil)", true},
           {R"(Meta.rack is not nil)", true},
           {R"(Meta.empty is empty)", true},
           {R"(Meta is not empty)", true},
           {R"(Links is empty)", true},
           {R"(ModifyIndex == 12)", true},
           {R"(ModifyIndex != 12)", false},
           {R"(Drivers.raw_exec.Detected == true)", true},
           {R"(Drivers["docker"].Detected == true)", false},
           {R"(DrainStrategy.IgnoreSystemJobs == true)", false},
           {R"(any Meta as k { k == "rack" })", true},
           {R"(any Meta as k, v { k == "rack" and v == "r2" })", false},
           {R"(all Meta as _, v { v not matches "[0-9]{5}" })", true},
           {R"(any Drivers as name, d { name != "docker" and d.Detected == true })", true},
       }) {
    auto made = filter::parse(text);
    ASSERT_TRUE(made) << text << ": " << made.error().text();
    auto answer = made->matches(schema::view(node));
    ASSERT_TRUE(answer) << text << ": " << answer.error().text();
    EXPECT_EQ(*answer, wanted) << text;
  }
  for (const auto& [text, wanted] : std::initializer_list<row>{
           {R"("dc2" in Datacenters)", true},
           {R"(Datacenters contains dc3)", false},
           {R"(Priority == 50 and Stop == false)", true},
           {R"(TaskGroups["0"].Name == front)", true},
           {R"("/TaskGroups/0/Tasks/0/Config/image" == "redis:7")", true},
           {R"("/TaskGroups/7/Name" == front)", false},
           {R"(any TaskGroups as g { g.Count == 3 and any g.Tasks as t { t.Driver == docker } })", true},
           {R"(all TaskGroups as i, g { i == 0 and g.Name != "" })", true},
       }) {
    auto made = filter::parse(text);
    ASSERT_TRUE(made) << text << ": " << made.error().text();
    auto answer = made->matches(schema::view(job));
    ASSERT_TRUE(answer) << text << ": " << answer.error().text();
    EXPECT_EQ(*answer, wanted) << text;
  }
}

TEST(Filter, ErrorsSayWhatIsWrong) {
  auto node = sample_node();
  std::string deep(200, '(');
  std::string wide = "Status == a";
  while (wide.size() < 70'000) wide += " or Status == a";
  for (const auto& [text, message] : std::initializer_list<std::pair<std::string, const char*>>{
           {"", "column 1: expected a selector"},
           {"Status", "expected ==, !=, in, contains, matches or is after \"Status\", not the end"},
           {"Status = ready", "column 8: expected =="},
           {"Status == ", "expected a selector or a value, not the end"},
           {"Status == \"ready", "column 11: the text that begins here has no end"},
           {"(Status == ready", "expected \")\", not the end"},
           {"Status == ready and", "not the end"},
           {"Status == ready Status", "expected \"and\", \"or\" or the end, not \"Status\""},
           {"\"Status\" == ready", "\"Status\" is a value where a selector belongs"},
           {"Status is fine", "expected \"empty\" or \"nil\""},
           {"Name matches \"(\"", "the regular expression is wrong: missing )"},
           {"Meta[rack] == 1", "expected a key in quotes"},
           {"Priority == 1-2", "expected \"and\""},
           {"any Meta k { k == a }", "expected \"as\""},
           {deep, "nested too deeply"},
           {wide, "bytes; 65536 is the most"},
           {"Statsu == ready", "there is no member \"Statsu\"; did you mean \"Status\"?"},
           {"status == ready", "did you mean \"Status\"?"},
           {"Status.Deeper == x", "a string has no member \"Deeper\""},
           {"SecretID matches \"^a\"", "a secret cannot be looked for"},
           {"ModifyIndex == many", "ModifyIndex is a number, and \"many\" is none"},
           {"ModifyIndex contains 1", "\"contains\" needs a string, list or map"},
           {"Meta == x", "Meta is a map; \"==\" needs a string, number or bool"},
           {"ModifyIndex matches 1", "\"matches\" needs a string"},
           {"ModifyIndex is empty", "\"is empty\" needs a string, list or map"},
           {"any Name as c { c == a }", "\"any\" needs a list or map"},
       }) {
    auto made = filter::parse(text);
    auto answer = made ? made->matches(schema::view(node)) : std::unexpected(made.error());
    ASSERT_FALSE(answer) << text;
    EXPECT_EQ(answer.error().code(), errc::invalid);
    EXPECT_NE(answer.error().text().find(message), std::string::npos) << text << " gave: " << answer.error().text();
  }
}

}  // namespace
}  // namespace drover::codec
