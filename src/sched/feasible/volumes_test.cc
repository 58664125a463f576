// Dynamic host volumes and CSI volumes: where a group that asks for one may go.
#include "sched/feasible/volumes.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "sched/plan_check.h"
#include "sched/test_world.h"

namespace drover::sched::testing {
namespace {

struct volumes_test : ::testing::Test {
  volumes_test() {
    for (const auto* id : {"n1", "n2", "n3"}) w.add(make_node(id));
  }

  // A dynamic volume on a node.
  void add_host(const std::string& node, const std::string& id, const std::string& access = "single-node-single-writer", const std::string& state = "ready") {
    schema::host_volume volume;
    volume.namespace_ = "default";
    volume.id = id;
    volume.name = "data";
    volume.node_id = node;
    volume.state = state;
    volume.requested_capabilities.push_back({"file-system", access});
    known.host[id] = std::make_shared<const schema::host_volume>(volume);
    w.change_node(node, [&](auto& n) { n.host_volumes["data"] = {"data", "/data", false, id}; });
  }
  void add_csi(const std::string& id, const std::string& access, const std::vector<std::string>& nodes) {
    schema::csi_volume volume;
    volume.id = id;
    volume.namespace_ = "default";
    volume.plugin_id = "ebs";
    volume.access_mode = access;
    volume.schedulable = true;
    known.csi[id] = std::make_shared<const schema::csi_volume>(volume);
    for (const auto& node : nodes)
      w.change_node(node, [](auto& n) {
        n.csi_node_plugins["ebs"].healthy = true;
        n.csi_node_plugins["ebs"].node_info.emplace();
      });
  }
  schema::job asking(const std::string& id, schema::volume_request request, int64_t count = 1) {
    auto job = make_job(id, "service", count);
    request.source = "data";
    job.task_groups[0].volumes["v"] = std::move(request);
    return job;
  }
  static schema::volume_request writer() {
    schema::volume_request request;
    request.type = "host";
    request.access_mode = "single-node-single-writer";
    return request;
  }
  static schema::volume_request csi(bool read_only = false) {
    schema::volume_request request;
    request.type = "csi";
    request.read_only = read_only;
    return request;
  }
  outcome plan(const std::string& id) {
    auto facts = w.facts_for(id);
    facts.volumes = known;
    return schedule(facts, w.view, w.eval_for(id), w.now, w.seed, {.explain = true});
  }
  outcome run(const std::string& id) {
    auto out = plan(id);
    w.apply(out.plan, id);
    claim(id);
    return out;
  }
  // What applying a plan does for sticky groups (fsm/volume_claims.h).
  void claim(const std::string& id) {
    for (const auto& alloc : w.live(id)) {
      const auto& group = alloc->job->task_groups[0];
      if (!group.volumes.contains("v") || !group.volumes.at("v").sticky) continue;
      schema::task_group_host_volume_claim made;
      made.id = alloc->id;
      made.job_id = id;
      made.task_group_name = group.name;
      made.volume_name = "data";
      made.volume_id = w.nodes.at(alloc->node_id)->host_volumes.at("data").id;
      known.claims.push_back(std::make_shared<const schema::task_group_host_volume_claim>(made));
    }
  }
  std::vector<std::string> where(const std::string& id) {
    std::vector<std::string> nodes;
    for (const auto& alloc : w.live(id)) nodes.push_back(alloc->node_id);
    std::ranges::sort(nodes);
    return nodes;
  }
  std::string reason(const outcome& out) {
    const auto& filtered = out.eval.failed_tg_allocs.at("web").constraint_filtered;
    return filtered.empty() ? "" : filtered.begin()->first;
  }

