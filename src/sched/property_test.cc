// Random clusters, jobs and events; what must hold after every plan, whatever happened. A failing seed is printed: put it into `seeds`.
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "codec/compare.h"
#include "sched/feasible/operators.h"
#include "sched/plan_check.h"
#include "sched/test_world.h"

namespace drover::sched::testing {
namespace {

using generator = std::mt19937_64;

int64_t between(generator& g, int64_t low, int64_t high) { return low + static_cast<int64_t>(g() % static_cast<uint64_t>(high - low + 1)); }
bool chance(generator& g, int percent) { return between(g, 1, 100) <= percent; }

schema::node random_node(generator& g, int number) {
  auto node = make_node("n" + std::to_string(number), between(g, 200, 3000), between(g, 200, 4000), between(g, 500, 3000));
  node.datacenter = chance(g, 70) ? "dc1" : "dc2";
  node.meta["rack"] = "r" + std::to_string(between(g, 0, 3));
  if (chance(g, 20)) node.attributes["kernel.name"] = "windows";
  if (chance(g, 10)) node.drivers["exec"].healthy = false;
  if (chance(g, 30)) node.node_class = "big";
  node.node_resources->min_dynamic_port = 20000;
  node.node_resources->max_dynamic_port = between(g, 20000, 20010);
  if (chance(g, 50)) {
    node.reserved_resources.emplace();
    node.reserved_resources->cpu.cpu_shares = 50;
    node.reserved_resources->memory.memory_mb = 50;
    node.reserved_resources->networks.reserved_host_ports = "22,8080,20001";
  }
  node.computed_class = computed_class(node);
  return node;
}

void add_random_network(generator& g, schema::task_group& group) {
  schema::network_resource network;
  for (int64_t i = between(g, 0, 3); i > 0; --i) network.dynamic_ports.push_back({"d" + std::to_string(i), 0, 0, "", false});
  if (chance(g, 40)) network.reserved_ports.push_back({"s", between(g, 8079, 8081), 0, "", false});
  group.networks.push_back(network);
}

schema::job random_job(generator& g, const std::string& id) {
  const char* types[] = {"service", "service", "service", "batch", "system", "sysbatch"};
  auto job = make_job(id, types[between(g, 0, 5)], between(g, 0, 8));
  auto& group = job.task_groups[0];
  if (job.type.starts_with("sys")) group.count = 1;
  if (job.type == "system" && chance(g, 60)) group.update.emplace().progress_deadline = minutes(10);
  auto& resources = *group.tasks[0].resources;
  resources.cpu = between(g, 10, 400);
  resources.memory_mb = between(g, 10, 400);
  if (chance(g, 10)) resources.cores = between(g, 1, 2);
  group.ephemeral_disk.emplace();
  group.ephemeral_disk->size_mb = between(g, 10, 300);
  if (group.update) group.update->max_parallel = between(g, 1, 3);
  if (group.update && chance(g, 30)) group.update->canary = between(g, 1, 4);
  if (chance(g, 30)) {
    group.disconnect.emplace();
    group.disconnect->lost_after = seconds(between(g, 1, 5000));
    group.disconnect->replace = chance(g, 70);
    const char* strategies[] = {"", "keep_original", "keep_replacement", "longest_running"};
    group.disconnect->reconcile = strategies[between(g, 0, 3)];
  }
  if (!job.type.starts_with("sys") && chance(g, 20)) job.affinities.push_back({"${meta.rack}", "r1", "=", static_cast<int8_t>(between(g, 1, 100))});
  if (!job.type.starts_with("sys") && chance(g, 20)) job.spreads.push_back({"${meta.rack}", 50, {}});
  if (chance(g, 50)) add_random_network(g, group);
  if (chance(g, 30)) job.constraints.push_back({"${attr.kernel.name}", "linux", "="});
  if (chance(g, 20)) job.constraints.push_back({"${meta.rack}", "r[0-2]", "regexp"});
  if (chance(g, 15)) job.constraints.push_back({"${attr.unique.hostname}", "host-n1", "!="});
  if (chance(g, 20)) job.constraints.push_back({"", "true", "distinct_hosts"});
  if (chance(g, 15)) group.constraints.push_back({"${meta.rack}", "2", "distinct_property"});
  if (chance(g, 30)) job.datacenters = {"dc1"};
  return job;
}

class property_world : public world {
 public:
  explicit property_world(uint64_t s) : g(s) {
    seed = s;
    if (s % 2 == 0) view.keep_load_index();
    for (int64_t i = between(g, 1, 12); i > 0; --i) add(random_node(g, static_cast<int>(i)));
    for (int64_t i = between(g, 1, 4); i > 0; --i) put(random_job(g, "job" + std::to_string(i)));
  }

  // Something happens in the cluster.
  void event() {
    now = now + seconds(between(g, 1, 4000));
    switch (between(g, 0, 7)) {
      case 0: return change_job();
      case 6: return promote_some();
      case 7: return come_back();
      case 1: return change_some_node();
      case 2: return end_some_alloc();
      case 3: return add(random_node(g, 100 + static_cast<int>(nodes.size())));
      default:
        for (const auto& [id, job] : jobs) settle(id);
    }
  }

