#include "state/tree.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace drover::state {
namespace {

struct row {
  std::string a, b, c;
  uint64_t n = 0;
  int payload = 0;
};
table_key key_of(const void* record) {
  const auto& r = *static_cast<const row*>(record);
  return {r.a, r.b, r.c, r.n};
}
using model_key = std::tuple<std::string, std::string, std::string, uint64_t>;
using model = std::map<model_key, int>;

model content(const tree& t) {
  model out;
  t.visit([&](const entry& e) {
    const auto& r = *static_cast<const row*>(e.get());
    out[{r.a, r.b, r.c, r.n}] = r.payload;
    return true;
  });
  return out;
}

row random_row(std::mt19937_64& random, int spread) {
  auto text = [&](const char* stem, int n) { return stem + std::to_string(random() % static_cast<unsigned>(n)); };
  switch (random() % 3) {
    case 0: return {text("", spread), "", "", random() % 3, static_cast<int>(random() % 1000)};
    case 1: return {"default", text("job-", spread), "", 0, static_cast<int>(random() % 1000)};
    default: return {text("long-common-prefix-", 3), text("", 5), text("", spread), 0, static_cast<int>(random() % 1000)};
  }
}

// Random edits against std::map; every kept version must stay what it was.
void run_property(bool grouped, uint64_t seed, int steps, int spread) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  const tree_order order{&key_of, grouped};
  std::mt19937_64 random(seed);
  tree t;
  model expected;
  uint64_t token = 1;
  std::vector<std::pair<tree, model>> versions;
  for (int i = 0; i < steps; i++) {
    if (random() % 80 == 0) {
      versions.emplace_back(t, expected);
      token++;  // a version that is kept ends the transaction
    }
    auto r = random_row(random, spread);
    const bool grows = (i / (steps / 4)) % 2 == 0;
    const model_key key{r.a, r.b, r.c, r.n};
    if (random() % 100 < (grows ? 75 : 25)) {
      auto replaced = t.put(order, std::make_shared<const row>(r), token);
      ASSERT_EQ(replaced != nullptr, expected.contains(key));
      expected[key] = r.payload;
    } else {
      auto erased = t.erase(order, {r.a, r.b, r.c, r.n}, token);
      ASSERT_EQ(erased != nullptr, expected.erase(key) == 1);
    }
    ASSERT_EQ(t.size(), expected.size());
    const auto probe = random_row(random, spread);
    const auto* found = t.find(order, {probe.a, probe.b, probe.c, probe.n});
    const auto it = expected.find({probe.a, probe.b, probe.c, probe.n});
    ASSERT_EQ(found != nullptr, it != expected.end());
    if (found) {
      ASSERT_EQ(static_cast<const row*>(found->get())->payload, it->second);
    }
    if (i % 197 == 0) {
      ASSERT_TRUE(t.is_valid(order)) << "step " << i;
    }
  }
  ASSERT_TRUE(t.is_valid(order));
  EXPECT_EQ(content(t), expected);
  for (const auto& [version, was] : versions) {
    ASSERT_TRUE(version.is_valid(order));
    ASSERT_EQ(content(version), was);
  }
}

TEST(tree, agrees_with_a_map_and_keeps_old_versions) {
  for (uint64_t seed = 1; seed <= 3; seed++) run_property(false, seed, 4000, 300);
}
TEST(tree, grouped_agrees_with_a_map_and_keeps_old_versions) {
  for (uint64_t seed = 1; seed <= 3; seed++) run_property(true, seed, 4000, 300);
}
TEST(tree, small_ones_empty_and_refill) {
  for (uint64_t seed = 1; seed <= 20; seed++) run_property(false, seed, 400, 3);
}

TEST(tree, visits_in_order_from_a_bound) {
  const tree_order order{&key_of, false};
  tree t;
  for (int i = 0; i < 5000; i++) t.put(order, std::make_shared<const row>(row{"ns", std::to_string(i * 2 + 100000), "", 0, i}), 1);
  for (int bound : {100000, 100001, 104321, 109998, 109999}) {
    const auto text = std::to_string(bound);
    const table_key from{"ns", text, {}, 0};
    std::string last;
    size_t seen = 0;
    t.visit_from(order, key_digest(order, from), &from, [&](const entry& e) {
      const auto& r = *static_cast<const row*>(e.get());
      EXPECT_GE(r.b, text);
      EXPECT_LT(last, r.b);
      last = r.b;
      seen++;
      return true;
    });
    EXPECT_EQ(seen, 5000u - static_cast<size_t>((bound - 100000 + 1) / 2)) << bound;
  }
}

TEST(tree, sorted_input_fills_its_nodes) {
  const tree_order order{&key_of, false};
  tree t;
  for (int i = 0; i < 32000; i++) t.put(order, std::make_shared<const row>(row{std::to_string(100000 + i), "", "", 0, i}), 1);
  EXPECT_LT(t.measure().leaves, 32000u / detail::fanout * 11 / 10);
  EXPECT_TRUE(t.is_valid(order));
}

TEST(tree, one_edit_of_a_large_tree_copies_one_path) {
  const tree_order order{&key_of, false};
  tree t;
  for (int i = 0; i < 20000; i++) t.put(order, std::make_shared<const row>(row{std::to_string(i), "", "", 0, i}), 1);
  const tree before = t;
  t.put(order, std::make_shared<const row>(row{"777", "", "", 0, -1}), 2);
  EXPECT_FALSE(t.same(before));
  EXPECT_EQ(static_cast<const row*>(before.find(order, {"777", {}, {}, 0})->get())->payload, 777);
  EXPECT_EQ(static_cast<const row*>(t.find(order, {"777", {}, {}, 0})->get())->payload, -1);
}

TEST(tree, digests_of_one_group_sort_as_its_keys_whatever_they_are_made_of) {
  constexpr unsigned seed = 11;
  std::mt19937 random(seed);
  const tree_order order{&key_of, true};
  auto text = [&] {
    constexpr std::string_view letters = "!/0189:@AZ`afgz~";
    std::string out;
    for (auto n = random() % 10; n > 0; n--) out += random() % 3 == 0 ? letters[random() % letters.size()] : '5';
    return out;
  };
  for (int i = 0; i < 50'000; i++) {
    const auto a = text(), b = text();
    const auto da = key_digest(order, {"default", "job", a}), db = key_digest(order, {"default", "job", b});
    if (a < b) ASSERT_LE(da, db) << '"' << a << "\" and \"" << b << '"';
  }
  EXPECT_LT(key_digest(order, {"default", "job", "12345678-"}), key_digest(order, {"default", "job", "12345679-"}));
}

}  // namespace
}  // namespace drover::state
