#include "client/driver/external/config_schema.h"

#include <gtest/gtest.h>

#include "codec/json.h"
#include "grpc/protobuf.h"

namespace drover::client::external {
namespace {

using grpc::message_writer;

std::string attribute(std::string name, std::string type, bool required = false) {
  return message_writer().message(3, message_writer().text(1, name).text(2, type).flag(3, required)).take();
}
std::string literal(std::string text) { return message_writer().message(10, message_writer().text(1, text)).take(); }
std::string fallback(std::string primary, std::string otherwise) {
  return message_writer().message(9, message_writer().message(1, primary).message(2, otherwise)).take();
}
std::string object(std::vector<std::pair<std::string, std::string>> members) {
  message_writer out;
  for (auto& [key, spec] : members) out.message(1, message_writer().text(1, key).message(2, spec));
  return message_writer().message(1, out).take();
}
// block = 4, list = 6, set = 7; map = 8.
std::string blocks(uint32_t kind, std::string name, std::string inner, int64_t least = 0, int64_t most = 0) {
  message_writer out;
  out.text(1, name);
  if (kind == 4) out.flag(2, least > 0).message(3, inner);
  else if (kind == 8) out.texts(2, {"label"}).message(3, inner);
  else out.integer(2, least).integer(3, most).message(4, inner);
  return message_writer().message(kind, out).take();
}

std::string evaluated(const std::string& schema, const std::string& json) {
  auto parsed = config_schema::parse(schema);
  if (!parsed) return "schema: " + parsed.error().text();
  auto out = parsed->evaluate(*codec::value_from_json(json));
  return out ? codec::value_to_json(*out) : "error: " + out.error().text();
}

const std::string task = object({{"command", attribute("command", "string", true)},
                                 {"args", attribute("args", "list(string)")},
                                 {"limit", fallback(attribute("limit", "number"), literal("5"))},
                                 {"mount", blocks(6, "mount", object({{"source", attribute("source", "string", true)}, {"ro", attribute("ro", "bool")}}))}});

TEST(config_schema, converts_and_fills_in) {
  EXPECT_EQ(evaluated(task, R"({"command": 7})"), R"({"command":"7","args":null,"limit":5,"mount":[]})");
  EXPECT_EQ(evaluated(task, R"({"command": "x", "args": ["a", 1], "limit": "8", "mount": {"source": "s"}})"),
            R"({"command":"x","args":["a","1"],"limit":8,"mount":[{"source":"s","ro":null}]})");
  // Job files hand blocks over as a list.
  EXPECT_EQ(evaluated(task, R"({"command": "x", "mount": [{"source": "s", "ro": "true"}, {"source": "t"}]})"),
            R"({"command":"x","args":null,"limit":5,"mount":[{"source":"s","ro":true},{"source":"t","ro":null}]})");
}

TEST(config_schema, says_what_is_wrong_and_where) {
  EXPECT_EQ(evaluated(task, "{}"), "error: Missing required argument: the argument \"command\" is required, but no definition was found");
  EXPECT_EQ(evaluated(task, R"({"command": "x", "limt": 1})"), "error: No argument or block type is named \"limt\"; did you mean \"limit\"?");
  EXPECT_EQ(evaluated(task, R"({"command": "x", "mount": [{"ro": true}]})"),
            "error: Missing required argument: the argument \"mount.source\" is required, but no definition was found");
  EXPECT_EQ(evaluated(task, R"({"command": "x", "mount": [{"source": "s", "mode": 1}]})").substr(0, 57),
            "error: No argument or block type is named \"mount.mode\"");
  EXPECT_NE(evaluated(task, R"({"command": "x", "args": {"a": 1}})").find("inappropriate value for attribute \"args\""), std::string::npos);
  EXPECT_EQ(evaluated(task, R"({"command": "x", "mount": "s"})"), "error: mount must be a block, not a string");
  EXPECT_EQ(evaluated(task, R"([1])"), "error: the configuration must be a block, not a list");
}

TEST(config_schema, blocks_of_every_kind) {
  auto inner = object({{"n", attribute("n", "number")}});
  auto one = object({{"gc", fallback(blocks(4, "gc", inner), object({{"n", literal("1 + 1")}}))}});
  EXPECT_EQ(evaluated(one, "{}"), R"({"gc":{"n":2}})");
  EXPECT_EQ(evaluated(one, R"({"gc": {"n": 4}})"), R"({"gc":{"n":4}})");
  EXPECT_EQ(evaluated(one, R"({"gc": [{}, {}]})"), "error: only one gc block is allowed");
  EXPECT_EQ(evaluated(object({{"gc", blocks(4, "gc", inner, 1)}}), "{}"), "error: a block of type \"gc\" is required");
  auto limited = object({{"d", blocks(6, "d", inner, 1, 2)}});
  EXPECT_EQ(evaluated(limited, "{}"), "error: at least 1 d blocks are required");
  EXPECT_EQ(evaluated(limited, R"({"d": [{}, {}, {}]})"), "error: no more than 2 d blocks are allowed");
  EXPECT_EQ(evaluated(object({{"d", blocks(7, "d", inner)}}), R"({"d": [{"n": 2}, {"n": 1}, {"n": 2}]})"), R"({"d":[{"n":1},{"n":2}]})");
  auto map = object({{"v", blocks(8, "v", inner)}});
  EXPECT_EQ(evaluated(map, R"({"v": [{"a": {"n": 1}}, {"b": [{"n": 2}]}]})"), R"({"v":{"a":{"n":1},"b":{"n":2}}})");
  EXPECT_EQ(evaluated(map, R"({"v": [{"a": {}}, {"a": {}}]})"), "error: there is more than one block v.a");
  auto attributes = object({{"l", message_writer().message(5, message_writer().text(1, "l").text(2, "string")).take()}});
  EXPECT_EQ(evaluated(attributes, R"({"l": [{"a": 1, "b": "x"}]})"), R"({"l":{"a":"1","b":"x"}})");
  EXPECT_EQ(evaluated(attributes, "{}"), R"({"l":null})");
}

TEST(config_schema, one_that_is_none_is_refused) {
  EXPECT_NE(evaluated(object({{"a", attribute("a", "strnig")}}), "{}").find("schema: the type \"strnig\" is none"), std::string::npos);
  EXPECT_NE(evaluated(object({{"a", literal("1 +")}}), "{}").find("schema: the default \"1 +\" is no expression"), std::string::npos);
  EXPECT_NE(evaluated("\x0a\x05zz", "{}").find("schema: "), std::string::npos);
  EXPECT_EQ(evaluated(message_writer().message(4, message_writer().text(1, "b")).take(), "{}"), "schema: block \"b\" of the schema has no content");
  std::string deep = attribute("a", "string");
  for (int i = 0; i < 100; ++i) deep = object({{"a", deep}});
  EXPECT_EQ(evaluated(deep, "{}"), "schema: the schema is nested too deeply or too large");
}

TEST(config_schema, nothing_is_said_and_nothing_is_taken) {
  EXPECT_EQ(evaluated("", "{}"), "null");
  EXPECT_EQ(evaluated("", R"({"a": 1})"), "error: No argument or block type is named \"a\"");
}

}  // namespace
}  // namespace drover::client::external