  generator g;

 private:
  template <class Map>
  std::string some(const Map& all) {
    auto it = all.begin();
    std::advance(it, between(g, 0, static_cast<int64_t>(all.size()) - 1));
    return it->first;
  }
  void change_job() {
    schema::job job = *jobs[some(jobs)];
    auto& group = job.task_groups[0];
    switch (between(g, 0, 3)) {
      case 0:
        if (!job.type.starts_with("sys")) group.count = between(g, 0, 8);
        break;
      case 1: group.tasks[0].env["V"] = std::to_string(g()); break;
      case 2: job.stop = !job.stop; break;
      default: group.tasks[0].kill_timeout = seconds(between(g, 1, 30));
    }
    put(job);
  }
  void promote_some() {
    for (const auto& [id, deployment] : deployments)
      if (deployment->status == "running" && chance(g, 50)) promote(id);
  }
  // Clients report what they thought was unknown.
  void come_back() {
    for (const auto& [id, alloc] : std::map(allocs))
      if (alloc->client_status == "unknown" && alloc->desired_status == "run") {
        change_node(alloc->node_id, [](auto& node) { node.status = "ready"; });
        bool failed = chance(g, 20);
        change_alloc(id, [&](auto& a) { a.client_status = failed ? "failed" : "running"; });
      }
  }
  void change_some_node() {
    int64_t what = between(g, 0, 4);
    change_node(some(nodes), [&](auto& node) {
      if (what == 0) node.status = node.status == "down" ? "ready" : "down";
      else if (what == 4) node.status = node.status == "disconnected" ? "ready" : "disconnected";
      else if (what == 1) node.scheduling_eligibility = node.scheduling_eligibility == "eligible" ? "ineligible" : "eligible";
      else if (what == 2) node.meta["rack"] = "r" + std::to_string(between(g, 0, 3));
      else node.attributes["kernel.name"] = "linux";
    });
  }
  void end_some_alloc() {
    if (allocs.empty()) return;
    bool failed = chance(g, 60);
    bool moves = chance(g, 30);
    change_alloc(some(allocs), [&](auto& alloc) {
      if (!occupies(alloc)) return;
      if (moves) {
        alloc.desired_transition.migrate = true;
        return;
      }
      alloc.client_status = failed ? "failed" : "complete";
      alloc.task_states["main"].failed = failed;
      alloc.task_states["main"].finished_at = now;
    });
  }
};

void check_capacity(const property_world& w) {
  for (const auto& [id, node] : w.nodes) {
    std::vector<ref<schema::allocation>> there;
    std::set<std::pair<std::string, int64_t>> ports;
    for (const auto& [alloc_id, alloc] : w.allocs) {
      if (alloc->node_id != id || !occupies(*alloc)) continue;
      there.push_back(alloc);
      for (const auto& port : alloc->allocated_resources->shared.ports)
        EXPECT_TRUE(ports.insert({port.host_ip, port.value}).second) << "port " << port.value << " twice on " << id;
    }
    auto fit = fits(*node, there);
    EXPECT_TRUE(fit.ok) << id << " is over in " << fit.dimension;
    // The columns say the same as counting from nothing.
    node_usage counted(*node);
    for (const auto& alloc : there) counted.add(*alloc);
    EXPECT_EQ(w.view.used(w.view.find(id)), counted.used());
  }
}

void check_new_allocs(const property_world& w, const outcome& out, operator_set& operators) {
  for (const auto& [id, list] : out.plan.node_allocation) {
    const auto& node = *w.nodes.at(id);
    std::set<std::string> hosts;
    for (const auto& alloc : list) {
      if (alloc->eval_id != out.eval.id || alloc->client_status != "pending" || alloc->create_time != w.now.ns) continue;
      EXPECT_EQ(node.status, "ready");
      EXPECT_EQ(node.scheduling_eligibility, "eligible");
      EXPECT_TRUE(node.drivers.at("exec").healthy);
      const auto& job = *w.jobs.at(alloc->job_id);
      EXPECT_TRUE(job.datacenters[0] == "*" || job.datacenters[0] == node.datacenter);
      for (const auto& c : job.constraints) {
        EXPECT_TRUE(operators.holds(c, node)) << text_of(c) << " on " << id;
        if (c.operand == "distinct_hosts") EXPECT_EQ(std::ranges::count_if(w.live(job.id), [&](const auto& a) { return a->node_id == id; }), 1) << id;
      }
      for (const auto& port : alloc->allocated_resources->shared.ports)
        if (node.reserved_resources) EXPECT_TRUE(port.value != 22 && port.value != 8080 && port.value != 20001);
    }
  }
}

// What a plain search would still place must have been placed.
void check_nothing_more_fits(const property_world& w, const outcome& out, operator_set& operators) {
  if (!out.eval.failed_tg_allocs.empty()) {
    const auto& job = *w.jobs.at(out.eval.job_id);
    const auto& group = job.task_groups[0];
    if (job.type.starts_with("sys") || !group.networks.empty() || group.tasks[0].resources->cores > 0) return;
    bool distinct = false;
    for (const auto* list : {&job.constraints, &group.constraints})
      for (const auto& c : *list) distinct |= c.operand.starts_with("distinct");
    if (distinct) return;
    for (const auto& [id, node] : w.nodes) {
      bool good = node->status == "ready" && node->scheduling_eligibility == "eligible" && node->drivers.at("exec").healthy &&
                  (job.datacenters[0] == "*" || job.datacenters[0] == node->datacenter);
      for (const auto& c : job.constraints) good = good && operators.holds(c, *node);
      if (!good) continue;
      auto free = w.view.usage(w.view.find(id)).free();
      const auto& wants = *group.tasks[0].resources;
      EXPECT_FALSE(free.cpu >= wants.cpu && free.memory >= wants.memory_mb && free.disk >= group.ephemeral_disk->size_mb) << job.id << " would fit " << id;
    }
  }
}

void check_rolling(const property_world& w, const outcome& out) {
  const auto& job = *w.jobs.at(out.eval.job_id);
  if (job.stop || !job.task_groups[0].update || !out.eval.plan_annotations) return;
  if (job.type == "system") {
    const auto& updates = out.eval.plan_annotations->desired_tg_updates.at("web");
    EXPECT_LE(static_cast<int64_t>(updates.destructive_update), *job.task_groups[0].update->max_parallel);
    if (out.plan.deployment)
      for (const auto& [name, state] : out.plan.deployment->task_groups) EXPECT_LE(state.desired_canaries, *job.task_groups[0].update->max_parallel);
    return;
  }
  EXPECT_LE(out.eval.plan_annotations->desired_tg_updates.at("web").destructive_update, static_cast<uint64_t>(*job.task_groups[0].update->max_parallel));
}

void check_count(const property_world& w, const outcome& out) {
  const auto& job = *w.jobs.at(out.eval.job_id);
  auto live = w.live(job.id);
  if (job.stop) EXPECT_TRUE(live.empty());
  if (job.type.starts_with("sys") || job.stop) return;
  // What is replaced while it is unknown, and canaries that nobody has promoted, stand beside the count.
  std::erase_if(live, [&](const auto& alloc) {
    bool canary = alloc->deployment_status && alloc->deployment_status->canary;
    return canary || (alloc->client_status == "unknown" && !alloc->next_allocation.empty());
  });
  EXPECT_LE(static_cast<int64_t>(live.size()), job.task_groups[0].count);
  std::set<std::string> names;
  for (const auto& alloc : live) EXPECT_TRUE(names.insert(alloc->name).second) << alloc->name << " twice";
}

std::string describe(const outcome& out) {
  std::string text = out.plan.deployment ? "its deployment;" : "";
  for (const auto* part : {&out.plan.node_update, &out.plan.node_allocation})
    for (const auto& [node, list] : *part)
      for (const auto& alloc : list)
        text += fmt::format(" {} on {} {} {} \"{}\";", alloc->name, node, alloc->desired_status, alloc->client_status, alloc->desired_description);
  for (const auto& update : out.plan.deployment_updates) text += " deployment " + update.status + ";";
  return text;
}

void check_job(property_world& w, const std::string& id, operator_set& operators) {
  auto eval = w.eval_for(id);
  auto out = w.plan(eval);
  EXPECT_TRUE(codec::equal(out.plan, w.plan(eval).plan)) << "not deterministic";
  auto judged = check_plan(w.view, out.plan);
  EXPECT_TRUE(judged.rejected_nodes.empty()) << "the planner refuses " << judged.rejected_nodes.front();
  w.apply(out.plan, id);
  check_capacity(w);
  check_new_allocs(w, out, operators);
  check_nothing_more_fits(w, out, operators);
  check_rolling(w, out);
  check_count(w, out);
  // Without news there is nothing to do, but for replacements that still wait for a node (updates are tried again).
  auto again = w.plan(w.eval_for(id));
  bool waits = !out.eval.failed_tg_allocs.empty();
  // Without a deployment the next batch of a system job needs no health, only time.
  bool rolls_on = out.eval.plan_annotations && w.jobs[id]->type.starts_with("sys") && !w.jobs[id]->task_groups[0].update;
  bool finishes = !again.plan.deployment_updates.empty();
  if (!waits && !rolls_on && !finishes)
    EXPECT_FALSE(again.has_plan()) << "a second run of " << id << " changes " << describe(again) << "\nafter" << describe(out);
}

void check_seed(uint64_t seed) {
  property_world w(seed);
  operator_set operators;
  for (int step = 0; step < 12 && !::testing::Test::HasFailure(); ++step) {
    std::vector<std::string> ids;
    for (const auto& [id, job] : w.jobs) ids.push_back(id);
    for (const auto& id : ids) check_job(w, id, operators);
    w.event();
  }
}

TEST(scheduler_property, holds_for_random_clusters) {
  const uint64_t seeds[] = {1, 2, 3};
  for (uint64_t seed : seeds) check_seed(seed);
  for (uint64_t seed = 100; seed < 220 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    check_seed(seed);
  }
}

}  // namespace
}  // namespace drover::sched::testing
