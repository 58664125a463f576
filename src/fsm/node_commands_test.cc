#include "fsm/fixture.h"
#include "fsm/limits.h"

namespace drover::fsm::test {
namespace {

using enum command_type;

schema::node_update_drain_request drain_request(std::optional<schema::drain_strategy> strategy, bool mark_eligible = false) {
  schema::node_update_drain_request r;
  r.node_id = "n1";
  r.drain_strategy = std::move(strategy);
  r.mark_eligible = mark_eligible;
  r.updated_at = t0 / 1'000'000'000 + 5;
  return r;
}
schema::node_update_status_request status_request(std::string id, std::string status) {
  schema::node_update_status_request r;
  r.node_id = std::move(id);
  r.status = std::move(status);
  r.updated_at = t0 / 1'000'000'000 + 1;
  return r;
}

TEST(node, registers_and_registers_again_keeping_what_is_the_servers) {
  cluster c;
  auto request = node("n1", "initializing");
  request.create_node_pool = true;
  auto with_pool = *request.node;
  with_pool.node_pool = "gpu";
  request.node = std::make_shared<const schema::node>(with_pool);
  c.apply<node_register>(request);
  auto n = c.now().node("n1");
  EXPECT_EQ(n->create_index, c.index);
  EXPECT_EQ(n->scheduling_eligibility, "eligible");
  EXPECT_EQ(n->events.at(0).message, "Node registered");
  EXPECT_EQ(n->events[0].create_index, c.index);
  EXPECT_NE(c.now().node_pool("gpu"), nullptr);
  c.apply<node_update_drain>(drain_request(schema::drain_strategy{}));
  c.apply<node_update_status>(status_request("n1", "down"));
  c.apply<node_register>(node("n1"));
  n = c.now().node("n1");
  EXPECT_EQ(n->create_index, 11u);
  EXPECT_EQ(n->modify_index, c.index);
  EXPECT_TRUE(n->drain_strategy && n->drain);
  EXPECT_EQ(n->scheduling_eligibility, "ineligible");
  EXPECT_EQ(n->events.back().message, "Node re-registered");
  EXPECT_EQ(n->node_pool, "default");
  EXPECT_GT(n->last_missed_heartbeat_index, 0u);
}

TEST(node, status_eligibility_and_events) {
  cluster c;
  EXPECT_EQ(c.refusal<node_update_status>(status_request("n1", "ready")), "node not found");
  c.apply<node_register>(node("n1", "initializing"));
  c.apply<node_update_status>(status_request("n1", "ready"));
  EXPECT_EQ(c.now().node("n1")->status, "ready");
  EXPECT_EQ(c.now().node("n1")->status_updated_at, t0 / 1'000'000'000 + 1);
  schema::node_update_eligibility_request eligibility;
  eligibility.node_id = "n1";
  eligibility.eligibility = "ineligible";
  c.apply<node_update_eligibility>(eligibility);
  EXPECT_EQ(c.now().node("n1")->scheduling_eligibility, "ineligible");
  eligibility.eligibility = "maybe";
  EXPECT_EQ(c.refusal<node_update_eligibility>(eligibility), "invalid scheduling eligibility \"maybe\"; it is \"eligible\" or \"ineligible\"");

  schema::emit_node_events_request events;
  for (size_t i = 0; i < node_events_max + 4; i++) {
    schema::node_event e;
    e.message = std::to_string(i);
    events.node_events["n1"].push_back(e);
  }
  c.apply<node_events>(events);
  EXPECT_EQ(c.now().node("n1")->events.size(), node_events_max);
  EXPECT_EQ(c.now().node("n1")->events.back().message, std::to_string(node_events_max + 3));
}

TEST(node, drains_complete_or_are_cancelled) {
  cluster c;
  c.apply<node_register>(node("n1"));
  auto start = drain_request(schema::drain_strategy{});
  start.meta["why"] = "kernel";
  start.updated_by = "accessor";
  c.apply<node_update_drain>(start);
  auto n = c.now().node("n1");
  EXPECT_TRUE(n->drain);
  EXPECT_EQ(n->scheduling_eligibility, "ineligible");
  EXPECT_EQ(n->last_drain->status, "draining");
  schema::node_update_eligibility_request eligible;
  eligible.node_id = "n1";
  eligible.eligibility = "eligible";
  EXPECT_EQ(c.refusal<node_update_eligibility>(eligible), "can not set node's scheduling eligibility to eligible while it is draining");
  c.apply<node_update_drain>(drain_request(std::nullopt, true));
  EXPECT_EQ(c.now().node("n1")->last_drain->status, "canceled");
  EXPECT_EQ(c.now().node("n1")->last_drain->meta.at("why"), "kernel");
  EXPECT_EQ(c.now().node("n1")->scheduling_eligibility, "eligible");

  c.apply<node_update_drain>(start);
  batch_node_update_drain_request done;
  done.updates["n1"] = {};
  done.node_events["n1"].message = "Node drain complete";
  done.updated_at = t0;
  c.apply<batch_node_update_drain>(done);
  n = c.now().node("n1");
  EXPECT_FALSE(n->drain);
  EXPECT_EQ(n->last_drain->status, "complete");
  EXPECT_EQ(n->scheduling_eligibility, "ineligible");
  EXPECT_EQ(n->events.back().message, "Node drain complete");
}

TEST(node, leaves_alone_or_with_others) {
  cluster c;
  for (auto id : {"n1", "n2", "n3"}) c.apply<node_register>(node(id));
  EXPECT_EQ(c.now().node_count(), 3u);
  c.apply<node_deregister>({{}, "n1"});
  c.apply<node_batch_deregister>({{}, {"n2", "n3"}});
  EXPECT_EQ(c.now().node_count(), 0u);
  EXPECT_EQ(c.refusal<node_deregister>({{}, "n1"}), "node not found");
}

TEST(node_pool, lives_while_it_is_used) {
  cluster c;
  EXPECT_NE(c.now().node_pool("all"), nullptr);
  auto pool = std::make_shared<schema::node_pool>();
  pool->name = "gpu";
  c.apply<node_pool_upsert>({{}, {pool}});
  const auto created = c.index;
  auto changed = std::make_shared<schema::node_pool>(*pool);
  changed->description = "with cards";
  c.apply<node_pool_upsert>({{}, {changed}});
  EXPECT_EQ(c.now().node_pool("gpu")->create_index, created);
  EXPECT_EQ(c.now().node_pool("gpu")->description, "with cards");
  auto all = std::make_shared<schema::node_pool>();
  all->name = "all";
  EXPECT_EQ(c.refusal<node_pool_upsert>({{}, {all}}), "modifying node pool \"all\" is not allowed");
  EXPECT_EQ(c.refusal<node_pool_delete>({{}, {"default"}}), "deleting node pool \"default\" is not allowed");
  EXPECT_EQ(c.refusal<node_pool_delete>({{}, {"none"}}), "node pool \"none\" not found");
  auto job = make_job("train");
  job.node_pool = "gpu";
  c.apply<job_register>(registration(job));
  EXPECT_EQ(c.refusal<node_pool_delete>({{}, {"gpu"}}), "node pool \"gpu\" has the non-terminal job \"train\"");
  schema::job_deregister_request purge;
  purge.job_id = "train";
  purge.purge = true;
  c.apply<job_deregister>(purge);
  c.apply<node_pool_delete>({{}, {"gpu"}});
  EXPECT_EQ(c.now().node_pool("gpu"), nullptr);
}

}  // namespace
}  // namespace drover::fsm::test
