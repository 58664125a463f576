#include "schema/shared_text.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <thread>
#include <unordered_set>

namespace drover::schema {
namespace {

std::string_view as_view(std::string_view text) { return text; }
const std::string& as_string(const std::string& text) { return text; }

TEST(shared_text, reads_like_a_string) {
  shared_text empty;
  EXPECT_TRUE(empty.empty());
  EXPECT_EQ(empty, "");
  EXPECT_EQ(empty, shared_text(std::string()));
  shared_text text = "running";
  EXPECT_EQ(text, "running");
  EXPECT_NE(text, std::string("pending"));
  EXPECT_EQ(std::string_view("running"), text);
  EXPECT_LT(text, "runninh");
  EXPECT_EQ(text + "!", "running!");
  EXPECT_EQ("is " + text, "is running");
  EXPECT_EQ(fmt::format("{:>9}", text), "  running");
  EXPECT_EQ(as_view(text).size(), 7u);
  EXPECT_EQ(as_string(text), "running");
  std::string copy = text;
  copy = text;
  EXPECT_EQ(copy, std::string(text));
  std::unordered_set<std::string> set;
  set.insert(text);
  EXPECT_TRUE(set.contains("running"));
  text.clear();
  EXPECT_TRUE(text.empty());
}

TEST(shared_text, copies_are_one_copy_and_interned_texts_too) {
  const auto before = shared_text::interned_count();
  shared_text a = "node-1", b = a, c = "node-1";
  EXPECT_TRUE(a.same_copy(b));
  EXPECT_FALSE(a.same_copy(c));
  a.intern();
  c.intern();
  EXPECT_TRUE(a.same_copy(c));
  EXPECT_EQ(shared_text::interned_count(), before + 1);
  EXPECT_EQ(b, "node-1");
  a.clear(), c.clear();
  EXPECT_EQ(shared_text::interned_count(), before);
  shared_text empty;
  empty.intern();
  EXPECT_TRUE(empty.is_interned());
}

TEST(shared_text, many_threads_take_and_drop_the_same_words) {
  const auto before = shared_text::interned_count();
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([] {
      for (int i = 0; i < 5000; ++i) {
        auto mine = shared_text::interned("words");
        auto copy = mine;
        ASSERT_EQ(copy, "words");
      }
    });
  threads.clear();
  EXPECT_EQ(shared_text::interned_count(), before);
}

TEST(shared_text_map, is_sorted_and_shared_until_it_changes) {
  shared_text_map map{{"b", "2"}, {"a", "1"}, {"c", "3"}};
  std::string order;
  for (const auto& [key, text] : map) order += key + text;
  EXPECT_EQ(order, "a1b2c3");
  auto copy = map;
  copy["b"] = "two";
  copy["aa"] = "new";
  EXPECT_EQ(map.at("b"), "2");
  EXPECT_EQ(copy.at("b"), "two");
  EXPECT_FALSE(map.contains("aa"));
  EXPECT_EQ(copy.size(), 4u);
  EXPECT_EQ(copy.erase("c"), 1u);
  EXPECT_EQ(copy.erase("c"), 0u);
  EXPECT_NE(copy, map);
  std::map<std::string, std::string> plain(map);
  EXPECT_EQ(plain, (std::map<std::string, std::string>{{"a", "1"}, {"b", "2"}, {"c", "3"}}));
  EXPECT_EQ(shared_text_map(plain), map);
  EXPECT_EQ(map.find("x"), map.end());
  EXPECT_EQ(shared_text_map().find("x"), shared_text_map().end());
}

TEST(shared_text_map, nodes_share_what_is_not_their_own) {
  shared_text_map a{{"kernel.name", "linux"}, {"unique.hostname", "one"}}, b{{"kernel.name", "linux"}, {"unique.hostname", "two"}};
  a.intern();
  b.intern();
  EXPECT_TRUE(a.find("kernel.name")->second.same_copy(b.find("kernel.name")->second));
  EXPECT_TRUE(a.find("unique.hostname")->first.same_copy(b.find("unique.hostname")->first));
  EXPECT_FALSE(a.at("unique.hostname").is_interned());
}

}  // namespace
}  // namespace drover::schema
