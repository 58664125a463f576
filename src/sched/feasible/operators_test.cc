#include "sched/feasible/operators.h"

#include <gtest/gtest.h>

#include "schema/node.h"

namespace drover::sched {
namespace {

struct row {
  const char* operand;
  const char* left;   // null: absent
  const char* right;  // null: absent
  bool holds;
};

std::optional<std::string_view> text(const char* s) {
  if (s == nullptr) return std::nullopt;
  return s;
}

TEST(operators, table) {
  const row rows[] = {
      {"=", "linux", "linux", true},
      {"==", "linux", "linux", true},
      {"is", "linux", "linux", true},
      {"=", "linux", "Linux", false},
      {"=", nullptr, "linux", false},
      {"=", nullptr, nullptr, false},
      {"!=", "linux", "windows", true},
      {"not", "linux", "linux", false},
      {"!=", nullptr, "linux", true},
      {"!=", nullptr, nullptr, false},
      {"<", "9", "10", true},
      {"<", "abc", "abd", true},
      {"<", "1.5", "1.25", false},
      {"<=", "10", "10", true},
      {">", "10", "9", true},
      {">", "b", "a", true},
      {">=", "2.5", "2.5", true},
      {">", nullptr, "1", false},
      {"regexp", "linux-6.1", "^linux-[0-9.]+$", true},
      {"regexp", "a-linux-b", "linux", true},
      {"regexp", "linux", "(", false},
      {"regexp", nullptr, ".*", false},
      {"set_contains", "a,b, c", "c,a", true},
      {"set_contains", "a,b", "a,c", false},
      {"set_contains_all", "a,b", "b", true},
      {"set_contains_any", "a,b", "c,b", true},
      {"set_contains_any", "a,b", "c,d", false},
      {"is_set", "x", nullptr, true},
      {"is_set", nullptr, nullptr, false},
      {"is_not_set", nullptr, nullptr, true},
      {"is_not_set", "x", nullptr, false},
      {"version", "1.2.3", ">= 1.2, < 2", true},
      {"version", "2.0.0", ">= 1.2, < 2", false},
      {"version", "1.9", "~> 1.2", true},
      {"version", "2.0", "~> 1.2", false},
      {"version", "1.2.9", "~> 1.2.3", true},
      {"version", "1.3.0", "~> 1.2.3", false},
      {"version", "1.7.0-beta1", ">= 1.6.0", false},
      {"version", "1.7.0-beta2", ">= 1.7.0-beta1", true},
      {"version", "6.18.44", "> 5.10", true},
      {"version", "no version", "> 1", false},
      {"version", "1.0", "~! 1", false},
      {"semver", "1.7.0-beta1", ">= 1.6.0", true},
      {"semver", "1.7.0-beta1", "< 1.7.0", true},
      {"semver", "1.7.0", "~> 1.6", false},
      {"semver", "v1.7.0+build5", "= 1.7.0", true},
      {"distinct_hosts", nullptr, nullptr, true},
      {"sideways", "a", "a", false},
  };
  operator_set operators;
  for (const auto& r : rows)
    EXPECT_EQ(operators.holds(r.operand, text(r.left), text(r.right)), r.holds)
        << (r.left ? r.left : "(absent)") << " " << r.operand << " " << (r.right ? r.right : "(absent)");
}

TEST(operators, versions_are_ordered_by_precedence) {
  const char* ascending[] = {"0.9", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0", "1.0.1", "1.10"};
  for (size_t i = 0; i + 1 < std::size(ascending); ++i) {
    auto a = parse_version(ascending[i]);
    auto b = parse_version(ascending[i + 1]);
    ASSERT_TRUE(a && b) << ascending[i] << " " << ascending[i + 1];
    EXPECT_LT(compare(*a, *b), 0) << ascending[i] << " " << ascending[i + 1];
    EXPECT_GT(compare(*b, *a), 0);
  }
  for (const char* bad : {"", "v", "1..2", "x1", "1.2-", "1.2+", "99999999999999999999"}) EXPECT_FALSE(parse_version(bad)) << bad;
}

TEST(operators, targets_name_parts_of_a_node) {
  schema::node node;
  node.id = "n1";
  node.name = "one";
  node.datacenter = "dc1";
  node.node_class = "big";
  node.attributes["cpu.arch"] = "amd64";
  node.meta["rack"] = "r1";
  EXPECT_EQ(resolve_target("${attr.cpu.arch}", node), "amd64");
  EXPECT_EQ(resolve_target("${meta.rack}", node), "r1");
  EXPECT_EQ(resolve_target("${node.unique.id}", node), "n1");
  EXPECT_EQ(resolve_target("${node.unique.name}", node), "one");
  EXPECT_EQ(resolve_target("${node.datacenter}", node), "dc1");
  EXPECT_EQ(resolve_target("${node.class}", node), "big");
  EXPECT_EQ(resolve_target("${node.pool}", node), "default");
  EXPECT_EQ(resolve_target("plain", node), "plain");
  EXPECT_FALSE(resolve_target("${meta.none}", node));
  EXPECT_FALSE(resolve_target("${node.region}", node));
  EXPECT_FALSE(resolve_target("${attr.cpu.arch", node));
}

}  // namespace
}  // namespace drover::sched
