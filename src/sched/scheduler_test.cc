#include "sched/scheduler.h"

#include <gtest/gtest.h>

#include <set>

#include "codec/compare.h"
#include "sched/plan_check.h"
#include "sched/test_world.h"

namespace drover::sched::testing {
namespace {

size_t placed(const outcome& out) {
  size_t n = 0;
  for (const auto& [node, list] : out.plan.node_allocation) n += list.size();
  return n;
}
size_t stopped(const outcome& out) {
  size_t n = 0;
  for (const auto& [node, list] : out.plan.node_update) n += list.size();
  return n;
}
const schema::desired_updates& updates(const outcome& out, const std::string& group = "web") { return out.eval.plan_annotations->desired_tg_updates.at(group); }

TEST(scheduler, a_service_is_created_scaled_rolled_and_stopped) {
  world w;
  w.add(make_node("n1"));
  auto job = make_job("cache");
  w.put(job);
  auto first = w.run("cache");
  EXPECT_EQ(first.eval.status, "complete");
  EXPECT_EQ(first.eval.queued_allocations.at("web"), 0);
  EXPECT_EQ(updates(first).place, 1u);
  ASSERT_NE(first.plan.deployment, nullptr);
  EXPECT_EQ(first.eval.deployment_id, first.plan.deployment->id);
  ASSERT_EQ(w.live("cache").size(), 1u);
  EXPECT_EQ(w.live("cache")[0]->name, "cache.web[0]");
  EXPECT_EQ(w.live("cache")[0]->deployment_id, first.plan.deployment->id);

  w.settle("cache");
  auto done = w.run("cache");
  ASSERT_EQ(done.plan.deployment_updates.size(), 1u);
  EXPECT_EQ(done.plan.deployment_updates[0].status, "successful");
  EXPECT_EQ(placed(done) + stopped(done), 0u);
  EXPECT_FALSE(w.run("cache").has_plan());

  job.task_groups[0].count = 3;
  w.put(job);
  auto scaled = w.run("cache");
  EXPECT_EQ(updates(scaled).place, 2u);
  EXPECT_EQ(updates(scaled).in_place_update, 1u);
  EXPECT_EQ(stopped(scaled), 0u);
  EXPECT_EQ(w.live("cache").size(), 3u);
  for (const auto& alloc : w.live("cache")) EXPECT_EQ(alloc->deployment_id, scaled.plan.deployment->id);
  w.settle("cache");
  w.run("cache");

  job.task_groups[0].tasks[0].env["VERSION"] = "two";
  w.put(job);
  for (int round = 0; round < 3; ++round) {
    auto rolled = w.run("cache");
    EXPECT_EQ(updates(rolled).destructive_update, 1u) << round;
    EXPECT_EQ(updates(rolled).ignore, 2u);
    ASSERT_EQ(stopped(rolled), 1u);
    const auto& stop = *rolled.plan.node_update.at("n1")[0];
    EXPECT_EQ(stop.desired_description, "alloc is being updated due to job update");
    EXPECT_EQ(stop.name, "cache.web[" + std::to_string(round) + "]");
    const auto& fresh = *rolled.plan.node_allocation.at("n1")[0];
    EXPECT_EQ(fresh.name, stop.name);
    EXPECT_EQ(fresh.previous_allocation, stop.id);
    // Nothing more until it is healthy.
    EXPECT_FALSE(w.run("cache").has_plan());
    w.settle("cache");
  }
  EXPECT_EQ(w.run("cache").plan.deployment_updates.at(0).status, "successful");

  job.stop = true;
  w.put(job);
  auto end = w.run("cache");
  EXPECT_EQ(stopped(end), 3u);
  EXPECT_EQ(end.plan.node_update.at("n1")[0]->desired_description, "alloc not needed due to job update");
  EXPECT_TRUE(w.live("cache").empty());
}

TEST(scheduler, what_cannot_be_placed_blocks_and_says_why) {
  world w;
  w.add(make_node("n1"));
  auto job = make_job("sleep");
  job.constraints.push_back({"${meta.state}", "bootstrapping", "="});
  w.put(job);
  auto out = w.run("sleep");
  EXPECT_EQ(out.eval.status, "complete");
  EXPECT_EQ(out.eval.queued_allocations.at("web"), 1);
  const auto& metrics = out.eval.failed_tg_allocs.at("web");
  EXPECT_EQ(metrics.nodes_evaluated, 1);
  EXPECT_EQ(metrics.nodes_filtered, 1);
  EXPECT_EQ(metrics.nodes_available.at("dc1"), 1);
  EXPECT_EQ(metrics.constraint_filtered.at("${meta.state} = bootstrapping"), 1);
  ASSERT_EQ(out.created.size(), 1u);
  const auto& blocked = out.created[0];
  EXPECT_EQ(out.eval.blocked_eval, blocked.id);
  EXPECT_EQ(blocked.status, "blocked");
  EXPECT_EQ(blocked.triggered_by, "queued-allocs");
  EXPECT_EQ(blocked.status_description, "created to place remaining allocations");
  EXPECT_EQ(blocked.previous_eval, out.eval.id);
  EXPECT_EQ(blocked.class_eligibility.at(w.nodes["n1"]->computed_class), false);
  EXPECT_FALSE(blocked.escaped_computed_class);

  // Tried again for nothing: it goes back to the blocked ones.
  auto again = w.plan(blocked);
  EXPECT_EQ(again.eval.status, "blocked");
  EXPECT_TRUE(again.created.empty());
  EXPECT_FALSE(again.has_plan());

  w.change_node("n1", [](auto& node) { node.meta["state"] = "bootstrapping"; });
  auto ready = w.plan(blocked);
  EXPECT_EQ(ready.eval.status, "complete");
  EXPECT_EQ(placed(ready), 1u);
}

struct exhaustion {
  const char* dimension;
  void (*edit)(schema::job&);
};

TEST(scheduler, names_the_dimension_that_ran_out) {
  const exhaustion rows[] = {
      {"cpu", [](schema::job& j) { j.task_groups[0].tasks[0].resources->cpu = 4001; }},
      {"memory", [](schema::job& j) { j.task_groups[0].tasks[0].resources->memory_mb = 8001; }},
      {"disk",
       [](schema::job& j) {
         j.task_groups[0].ephemeral_disk.emplace();
         j.task_groups[0].ephemeral_disk->size_mb = 100001;
       }},
      {"cores", [](schema::job& j) { j.task_groups[0].tasks[0].resources->cores = 5; }},
      {"network: reserved port collision http=9000",
       [](schema::job& j) {
         schema::network_resource network;
         network.reserved_ports.push_back({"http", 9000, 0, "", false});
         j.task_groups[0].networks.push_back(network);
       }},
      {"network: dynamic port selection failed",
       [](schema::job& j) {
         schema::network_resource network;
         for (int i = 0; i < 3; ++i) network.dynamic_ports.push_back({"p" + std::to_string(i), 0, 0, "", false});
         j.task_groups[0].networks.push_back(network);
       }},
  };
  for (const auto& r : rows) {
    world w;
    auto node = make_node("n1");
    node.node_class = "big";
    node.reserved_resources.emplace();
    node.reserved_resources->networks.reserved_host_ports = "22,9000-9001";
    node.node_resources->min_dynamic_port = 20000;
    node.node_resources->max_dynamic_port = 20001;
    w.add(node);
    auto job = make_job("j");
    r.edit(job);
    w.put(job);
    auto out = w.run("j");
    const auto& metrics = out.eval.failed_tg_allocs["web"];
    EXPECT_EQ(metrics.nodes_exhausted, 1) << r.dimension;
    EXPECT_EQ(metrics.dimension_exhausted.count(r.dimension), 1u) << r.dimension;
    EXPECT_EQ(metrics.class_exhausted.at("big"), 1);
  }
}

TEST(scheduler, scores_are_the_recorded_ones) {
  world w;
  w.add(make_node("n1", 5198, 24105, 78189));
  w.put(make_job("cache"));
  auto out = w.run("cache");
  const auto& metrics = *out.plan.node_allocation.at("n1")[0]->metrics;
  ASSERT_EQ(metrics.score_meta_data.size(), 1u);
  EXPECT_DOUBLE_EQ(metrics.score_meta_data[0].norm_score, 0.027458635733748418);
  EXPECT_DOUBLE_EQ(metrics.score_meta_data[0].scores.at("binpack"), 0.027458635733748418);
  for (const char* other : {"job-anti-affinity", "node-reschedule-penalty", "node-affinity"})
    EXPECT_EQ(metrics.score_meta_data[0].scores.at(other), 0) << other;
}

TEST(scheduler, ports_go_to_the_network_and_the_mapping) {
  world w;
  w.add(make_node("n1"));
  auto job = make_job("j");
  schema::network_resource network;
  network.dynamic_ports.push_back({"db", 0, 0, "default", false});
  network.dynamic_ports.push_back({"same", 0, -1, "", false});
  network.reserved_ports.push_back({"http", 8080, 80, "", false});
  job.task_groups[0].networks.push_back(network);
  w.put(job);
  w.run("j");
  ASSERT_EQ(w.live("j").size(), 1u);
  const auto& shared = w.live("j")[0]->allocated_resources->shared;
  ASSERT_EQ(shared.networks.size(), 1u);
  EXPECT_EQ(shared.networks[0].ip, "10.0.0.1");
  ASSERT_EQ(shared.ports.size(), 3u);
  for (const auto& port : shared.ports) {
    EXPECT_EQ(port.host_ip, "10.0.0.1");
    if (port.label == "http") EXPECT_EQ(port.value, 8080);
    else EXPECT_TRUE(port.value >= 20000 && port.value <= 32000) << port.value;
    if (port.label == "same") EXPECT_EQ(port.to, port.value);
  }
  EXPECT_EQ(shared.networks[0].reserved_ports.at(0).value, 8080);
  EXPECT_EQ(shared.networks[0].dynamic_ports.at(0).label, "db");
}

TEST(scheduler, a_missing_driver_is_a_filter) {
  world w;
  w.add(make_node("n1"));
  auto job = make_job("j");
  job.task_groups[0].tasks[0].driver = "docker";
  w.put(job);
  EXPECT_EQ(w.run("j").eval.failed_tg_allocs["web"].constraint_filtered.at("missing drivers"), 1);
}

TEST(scheduler, datacenters_pools_and_readiness_limit_the_nodes) {
  world w;
  for (const char* id : {"a", "b", "c", "d", "e"}) w.add(make_node(id));
  w.change_node("a", [](auto& n) { n.datacenter = "eu-1"; });
  w.change_node("b", [](auto& n) { n.datacenter = "eu-2", n.node_pool = "gpu"; });
  w.change_node("c", [](auto& n) { n.datacenter = "eu-3", n.scheduling_eligibility = "ineligible"; });
  w.change_node("d", [](auto& n) { n.datacenter = "eu-4", n.status = "down"; });
  auto job = make_job("j", "service", 4);
  job.datacenters = {"eu-*"};
  w.put(job);
  w.run("j");
  EXPECT_EQ(w.live("j").size(), 4u);
  for (const auto& alloc : w.live("j")) EXPECT_EQ(alloc->node_id, "a");
  auto everywhere = make_job("k", "service", 1);
  everywhere.datacenters = {"eu-2"};
  everywhere.node_pool = "all";
  w.put(everywhere);
  w.run("k");
  ASSERT_EQ(w.live("k").size(), 1u);
  EXPECT_EQ(w.live("k")[0]->node_id, "b");
}

TEST(scheduler, distinct_hosts_and_properties) {
  world w;
  for (int i = 0; i < 6; ++i) {
    auto node = make_node("n" + std::to_string(i));
    node.meta["rack"] = "r" + std::to_string(i % 3);
    w.add(node);
  }
  auto job = make_job("hosts", "service", 8);
  job.constraints.push_back({"", "", "distinct_hosts"});
  w.put(job);
  auto out = w.run("hosts");
  EXPECT_EQ(w.live("hosts").size(), 6u);
  EXPECT_EQ(out.eval.failed_tg_allocs["web"].constraint_filtered.at("distinct_hosts"), 6);
  std::set<std::string> used;
  for (const auto& alloc : w.live("hosts")) EXPECT_TRUE(used.insert(alloc->node_id).second);

  auto racks = make_job("racks", "service", 8);
  racks.task_groups[0].constraints.push_back({"${meta.rack}", "2", "distinct_property"});
  w.put(racks);
  EXPECT_EQ(w.run("racks").eval.failed_tg_allocs["web"].coalesced_failures, 1);
  std::map<std::string, int> per_rack;
  for (const auto& alloc : w.live("racks")) ++per_rack[w.nodes[alloc->node_id]->meta.at("rack")];
  EXPECT_EQ(per_rack, (std::map<std::string, int>{{"r0", 2}, {"r1", 2}, {"r2", 2}}));
}

TEST(scheduler, a_down_node_loses_its_allocations) {
  world w;
  w.add(make_node("n1"));
  w.put(make_job("j", "service", 2));
  w.run("j");
  w.settle("j");
  w.run("j");
  w.add(make_node("n2"));
  w.change_node("n1", [](auto& node) { node.status = "down"; });
  auto out = w.run("j");
  EXPECT_EQ(stopped(out), 2u);
  for (const auto& alloc : out.plan.node_update.at("n1")) {
    EXPECT_EQ(alloc->client_status, "lost");
    EXPECT_EQ(alloc->desired_description, "alloc is lost since its node is down");
  }
  ASSERT_EQ(w.live("j").size(), 2u);
  EXPECT_EQ(w.live("j")[0]->name, "j.web[0]");
  EXPECT_FALSE(w.live("j")[0]->previous_allocation.empty());
  EXPECT_FALSE(w.run("j").has_plan());
}

TEST(scheduler, a_migrating_allocation_moves_under_its_name) {
  world w;
  w.add(make_node("n1"));
  w.put(make_job("j"));
  w.run("j");
  w.settle("j");
  w.run("j");
  w.add(make_node("n2"));
  w.change_node("n1", [](auto& node) { node.drain_strategy.emplace(), node.scheduling_eligibility = "ineligible"; });
  EXPECT_FALSE(w.run("j").has_plan());
  auto old = w.live("j")[0]->id;
  w.change_alloc(old, [](auto& alloc) { alloc.desired_transition.migrate = true; });
  auto out = w.run("j");
  EXPECT_EQ(updates(out).migrate, 1u);
  EXPECT_EQ(w.allocs[old]->desired_description, "alloc is being migrated");
  ASSERT_EQ(w.live("j").size(), 1u);
  EXPECT_EQ(w.live("j")[0]->node_id, "n2");
  EXPECT_EQ(w.live("j")[0]->previous_allocation, old);
}

TEST(scheduler, a_failed_allocation_waits_and_moves_on) {
  world w;
  w.add(make_node("n1"));
  w.add(make_node("n2"));
  w.put(make_job("j"));
  w.run("j");
  w.settle("j");
  w.run("j");
  auto failed = w.live("j")[0];
  w.change_alloc(failed->id, [&](auto& alloc) {
    alloc.client_status = "failed";
    alloc.task_states["main"].failed = true;
    alloc.task_states["main"].finished_at = w.now;
  });
  auto out = w.run("j");
  ASSERT_EQ(out.created.size(), 1u);
  EXPECT_EQ(out.created[0].triggered_by, "alloc-failure");
  EXPECT_EQ(out.created[0].wait_until, w.now + seconds(30));
  EXPECT_EQ(w.allocs[failed->id]->followup_eval_id, out.created[0].id);
  EXPECT_EQ(updates(out).reschedule_later, 1u);
  // Nobody makes a second follow-up.
  EXPECT_FALSE(w.run("j").has_plan());

  w.now = w.now + seconds(30);
  auto late = w.plan(out.created[0]);
  w.apply(late.plan, "j");
  ASSERT_EQ(w.live("j").size(), 1u);
  auto fresh = w.live("j")[0];
  EXPECT_NE(fresh->node_id, failed->node_id);
  EXPECT_EQ(fresh->name, failed->name);
  EXPECT_EQ(fresh->previous_allocation, failed->id);
  ASSERT_TRUE(fresh->reschedule_tracker);
  EXPECT_EQ(fresh->reschedule_tracker->events.at(0).prev_node_id, failed->node_id);
  EXPECT_EQ(fresh->reschedule_tracker->events.at(0).delay, seconds(30));
  EXPECT_EQ(w.allocs[failed->id]->desired_description, "alloc was rescheduled because it failed");
  EXPECT_FALSE(w.run("j").has_plan());
}

TEST(scheduler, finished_batch_work_is_not_repeated_until_a_new_version) {
  world w;
  w.add(make_node("n1"));
  auto job = make_job("b", "batch", 2);
  w.put(job);
  w.run("b");
  for (const auto& alloc : w.live("b")) w.change_alloc(alloc->id, [](auto& a) { a.client_status = "complete"; });
  EXPECT_FALSE(w.run("b").has_plan());
  job.task_groups[0].tasks[0].env["X"] = "1";
  w.put(job);
  EXPECT_EQ(placed(w.run("b")), 2u);
}

TEST(scheduler, a_failed_batch_allocation_without_attempts_stays) {
  world w;
  w.add(make_node("n1"));
  auto job = make_job("b", "batch", 1);
  job.task_groups[0].reschedule_policy.emplace();
  job.task_groups[0].reschedule_policy->attempts = 1;
  job.task_groups[0].reschedule_policy->interval = hours(24);
  job.task_groups[0].reschedule_policy->delay = seconds(5);
  job.task_groups[0].reschedule_policy->delay_function = "constant";
  w.put(job);
  w.run("b");
  auto fail_all = [&] {
    for (const auto& alloc : w.live("b"))
      w.change_alloc(alloc->id, [&](auto& a) {
        a.client_status = "failed";
        a.task_states["main"].failed = true;
        a.task_states["main"].finished_at = w.now;
      });
  };
  fail_all();
  w.now = w.now + seconds(5);
  EXPECT_EQ(placed(w.run("b")), 1u);
  fail_all();
  w.now = w.now + hours(1);
  EXPECT_FALSE(w.run("b").has_plan());
}

TEST(scheduler, a_replacement_without_a_node_leaves_the_old_one_running) {
  world w;
  w.add(make_node("n1"));
  auto job = make_job("j");
  w.put(job);
  w.run("j");
  w.settle("j");
  w.run("j");
  job.task_groups[0].tasks[0].resources->memory_mb = 100000;
  w.put(job);
  auto out = w.run("j");
  EXPECT_EQ(stopped(out) + placed(out), 0u);
  EXPECT_EQ(w.live("j").size(), 1u);
  EXPECT_EQ(out.eval.failed_tg_allocs.at("web").dimension_exhausted.at("memory"), 1);
  EXPECT_EQ(out.eval.failed_tg_allocs.at("web").resources_exhausted.at("main").memory_mb, 100000);
}

TEST(scheduler, system_jobs_run_on_every_fitting_node) {
  world w;
  for (const char* id : {"n1", "n2", "n3", "n4"}) w.add(make_node(id));
  w.change_node("n3", [](auto& n) { n.attributes["kernel.name"] = "windows"; });
  w.change_node("n4", [](auto& n) { n.node_resources->memory.memory_mb = 10; });
  auto job = make_job("sys", "system");
  job.constraints.push_back({"${attr.kernel.name}", "linux", "="});
  w.put(job);
  auto out = w.run("sys");
  EXPECT_EQ(placed(out), 2u);
  EXPECT_EQ(out.eval.queued_allocations.at("web"), 1);
  EXPECT_EQ(out.eval.failed_tg_allocs.at("web").dimension_exhausted.at("memory"), 1);
  for (const auto& alloc : w.live("sys")) EXPECT_EQ(alloc->name, "sys.web[0]");
  w.add(make_node("n5"));
  EXPECT_EQ(placed(w.run("sys")), 1u);

  w.change_node("n5", [](auto& n) { n.status = "down"; });
  auto lost = w.run("sys");
  EXPECT_EQ(lost.plan.node_update.at("n5").at(0)->client_status, "lost");
  EXPECT_EQ(placed(lost), 0u);

  job.update.max_parallel = 1;
  job.update.stagger = seconds(30);
  job.task_groups[0].tasks[0].user = "nobody";
  w.put(job);
  auto rolled = w.run("sys");
  EXPECT_EQ(updates(rolled).destructive_update, 1u);
  ASSERT_FALSE(rolled.eval.next_eval.empty());
  EXPECT_EQ(rolled.created.at(0).triggered_by, "rolling-update");
  EXPECT_EQ(rolled.created.at(0).wait_until, w.now + seconds(30));
  EXPECT_EQ(updates(w.run("sys")).destructive_update, 1u);

  job.stop = true;
  w.put(job);
  w.run("sys");
  EXPECT_TRUE(w.live("sys").empty());
}

TEST(scheduler, sysbatch_runs_once_a_version) {
  world w;
  w.add(make_node("n1"));
  auto job = make_job("once", "sysbatch");
  w.put(job);
  EXPECT_EQ(placed(w.run("once")), 1u);
  w.change_alloc(w.live("once")[0]->id, [](auto& a) { a.client_status = "complete"; });
  EXPECT_FALSE(w.run("once").has_plan());
  job.meta["x"] = "1";
  w.put(job);
  EXPECT_EQ(placed(w.run("once")), 1u);
}

TEST(scheduler, stopping_a_job_cancels_its_deployment) {
  world w;
  w.add(make_node("n1"));
  auto job = make_job("j");
  w.put(job);
  w.run("j");
  job.stop = true;
  w.put(job);
  auto out = w.run("j");
  ASSERT_EQ(out.plan.deployment_updates.size(), 1u);
  EXPECT_EQ(out.plan.deployment_updates[0].status, "cancelled");
  EXPECT_EQ(out.plan.deployment_updates[0].status_description, "Cancelled because job is stopped");
}

TEST(scheduler, reserved_cores_are_not_shared) {
  world w;
  w.add(make_node("n1"));
  auto job = make_job("j", "service", 3);
  job.task_groups[0].tasks[0].resources->cores = 2;
  w.put(job);
  w.run("j");
  std::set<uint16_t> cores;
  for (const auto& alloc : w.live("j")) {
    const auto& cpu = alloc->allocated_resources->tasks.at("main").cpu;
    EXPECT_EQ(cpu.cpu_shares, 2000);
    for (auto core : cpu.reserved_cores) EXPECT_TRUE(cores.insert(core).second);
  }
  EXPECT_EQ(w.live("j").size(), 2u);
}

TEST(scheduler, the_same_arguments_give_the_same_plan) {
  world w;
  for (int i = 0; i < 20; ++i) w.add(make_node("n" + std::to_string(i)));
  w.put(make_job("j", "service", 30));
  auto eval = w.eval_for("j");
  auto a = w.plan(eval);
  auto b = w.plan(eval);
  EXPECT_TRUE(codec::equal(a.plan, b.plan));
  EXPECT_TRUE(codec::equal(a.eval, b.eval));
  w.seed = 2;
  EXPECT_FALSE(codec::equal(a.plan, w.plan(eval).plan));
  auto retry = schedule(w.facts_for("j"), w.view, eval, w.now, 2, {.attempt = 1});
  EXPECT_NE(retry.plan.node_allocation.begin()->second[0]->id, a.plan.node_allocation.begin()->second[0]->id);
}

TEST(scheduler, giving_up_fails_and_blocks) {
  world w;
  w.add(make_node("n1"));
  w.put(make_job("j"));
  auto out = give_up(w.plan(w.eval_for("j")), w.now, 1);
  EXPECT_EQ(out.eval.status, "failed");
  EXPECT_EQ(out.eval.status_description, "maximum attempts reached (5)");
  EXPECT_EQ(out.created.at(0).triggered_by, "max-plan-attempts");
  EXPECT_EQ(out.created.at(0).status, "blocked");
}

TEST(plan_check, refuses_a_node_that_filled_up_meanwhile) {
  world w;
  w.add(make_node("n1", 150));
  w.put(make_job("a"));
  w.put(make_job("b"));
  auto a = w.plan(w.eval_for("a"));
  auto b = w.plan(w.eval_for("b"));
  EXPECT_TRUE(is_full_commit(a.plan, check_plan(w.view, a.plan)));
  w.apply(a.plan, "a");
  auto result = check_plan(w.view, b.plan);
  EXPECT_EQ(result.rejected_nodes, std::vector<std::string>{"n1"});
  EXPECT_FALSE(is_full_commit(b.plan, result));
  w.change_node("n1", [](auto& n) { n.status = "down"; });
  EXPECT_FALSE(check_plan(w.view, b.plan).rejected_nodes.empty());
}

}  // namespace
}  // namespace drover::sched::testing
