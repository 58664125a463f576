#include <gtest/gtest.h>

#include "codec/compare.h"
#include "codec/json.h"
#include "codec/msgpack.h"
#include "schema/alloc.h"
#include "schema/diff.h"
#include "schema/job.h"
#include "schema/job_rpc.h"
#include "schema/node.h"

namespace drover::codec {
namespace {

schema::job sample_job() {
  schema::job j;
  j.id = "cache";
  j.datacenters = {"dc1"};
  j.meta["owner"] = "ops \"quoted\" \x01 \xff";
  j.payload = bytes("abc");
  auto& group = j.task_groups.emplace_back();
  group.name = "cache";
  group.shutdown_delay = seconds(2);
  group.update.emplace().max_parallel = 1;
  auto& task = group.tasks.emplace_back();
  task.name = "redis";
  value::object config;
  config.set("command", "redis-server");
  config.set("args", value(value::list{"--port", 6379, 1.5, true, nullptr}));
  for (const auto& [key, each] : config) task.config[key] = each;
  task.constraints.push_back({.l_target = "${attr.kernel.name}", .r_target = "linux", .operand = "="});
  j.version_tag.emplace().name = "v1";
  return j;
}

TEST(Schema, WireNamesFollowTheRule) {
  EXPECT_EQ(schema::wire_name("memory_max_mb"), "MemoryMaxMB");
  EXPECT_EQ(schema::wire_name("namespace_"), "Namespace");
  EXPECT_EQ(schema::wire_name("id"), "ID");
  auto& info = schema::type_of<schema::job_register_request>();
  EXPECT_NE(info.record->find("authtoken"), nullptr);  // inherited, any case
  EXPECT_EQ(info.record->find("authtoken")->wire, "AuthToken");
  EXPECT_EQ(info.record->find("nonsense"), nullptr);
}

TEST(Json, RoundTrip) {
  auto job = sample_job();
  auto text = to_json(job);
  auto back = from_json<schema::job>(text);
  ASSERT_TRUE(back) << back.error().text();
  // A byte that is no UTF-8 came back as U+FFFD; the rest is the same.
  EXPECT_EQ(back->meta["owner"], "ops \"quoted\" \x01 \xef\xbf\xbd");
  job.meta = back->meta;
  EXPECT_TRUE(equal(job, *back));
  EXPECT_EQ(hash(schema::view(job)), hash(schema::view(*back)));
  auto through_value = schema::job();
  ASSERT_TRUE(from_value(to_value(schema::view(job)), schema::slot(through_value)));
  EXPECT_TRUE(equal(job, through_value));
}

TEST(Json, Conventions) {
  schema::task_group group;
  auto text = to_json(group);
  EXPECT_NE(text.find(R"("Constraints":null)"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("ShutdownDelay":null)"), std::string::npos);
  schema::allocation alloc;
  EXPECT_EQ(to_json(alloc).find("PreviousAllocation"), std::string::npos);
  schema::task_state state;
  EXPECT_NE(to_json(state).find(R"("StartedAt":"0001-01-01T00:00:00Z")"), std::string::npos);
  EXPECT_EQ(list_to_json(std::vector<schema::job>()), "[]");
  schema::node node;
  node.secret_id = "hidden";
  EXPECT_EQ(to_json(node, {.hide_redacted = true}).find("hidden"), std::string::npos);
  auto read = from_json<schema::task_group>(R"({"count":3,"SHUTDOWNDELAY":"10s","unknown":{"a":[1]},"Name":null,"Networks":null})");
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->count, 3);
  EXPECT_EQ(read->shutdown_delay, seconds(10));
  auto defaults = from_json<schema::task_group>(R"({"Count":null})");
  EXPECT_EQ(defaults->count, 1);
}

TEST(Json, SharedRecordsAreWrittenOnce) {
  fragment_cache cache(10'000);
  schema::allocation alloc;
  alloc.job = std::make_shared<const schema::job>(sample_job());
  auto plain = to_json(alloc);
  EXPECT_EQ(to_json(alloc, {.fragments = &cache}), plain);
  EXPECT_NE(cache.find(alloc.job.get()), nullptr);
  EXPECT_EQ(to_json(alloc, {.fragments = &cache}), plain);
  // Too much for the cache: the oldest go, nothing is wrong.
  for (int i = 0; i < 20; ++i) {
    schema::allocation other;
    auto job = sample_job();
    job.priority = i;
    other.job = std::make_shared<const schema::job>(job);
    EXPECT_EQ(to_json(other, {.fragments = &cache}), to_json(other));
  }
  EXPECT_EQ(cache.find(alloc.job.get()), nullptr);
}

TEST(Json, ErrorsSayWhere) {
  struct row {
    std::string text;
    const char* message;
  };
  std::string deep(100'000, '[');
  for (const auto& [text, message] :
       std::initializer_list<row>{{R"({"TaskGroups":[{"Count":"x"}]})", "TaskGroups[0].Count: expected a number, not a string"},
                                  {R"({"TaskGroups":{}})", "TaskGroups: expected a list, not an object"},
                                  {R"({"Priority":1.5})", "Priority: 1.5 is no whole number"},
                                  {R"({"Version":-1})", "Version: the number is out of range"},
                                  {R"({"TaskGroups":[{"ShutdownDelay":"ten"}]})", "TaskGroups[0].ShutdownDelay: invalid duration"},
                                  {"{\n \"a\": tru }", "line 2, column 7"},
                                  {R"({"a":1)", "the text ends inside an object"},
                                  {R"({"a":1,})", "expected a key in double quotes"},
                                  {"", "the text is empty"},
                                  {"[1,]", "expected a value"},
                                  {"{} x", "something follows"},
                                  {"\"\xff\"", "no valid UTF-8"},
                                  {deep, "exceeded max depth"}}) {
    auto read = from_json<schema::job>(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code(), errc::invalid);
    EXPECT_NE(read.error().message().find(message), std::string::npos) << read.error().message();
  }
}

TEST(Msgpack, RoundTrip) {
  auto job = sample_job();
  auto raw = to_msgpack(job);
  auto back = from_msgpack<schema::job>(raw);
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_TRUE(equal(job, *back));
  EXPECT_EQ(msgpack_length(raw + "tail").value().value(), raw.size());
}

TEST(Msgpack, LeanIsSmallerAndTheSame) {
  auto job = sample_job();
  job.task_groups[0].count = 0;  // not what a new group has: must be written
  std::string lean;
  append_lean_msgpack(lean, schema::view(job));
  auto back = from_msgpack<schema::job>(lean);
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_TRUE(equal(job, *back));
  EXPECT_LT(lean.size(), to_msgpack(job).size() / 3);
}

TEST(Msgpack, LeanKeepsBytesWhereAnythingMayBe) {
  schema::task task;
  task.config["list"] = value(value::list{value(bytes("a\0b")), value("text"), value(int64_t{-1}), value(1.0), value(true), value()});
  task.config["large"] = value(bytes(std::string(70'000, '\xfe')));
  std::string lean;
  append_lean_msgpack(lean, schema::view(task));
  auto back = from_msgpack<schema::task>(lean);
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_TRUE(equal(task, *back));
  // On the wire of others it is raw, as Go's codec writes it, and comes back as text.
  back = from_msgpack<schema::task>(to_msgpack(task));
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(*back->config["large"].as_string(), std::string(70'000, '\xfe'));
}

TEST(Msgpack, TheLogHoldsWhateverDepthJsonBrings) {
  auto request = [](int depth) {
    return R"({"Job":{"TaskGroups":[{"Tasks":[{"Config":{"a":)" + std::string(static_cast<size_t>(depth), '[') + std::string(static_cast<size_t>(depth), ']') +
           "}}]}]}}";
  };
  int accepted = 0;
  for (int depth = 1; depth < depth_max + 5; ++depth) {
    auto read = from_json<schema::job_register_request>(request(depth));
    if (!read) continue;
    ++accepted;
    std::string lean;
    append_lean_msgpack(lean, schema::view(*read));
    auto back = from_msgpack<schema::job_register_request>(lean);
    ASSERT_TRUE(back) << depth << ": " << back.error().text();
    EXPECT_TRUE(equal(*read, *back));
  }
  EXPECT_GT(accepted, depth_max / 2);
}

TEST(Msgpack, EveryTruncationIsAnError) {
  auto raw = to_msgpack(sample_job());
  for (size_t n = 0; n < raw.size(); ++n) {
    EXPECT_FALSE(from_msgpack<schema::job>(raw.substr(0, n)));
    auto length = msgpack_length(raw.substr(0, n));
    ASSERT_TRUE(length);
    EXPECT_FALSE(length->has_value());
  }
}

TEST(Msgpack, GoTimeAndIntegers) {
  schema::task_state state;
  state.started_at = parse_rfc3339("2026-11-21T01:10:23.373481615Z").value();
  state.restarts = 300;
  auto back = from_msgpack<schema::task_state>(to_msgpack(state)).value();
  EXPECT_EQ(to_rfc3339(back.started_at), "2026-11-21T01:10:23.373481615Z");
  EXPECT_TRUE(back.finished_at.is_zero());
  EXPECT_EQ(back.restarts, 300u);
  // Newer forms on input: str8, timestamp32.
  std::string newer =
      "\x82\xd9\x05"
      "State\xd9\x04"
      "dead\xa9"
      "StartedAt\xd6\xff";
  newer += std::string("\x00\x00\x00\x07", 4);
  auto read = from_msgpack<schema::task_state>(newer);
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->state, "dead");
  EXPECT_EQ(read->started_at.ns, 7'000'000'000);
}

TEST(Msgpack, LyingCountsAndDepthAreRefused) {
  EXPECT_FALSE(
      from_msgpack<schema::job>(std::string("\x81\xaa"
                                            "TaskGroups\xdd\xff\xff\xff\xff",
                                            17)));
  std::string deep =
      "\x81\xa6"
      "Config" +
      std::string(100'000, '\x91');
  EXPECT_FALSE(from_msgpack<schema::task>(deep));
  EXPECT_FALSE(msgpack_length(deep));
  EXPECT_FALSE(from_msgpack<schema::task>("\xc1"));
}

TEST(Codec, ANullInAListOfSharedRecordsIsAnEmptyOne) {
  auto from_text = from_json<schema::task_state>(R"({"Events":[null,{"Type":"Started"}]})");
  ASSERT_TRUE(from_text);
  auto from_raw =
      from_msgpack<schema::task_state>(std::string("\x81\xa6"
                                                   "Events\x92\xc0\x81\xa4Type\xa7Started"));
  ASSERT_TRUE(from_raw);
  for (const auto* state : {&*from_text, &*from_raw}) {
    ASSERT_EQ(state->events.size(), 2u);
    EXPECT_EQ(state->events[0]->type, "");
    EXPECT_EQ(state->events[1]->type, "Started");
  }
}

TEST(Compare, IgnoresWhatItIsTold) {
  auto a = sample_job(), b = sample_job();
  b.modify_index = 9;
  EXPECT_FALSE(equal(a, b));
  EXPECT_TRUE(equal(a, b, schema::diff_ignore));
  EXPECT_TRUE(is_empty(schema::view(schema::field_diff())));
}

}  // namespace
}  // namespace drover::codec
