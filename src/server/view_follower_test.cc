#include "server/view_follower.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace drover::server {
namespace {

using alloc_ref = schema::ref<schema::allocation>;

alloc_ref make_alloc(const std::string& id, const char* status = "pending") {
  auto out = std::make_shared<schema::allocation>();
  out->id = id;
  out->node_id = "node";
  out->client_status = status;
  return out;
}

std::vector<alloc_ref> make_allocs(size_t count) {
  std::mt19937_64 random(3);
  std::vector<alloc_ref> out;
  // The last two begin alike.
  for (size_t i = 0; i + 2 < count; ++i) out.push_back(make_alloc(fmt::format("{:016x}-{}", random(), i)));
  out.push_back(make_alloc("ffffffffffffffff-a"));
  out.push_back(make_alloc("ffffffffffffffff-b"));
  return out;
}

fsm::commit_event commit_of(std::vector<alloc_ref> stored) {
  fsm::commit_event event;
  for (auto& each : stored) event.changes.push_back({state::table::allocs, nullptr, std::move(each)});
  return event;
}

std::vector<alloc_ref> copies(const std::vector<alloc_ref>& of, const char* status) {
  std::vector<alloc_ref> out;
  for (const auto& each : of) out.push_back(make_alloc(each->id, status));
  return out;
}

class following : public testing::Test {
 protected:
  following() {
    // It has seen the state once.
    (void)follower_.take();
    plan_.node_allocation["node"] = allocs_;
  }
  std::vector<alloc_ref> allocs_ = make_allocs(2000);
  schema::plan_result plan_;
  view_follower follower_;
};

TEST_F(following, what_is_stored_takes_the_place_of_what_was_planned) {
  follower_.assume(plan_);
  auto stored = copies(allocs_, "pending");
  std::ranges::sort(stored, {}, &schema::allocation::id);
  // Two entries of the log.
  follower_.note(commit_of({stored.begin() + 700, stored.end()}));
  follower_.note(commit_of({stored.begin(), stored.begin() + 700}));
  auto changed = follower_.take().allocs;
  ASSERT_EQ(changed.size(), allocs_.size());
  for (size_t i = 0; i < changed.size(); ++i) {
    EXPECT_EQ(changed[i].alloc->id, allocs_[i]->id);
    EXPECT_NE(changed[i].alloc, allocs_[i]);
    EXPECT_EQ(allocs_[i].use_count(), 2) << "the follower let go of it: the test and the plan have it";
  }
}

TEST_F(following, the_newest_counts_in_whichever_order_they_come) {
  follower_.assume(plan_);
  auto stored = copies(allocs_, "running");
  std::ranges::shuffle(stored, std::mt19937_64(9));
  follower_.note(commit_of(copies(stored, "pending")));
  follower_.note(commit_of(stored));
  auto changed = follower_.take().allocs;
  ASSERT_EQ(changed.size(), allocs_.size());
  for (const auto& each : changed) EXPECT_EQ(each.alloc->client_status, "running");
}

TEST_F(following, what_is_stored_after_a_refusal_comes_after_it) {
  follower_.assume(plan_);
  follower_.refuse({allocs_[3]}, state::snapshot{});
  auto later = make_alloc(allocs_[3]->id, "running");
  follower_.note(commit_of({later}));
  auto changed = follower_.take().allocs;
  ASSERT_EQ(changed.size(), allocs_.size() + 2);
  EXPECT_TRUE(changed[allocs_.size()].gone);
  EXPECT_EQ(changed.back().alloc, later);
}

TEST_F(following, many_changed_nodes_are_read_before_somebody_waits_for_them) {
  EXPECT_FALSE(follower_.is_far_behind());
  for (int i = 0; i < 12'000; ++i) {
    auto node = std::make_shared<schema::node>();
    node->id = "node-" + std::to_string(i % 9000);
    fsm::commit_event event;
    event.changes.push_back({state::table::nodes, nullptr, std::move(node)});
    follower_.note(event);
    if (i < 8000) ASSERT_FALSE(follower_.is_far_behind()) << i;
  }
  EXPECT_TRUE(follower_.is_far_behind());
  EXPECT_EQ(follower_.take().nodes.size(), 9000u);
  EXPECT_FALSE(follower_.is_far_behind());
}

TEST_F(following, what_nobody_planned_is_added) {
  follower_.assume(plan_);
  auto other = make_alloc("0000000000000000-x");
  auto alike = make_alloc("ffffffffffffffff-c");
  follower_.note(commit_of({other, alike}));
  auto changed = follower_.take().allocs;
  ASSERT_EQ(changed.size(), allocs_.size() + 2);
  EXPECT_EQ(changed[changed.size() - 2].alloc, other);
  EXPECT_EQ(changed.back().alloc, alike);
}

}  // namespace
}  // namespace drover::server
