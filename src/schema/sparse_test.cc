#include "schema/sparse.h"

#include <gtest/gtest.h>

#include "schema/alloc.h"
#include "schema/node.h"

namespace drover::schema {
namespace {

TEST(boxed_value, is_copied_whole_and_compares_like_an_optional) {
  boxed<int> none, three = 3;
  EXPECT_FALSE(none.has_value());
  auto copy = three;
  *copy = 4;
  EXPECT_EQ(*three, 3);
  EXPECT_FALSE(three == copy);
  EXPECT_TRUE(none == boxed<int>());
  EXPECT_FALSE(none == three);
  std::optional<int> shown = three;
  EXPECT_EQ(shown, 3);
  copy = none;
  EXPECT_FALSE(copy);
  three = std::nullopt;
  EXPECT_FALSE(three);
}

TEST(sparse_container, owns_nothing_while_it_is_empty) {
  sparse<std::map<std::string, std::string>> map;
  EXPECT_EQ(sizeof(map), sizeof(void*));
  EXPECT_TRUE(map.begin() == map.end());
  EXPECT_TRUE(map.find("a") == map.end());
  map["a"] = "1";
  auto copy = map;
  copy["b"] = "2";
  EXPECT_EQ(map.size(), 1u);
  EXPECT_EQ(copy.at("b"), "2");
  EXPECT_FALSE(map == copy);
  copy.clear();
  EXPECT_TRUE(copy.empty());
  copy.edit();
  EXPECT_TRUE(copy == (sparse<std::map<std::string, std::string>>()));
  const std::map<std::string, std::string>& plain = map;
  EXPECT_EQ(plain.size(), 1u);
}

TEST(sparse_container, is_walked_as_what_it_stands_for) {
  const auto& list = type_of<sparse<std::vector<std::string>>>();
  EXPECT_EQ(list.kind, kind::list);
  sparse<std::vector<std::string>> names;
  *static_cast<std::string*>(list.list->append(&names)) = "x";
  EXPECT_EQ(list.list->size(&names), 1u);
  EXPECT_EQ(*static_cast<const std::string*>(list.list->at(&names, 0)), "x");
  const auto& map = type_of<sparse<std::map<std::string, std::string>>>();
  EXPECT_EQ(map.kind, kind::map);
  sparse<std::map<std::string, std::string>> pairs;
  EXPECT_EQ(map.map->find(&pairs, "k"), nullptr);
  *static_cast<std::string*>(map.map->insert(&pairs, "k")) = "v";
  EXPECT_EQ(pairs.at("k"), "v");
  const auto& box = type_of<boxed<int64_t>>();
  EXPECT_EQ(box.kind, kind::optional);
  boxed<int64_t> number;
  EXPECT_EQ(box.pointer->get(&number), nullptr);
  *static_cast<int64_t*>(box.pointer->emplace(&number)) = 5;
  EXPECT_EQ(*number, 5);
}

// A server holds a million of the first and fifty thousand of the second: whoever adds a field decides what it costs.
TEST(record_sizes, of_what_there_is_most_of) {
  EXPECT_LE(sizeof(allocation), 400u);
  EXPECT_LE(sizeof(node), 944u);
}

}  // namespace
}  // namespace drover::schema
