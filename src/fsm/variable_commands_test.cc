#include "fsm/fixture.h"

namespace drover::fsm::test {
namespace {

using enum command_type;

struct variable_world : ::testing::Test {
  cluster c;
  variable_outcome run(const char* op, uint64_t index = 0, const char* lock = nullptr) {
    variable_apply_request request;
    request.op = op;
    request.var.path = "p";
    request.var.data = bytes(std::string(op));
    request.var.modify_index = index;
    if (lock != nullptr) request.var.lock = schema::variable_lock{.id = lock, .ttl = seconds(15), .lock_delay = seconds(15)};
    auto outcome = c.try_apply<variable_apply>(request);
    EXPECT_TRUE(outcome.has_value()) << outcome.error().text();
    return std::any_cast<variable_outcome>(*outcome);
  }
  ref<state::sealed_variable> stored() { return state::find<table::variables>(c.now(), {"default", "p", {}}); }
};

TEST_F(variable_world, check_and_set) {
  struct row {
    const char* op;
    uint64_t index;
    bool done;
  };
  auto check = [&](const row& r) { EXPECT_EQ(run(r.op, r.index).applied, r.done) << r.op << r.index; };
  check({"cas", 7, false});
  check({"cas", 0, true});
  check({"cas", 0, false});
  check({"cas", c.index - 1, true});
  check({"set", 0, true});
  check({"delete-cas", 1, false});
  check({"delete-cas", c.index - 1, true});
  EXPECT_EQ(state::count(c.now(), table::variables), 0u);
  variable_apply_request bad;
  bad.op = "burn";
  EXPECT_EQ(c.refusal<variable_apply>(bad), "unknown variable operation \"burn\"; it is set, cas, delete, delete-cas, lock-acquire or lock-release");
}

TEST_F(variable_world, a_conflict_tells_what_is_in_the_way) {
  run("set");
  auto conflict = run("cas", 99).conflict;
  ASSERT_NE(conflict, nullptr);
  EXPECT_EQ(conflict->data.data, "set");
  run("delete");
  conflict = run("cas", 99).conflict;
  ASSERT_NE(conflict, nullptr);
  EXPECT_EQ(conflict->path, "p");
  EXPECT_EQ(conflict->modify_index, 0u);
}

TEST_F(variable_world, only_the_holder_changes_a_locked_one) {
  auto held = run("lock-acquire", 0, "l1");
  ASSERT_TRUE(held.applied);
  EXPECT_EQ(held.written->lock->id, "l1");
  for (const char* op : {"set", "delete", "lock-acquire", "lock-release"}) {
    auto refused = run(op, 0, "l2");
    EXPECT_FALSE(refused.applied) << op;
    ASSERT_NE(refused.conflict, nullptr) << op;
    EXPECT_TRUE(refused.conflict->data.empty()) << op;
  }
  EXPECT_FALSE(run("set").applied);
  EXPECT_EQ(stored()->lock->ttl, seconds(15));
  EXPECT_TRUE(run("set", 0, "l1").applied);
  EXPECT_EQ(stored()->lock->id, "l1");
  // Releasing keeps what the holder wrote, whatever comes along with the request.
  auto released = run("lock-release", 0, "l1");
  ASSERT_TRUE(released.applied);
  EXPECT_FALSE(released.written->lock.has_value());
  EXPECT_EQ(stored()->data.data, "set");
  EXPECT_FALSE(run("set", 0, "l1").applied) << "the lock has ended";
  variable_apply_request again;
  again.op = "lock-release";
  again.var.path = "p";
  EXPECT_EQ(c.refusal<variable_apply>(again), "variable doesn't hold a lock");
  again.var.path = "nowhere";
  EXPECT_EQ(c.refusal<variable_apply>(again), "variable doesn't exist");
}

TEST_F(variable_world, a_removed_key_seals_nothing) {
  variable_apply_request request;
  request.op = "set";
  request.var.path = "p";
  request.var.key_id = "gone";
  EXPECT_EQ(c.refusal<variable_apply>(request), "the variable was sealed with root key gone, which has been removed meanwhile; try again");
}

TEST(root_keys, one_is_active) {
  cluster c;
  auto put = [&](std::string id, bool rekey = false) {
    root_key_upsert_request request;
    request.key.key_id = std::move(id);
    request.key.state = "active";
    request.rekey = rekey;
    c.apply<root_key_upsert>(request);
  };
  auto state_of = [&](const char* id) { return state::find<table::root_keys>(c.now(), {id, {}, {}})->state; };
  put("k1");
  put("k2");
  EXPECT_EQ(state_of("k1"), "inactive");
  EXPECT_EQ(state_of("k2"), "active");
  EXPECT_EQ(c.refusal<root_key_delete>({{}, "k2"}), "active root key cannot be deleted - call rotate first");
  put("k3", true);
  EXPECT_EQ(state_of("k1"), "rekeying");
  EXPECT_EQ(state_of("k2"), "rekeying");
  c.apply<root_key_delete>({{}, "k1"});
  EXPECT_EQ(c.refusal<root_key_delete>({{}, "k1"}), "root key not found");
}

}  // namespace
}  // namespace drover::fsm::test
