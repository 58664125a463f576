#include "fsm/host_volumes.h"

#include "fsm/fixture.h"
#include "state/tables.h"

namespace drover::fsm::test {
namespace {

using enum command_type;

std::string state_of(const cluster& c) {
  auto volume = state::find<table::host_volumes>(c.now(), {"default", "v1", {}});
  return volume ? volume->state : "none";
}

void set_status(cluster& c, const std::string& status) {
  schema::node_update_status_request r;
  r.node_id = "n1";
  r.status = status;
  c.apply<node_update_status>(r);
}

schema::node_register_request showing(std::string id) {
  auto request = node("n1", "ready");
  auto shown = *request.node;
  if (!id.empty()) shown.host_volumes["data"] = {.name = "data", .path = "/srv", .id = std::move(id)};
  request.node = std::make_shared<const schema::node>(shown);
  return request;
}

void store_volume(cluster& c) {
  schema::host_volume_register_request r;
  r.volume = std::make_shared<const schema::host_volume>(schema::host_volume{.id = "v1", .name = "data", .node_id = "n1"});
  c.apply<host_volume_register>(r);
}

TEST(host_volume, is_ready_while_its_node_shows_it) {
  cluster c;
  c.apply<node_register>(showing({}));
  store_volume(c);
  EXPECT_EQ(state_of(c), "pending");
  c.apply<node_register>(showing("another volume of that name"));
  EXPECT_EQ(state_of(c), "pending");
  c.apply<node_register>(showing("v1"));
  EXPECT_EQ(state_of(c), "ready");
  set_status(c, "down");
  EXPECT_EQ(state_of(c), "unavailable");
  set_status(c, "ready");
  EXPECT_EQ(state_of(c), "ready");
  c.apply<node_register>(showing({}));
  EXPECT_EQ(state_of(c), "unavailable");
}

TEST(host_volume, one_that_the_node_shows_already_is_ready_at_once) {
  cluster c;
  c.apply<node_register>(showing("v1"));
  store_volume(c);
  EXPECT_EQ(state_of(c), "ready");
  // Its record changes when its state does, and else not.
  auto before = state::find<table::host_volumes>(c.now(), {"default", "v1", {}})->modify_index;
  set_status(c, "ready");
  EXPECT_EQ(state::find<table::host_volumes>(c.now(), {"default", "v1", {}})->modify_index, before);
}

TEST(host_volume, of_a_node_that_was_purged) {
  cluster c;
  c.apply<node_register>(showing("v1"));
  store_volume(c);
  schema::node_deregister_request gone;
  gone.node_id = "n1";
  c.apply<node_deregister>(gone);
  EXPECT_EQ(state_of(c), "unavailable");
}

}  // namespace
}  // namespace drover::fsm::test
