#include "sched/alloc_slots.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace drover::sched {
namespace {

ref<schema::allocation> named(const std::string& id) {
  schema::allocation alloc;
  alloc.id = id;
  return schema::share(std::move(alloc));
}

TEST(alloc_slots, hold_what_a_map_holds) {
  constexpr unsigned seed = 7;
  std::mt19937 random(seed);
  alloc_slots slots;
  std::map<std::string, alloc_slots::slot> expected;
  for (int step = 0; step < 20'000; ++step) {
    const auto id = "a" + std::to_string(random() % 300);
    const auto found = slots.find(id);
    auto known = expected.find(id);
    ASSERT_EQ(found, known == expected.end() ? alloc_slots::none : known->second) << "seed " << seed << ", step " << step;
    if (found == alloc_slots::none) {
      expected[id] = slots.add(named(id));
    } else if (random() % 3 == 0) {
      slots.replace(found, named(id));
      EXPECT_EQ(slots[found]->id, id);
    } else {
      slots.erase(found);
      expected.erase(known);
    }
    ASSERT_EQ(slots.size(), expected.size());
  }
  for (const auto& [id, slot] : expected) EXPECT_EQ(slots[slot]->id, id);
}

}  // namespace
}  // namespace drover::sched
