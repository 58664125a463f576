#include "server/gc.h"

#include <gtest/gtest.h>

#include "state/store.h"
#include "state/tables.h"

namespace drover::server {
namespace {

constexpr timestamp now{hours(100).ns};

struct world {
  void node(const std::string& id, const std::string& status, bool takes_volumes) {
    schema::node n;
    n.id = id;
    n.status = status;
    n.gc_volumes_on_node_gc = takes_volumes;
    put<state::table::nodes>(std::move(n));
    schema::host_volume v;
    v.id = "volume-of-" + id;
    v.namespace_ = "default";
    v.node_id = id;
    put<state::table::host_volumes>(std::move(v));
  }
  template <state::table T, class Record>
  void put(Record record) {
    auto t = store.begin(++index);
    t.put<T>(std::move(record));
    t.commit();
  }
  state::store store;
  uint64_t index = 0;
};

TEST(garbage, a_node_that_is_forgotten_takes_its_volumes_with_it_only_if_it_says_so) {
  world w;
  w.node("gone", "down", true);
  w.node("kept", "down", false);
  w.node("here", "ready", true);
  auto found = find_garbage(w.store.current(), {}, now, false);
  EXPECT_EQ(found.nodes, (std::vector<std::string>{"gone", "kept"}));
  using name = std::pair<std::string, std::string>;
  EXPECT_EQ(found.host_volumes, (std::vector<name>{{"default", "volume-of-gone"}}));
}

TEST(garbage, a_node_that_went_down_just_now_stays) {
  world w;
  w.node("young", "down", true);
  EXPECT_TRUE(find_garbage(w.store.current(), {}, timestamp(hours(1).ns), false).empty());
  EXPECT_EQ(find_garbage(w.store.current(), {}, timestamp(hours(1).ns), true).nodes.size(), 1u);
}

TEST(garbage, expired_tokens_go_when_they_are_old_enough) {
  world w;
  auto token = [&](const std::string& id, duration lives, bool global) {
    schema::acl_token t;
    t.accessor_id = t.secret_id = id;
    t.global = global;
    t.create_time = timestamp(hours(90).ns);
    if (lives.ns != 0) t.expiration_time = t.create_time + lives;
    w.put<state::table::acl_tokens>(std::move(t));
  };
  token("expired", minutes(1), false);
  token("global", minutes(1), true);
  token("lives", hours(20), false);
  token("forever", {}, false);
  auto found = [&](const gc_thresholds& thresholds, duration at, bool force) {
    return find_garbage(w.store.current(), thresholds, timestamp(at.ns), force).acl_tokens;
  };
  using ids = std::vector<std::string>;
  EXPECT_EQ(found({}, hours(100), false), (ids{"expired", "global"}));
  gc_thresholds of_another_region;
  of_another_region.global_acl_tokens = false;
  EXPECT_EQ(found(of_another_region, hours(100), false), (ids{"expired"}));
  EXPECT_EQ(found({}, hours(90) + minutes(30), false), ids()) << "the record is kept for an hour";
  EXPECT_EQ(found({}, hours(90) + minutes(30), true), (ids{"expired", "global"}));
  EXPECT_EQ(found({}, hours(90) + seconds(30), true), ids()) << "nothing has expired yet";
}

}  // namespace
}  // namespace drover::server