  world w;
  volume_facts known;
};

TEST_F(volumes_test, one_writer_on_each_node_that_has_the_volume) {
  add_host("n1", "v1");
  add_host("n2", "v2");
  w.put(asking("db", writer(), 3));
  auto out = run("db");
  EXPECT_EQ(where("db"), (std::vector<std::string>{"n1", "n2"}));
  EXPECT_EQ(out.eval.queued_allocations.at("web"), 1);
  EXPECT_EQ(reason(out), "missing compatible host volumes");
  // Another job's writer finds none either, until one goes.
  w.put(asking("other", writer()));
  EXPECT_EQ(run("other").eval.queued_allocations.at("web"), 1);
  auto smaller = *w.jobs["db"];
  smaller.task_groups[0].count = 1;
  w.put(smaller);
  run("db");
  for (const auto& [id, alloc] : std::map(w.allocs))
    if (alloc->desired_status == "stop") w.change_alloc(id, [](auto& a) { a.client_status = "complete"; });
  EXPECT_EQ(run("other").eval.failed_tg_allocs.size(), 0u);
}

TEST_F(volumes_test, the_planner_sees_a_second_writer) {
  add_host("n1", "v1");
  w.put(asking("a", writer()));
  w.put(asking("b", writer()));
  auto first = plan("a"), second = plan("b");
  EXPECT_TRUE(check_plan(w.view, first.plan).rejected_nodes.empty());
  w.apply(first.plan, "a");
  EXPECT_EQ(check_plan(w.view, second.plan).rejected_nodes, std::vector<std::string>{"n1"});
}

TEST_F(volumes_test, state_and_capabilities_count) {
  add_host("n1", "v1", "single-node-single-writer", "pending");
  add_host("n2", "v2", "single-node-reader-only");
  w.put(asking("db", writer()));
  EXPECT_EQ(run("db").eval.queued_allocations.at("web"), 1);
  schema::volume_request reader;
  reader.type = "host";
  reader.read_only = true;
  w.put(asking("reader", reader, 2));
  run("reader");
  EXPECT_EQ(where("reader"), (std::vector<std::string>{"n2", "n2"}));
}

TEST_F(volumes_test, sticky_goes_back_to_its_volume) {
  for (const auto* node : {"n1", "n2", "n3"}) add_host(node, std::string("v-") + node, "single-node-multi-writer");
  auto request = writer();
  request.access_mode = "single-node-multi-writer";
  request.sticky = true;
  w.put(asking("db", request));
  run("db");
  auto home = where("db").at(0);
  for (const auto& alloc : w.live("db")) w.change_alloc(alloc->id, [](auto& a) { a.desired_transition.migrate = true; });
  run("db");
  EXPECT_EQ(where("db").back(), home);
  // While its node cannot take it, it waits: its data is there.
  for (const auto& [id, alloc] : std::map(w.allocs)) w.change_alloc(id, [](auto& a) { a.desired_status = "stop", a.client_status = "complete"; });
  w.change_node(home, [](auto& n) { n.scheduling_eligibility = "ineligible"; });
  auto waits = run("db");
  EXPECT_EQ(waits.eval.queued_allocations.at("web"), 1);
  auto said = join(sentences(waits.explanations.at(0)), "\n");
  EXPECT_NE(said.find("(claim "), std::string::npos) << said;
  EXPECT_NE(said.find(fmt::format("holds it to node {})", home)), std::string::npos) << said;
  EXPECT_NE(said.find("drover volume claim delete"), std::string::npos) << said;
  // The data is given up, or the volume is gone: any other will do.
  auto claims = std::exchange(known.claims, {});
  EXPECT_FALSE(plan("db").plan.node_allocation.empty());
  known.claims = std::move(claims);
  known.host.erase("v-" + home);
  EXPECT_FALSE(plan("db").plan.node_allocation.empty());
}

TEST_F(volumes_test, a_csi_volume_that_is_not_there_is_waited_for_by_name) {
  w.put(asking("app", csi()));
  auto out = run("app");
  EXPECT_EQ(reason(out), "missing CSI volume(s) data");
  ASSERT_EQ(out.created.size(), 1u);
  EXPECT_EQ(out.created[0].missing_non_node_resources, std::vector<std::string>{"csi-volume:default:data"});
}

TEST_F(volumes_test, csi_goes_where_the_plugin_is_healthy) {
  add_csi("data", "multi-node-multi-writer", {"n2"});
  w.put(asking("app", csi(), 2));
  run("app");
  EXPECT_EQ(where("app"), (std::vector<std::string>{"n2", "n2"}));
  w.change_node("n2", [](auto& n) { n.csi_node_plugins["ebs"].healthy = false; });
  w.put(asking("late", csi()));
  EXPECT_TRUE(run("late").eval.failed_tg_allocs.contains("web"));
}

TEST_F(volumes_test, csi_writers_and_topology) {
  add_csi("data", "single-node-writer", {"n1", "n2"});
  w.put(asking("app", csi(), 2));
  auto out = run("app");
  EXPECT_EQ(where("app").size(), 1u);
  EXPECT_TRUE(out.eval.failed_tg_allocs.at("web").constraint_filtered.contains("CSI volume data has exhausted its available writer claims"));
  known.foreign_writers["data"] = {"job \"other\" (allocation 12345678, running)"};
  w.put(asking("other", csi()));
  EXPECT_EQ(where("other").size(), 0u);
  EXPECT_TRUE(run("other").eval.failed_tg_allocs.contains("web"));
  schema::csi_volume far = *known.csi["data"];
  far.topologies.push_back({{{"zone", "b"}}});
  known.foreign_writers.clear();
  known.csi["data"] = std::make_shared<const schema::csi_volume>(far);
  w.change_node("n2", [](auto& n) { n.csi_node_plugins["ebs"].node_info->accessible_topology.emplace().segments = {{"zone", "b"}, {"rack", "1"}}; });
  w.put(asking("zoned", csi(true)));
  run("zoned");
  EXPECT_EQ(where("zoned"), std::vector<std::string>{"n2"});
}

}  // namespace
}  // namespace drover::sched::testing
