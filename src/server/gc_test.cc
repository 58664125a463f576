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

}  // namespace
}  // namespace drover::server
