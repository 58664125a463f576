#include "sched/feasible/devices.h"

#include <gtest/gtest.h>

#include <set>

#include "sched/plan_check.h"
#include "sched/test_world.h"

namespace drover::sched::testing {
namespace {

schema::device_attribute number(int64_t value, const std::string& unit = "") {
  schema::device_attribute made;
  made.int_ = value;
  made.unit = unit;
  return made;
}

schema::node gpu_node(const std::string& id, const std::string& model, int instances, int64_t memory_mib) {
  auto node = make_node(id);
  schema::node_device_resource group{"nvidia", "gpu", model, {}, {{"memory", number(memory_mib, "MiB")}}};
  for (int i = 0; i < instances; ++i) group.instances.push_back({id + "-" + std::to_string(i), true, "", {}});
  node.node_resources->devices.push_back(std::move(group));
  node.computed_class = computed_class(node);
  return node;
}

schema::job gpu_job(const std::string& name, uint64_t count, int64_t allocs = 1) {
  auto job = make_job("j", "batch", allocs);
  job.task_groups[0].tasks[0].resources->devices.push_back({name, count, {}, {}});
  return job;
}

TEST(devices, quantities) {
  struct row {
    const char* text;
    std::optional<double> expected;
  };
  const row rows[] = {{"4", 4},        {"4 GiB", 4294967296.0}, {"4096 MiB", 4294967296.0},  {"2 kW", 2000},    {"1.5 GHz", 1.5e9},
                      {"10MB/s", 1e7}, {"GiB", std::nullopt},   {"4 parsecs", std::nullopt}, {"", std::nullopt}};
  for (const auto& r : rows) EXPECT_EQ(parse_quantity(r.text), r.expected) << r.text;
}

TEST(devices, requests_by_name_count_and_constraints) {
  struct row {
    const char* name;
    uint64_t count;
    schema::constraint constraint;
    bool placed;
  };
  const schema::constraint none{"", "", "is_not_set"};
  const row rows[] = {
      {"gpu", 1, {"${device.type}", "gpu", "="}, true},
      {"nvidia/gpu", 2, {"${device.vendor}", "nvidia", "="}, true},
      {"nvidia/gpu/t4", 1, {"${device.model}", "t4", "="}, true},
      {"nvidia/gpu/v100", 1, {"${device.type}", "gpu", "="}, false},
      {"amd/gpu", 1, {"${device.type}", "gpu", "="}, false},
      {"fpga", 1, {"${device.type}", "gpu", "="}, false},
      {"gpu", 3, {"${device.type}", "gpu", "="}, false},
      {"gpu", 1, {"${device.attr.memory}", "8 GiB", ">="}, true},
      {"gpu", 1, {"${device.attr.memory}", "17 GB", ">="}, true},
      {"gpu", 1, {"${device.attr.memory}", "17 GiB", ">="}, false},
      {"gpu", 1, {"${device.attr.missing}", "", "is_set"}, false},
      {"gpu", 1, {"${device.ids}", "n1-1", "set_contains"}, true},
  };
  for (const auto& r : rows) {
    SCOPED_TRACE(std::string(r.name) + " " + text_of(r.constraint));
    world w;
    w.add(gpu_node("n1", "t4", 2, 16384));
    auto job = gpu_job(r.name, r.count);
    job.task_groups[0].tasks[0].resources->devices[0].constraints.push_back(r.constraint);
    w.put(job);
    auto out = w.run("j");
    EXPECT_EQ(out.eval.failed_tg_allocs.empty(), r.placed);
    if (!r.placed) EXPECT_EQ(out.eval.failed_tg_allocs.at("web").constraint_filtered.at("missing devices"), 1);
    else EXPECT_EQ(w.live("j")[0]->allocated_resources->tasks.at("main").devices.at(0).device_ids.size(), r.count);
  }
}

TEST(devices, an_instance_belongs_to_one) {
  world w;
  w.add(gpu_node("n1", "t4", 2, 1024));
  w.add(gpu_node("n2", "t4", 1, 1024));
  w.put(gpu_job("gpu", 1, 4));
  auto out = w.run("j");
  EXPECT_EQ(out.eval.failed_tg_allocs.at("web").dimension_exhausted.at("devices: no devices match request"), 2);
  std::set<std::string> ids;
  for (const auto& alloc : w.live("j")) EXPECT_TRUE(ids.insert(alloc->allocated_resources->tasks.at("main").devices.at(0).device_ids.at(0)).second);
  EXPECT_EQ(ids.size(), 3u);
  EXPECT_TRUE(check_plan(world().view, {}).rejected_nodes.empty());
}

TEST(devices, the_planner_refuses_a_second_holder) {
  world w;
  w.add(gpu_node("n1", "t4", 1, 1024));
  w.put(gpu_job("gpu", 1));
  auto first = w.plan(w.eval_for("j"));
  auto second = w.plan(w.eval_for("j"));
  w.apply(first.plan, "j");
  EXPECT_EQ(check_plan(w.view, second.plan).rejected_nodes.size(), 1u);
}

TEST(devices, unhealthy_ones_are_nobodys) {
  world w;
  auto node = gpu_node("n1", "t4", 2, 1024);
  node.node_resources->devices[0].instances[0].healthy = false;
  node.computed_class = computed_class(node);
  w.add(node);
  w.put(gpu_job("gpu", 1));
  w.run("j");
  EXPECT_EQ(w.live("j").at(0)->allocated_resources->tasks.at("main").devices.at(0).device_ids, std::vector<std::string>{"n1-1"});
}

TEST(devices, affinities_rank_nodes_and_groups) {
  world w;
  w.add(gpu_node("n1", "t4", 1, 1024));
  auto both = gpu_node("n2", "k80", 1, 1024);
  both.node_resources->devices.push_back({"nvidia", "gpu", "v100", {{"v", true, "", {}}}, {}});
  both.computed_class = computed_class(both);
  w.add(both);
  auto job = gpu_job("gpu", 1);
  job.task_groups[0].tasks[0].resources->devices[0].affinities = {{"${device.model}", "v100", "=", 60}, {"${device.model}", "t4", "=", 40}};
  w.put(job);
  w.run("j");
  const auto& alloc = *w.live("j").at(0);
  EXPECT_EQ(alloc.allocated_resources->tasks.at("main").devices.at(0).name, "v100");
  EXPECT_DOUBLE_EQ(alloc.metrics->score_meta_data.at(0).scores.at("devices"), 0.6);
}

TEST(volumes, numbered_sources_follow_the_name) {
  world w;
  for (int i = 0; i < 3; ++i) {
    auto node = make_node("n" + std::to_string(i));
    std::string volume = "data[" + std::to_string(i) + "]";
    node.host_volumes[volume] = {volume, "/srv", false, ""};
    node.computed_class = computed_class(node);
    w.add(node);
  }
  auto job = make_job("j", "batch", 3);
  job.task_groups[0].volumes["d"].type = "host";
  job.task_groups[0].volumes["d"].source = "data";
  job.task_groups[0].volumes["d"].per_alloc = true;
  w.put(job);
  EXPECT_TRUE(w.run("j").eval.failed_tg_allocs.empty());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(w.live("j").at(static_cast<size_t>(i))->node_id, "n" + std::to_string(i));
  job.task_groups[0].count = 4;
  w.put(job);
  EXPECT_EQ(w.run("j").eval.failed_tg_allocs.at("web").constraint_filtered.at("missing compatible host volumes"), 3);
}

TEST(gang, all_at_once_is_all_or_nothing) {
  world w;
  w.add(make_node("n1", 1000, 1000));
  auto job = make_job("j", "batch", 3);
  job.all_at_once = true;
  job.task_groups[0].tasks[0].resources->cpu = 400;
  w.put(job);
  auto out = w.run("j");
  EXPECT_TRUE(out.plan.node_allocation.empty());
  EXPECT_EQ(out.eval.queued_allocations.at("web"), 3);
  EXPECT_EQ(out.eval.failed_tg_allocs.at("web").coalesced_failures, 2);
  EXPECT_EQ(out.created.at(0).status, "blocked");
  w.add(make_node("n2", 1000, 1000));
  EXPECT_TRUE(w.run("j").eval.failed_tg_allocs.empty());
  EXPECT_EQ(w.live("j").size(), 3u);
  // An update that does not fit as a whole leaves what runs alone.
  job.task_groups[0].tasks[0].resources->cpu = 700;
  w.put(job);
  EXPECT_FALSE(w.run("j").has_plan());
  EXPECT_EQ(w.live("j").size(), 3u);
}

}  // namespace
}  // namespace drover::sched::testing
