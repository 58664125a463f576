// Affinities and spreads: tables of what must come out, and an oracle that scores every node again for every placement.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "sched/feasible/operators.h"
#include "sched/rank/scorer.h"
#include "sched/test_world.h"

namespace drover::sched::testing {
namespace {

std::map<std::string, int64_t> by_meta(const world& w, const std::string& job, const std::string& key) {
  std::map<std::string, int64_t> found;
  for (const auto& alloc : w.live(job)) {
    const auto& meta = w.nodes.at(alloc->node_id)->meta;
    auto it = meta.find(key);
    ++found[it == meta.end() ? "-" : it->second];
  }
  return found;
}

void add_nodes(world& w, const std::string& rack, int count) {
  for (int i = 0; i < count; ++i) {
    auto node = make_node(rack + "-" + std::to_string(i));
    if (rack != "none") node.meta["rack"] = rack;
    node.computed_class = computed_class(node);
    w.add(std::move(node));
  }
}

const schema::node_score_meta& score_of(const world& w, const std::string& job, size_t number = 0) {
  return w.live(job).at(number)->metrics->score_meta_data.at(0);
}

TEST(affinity, the_node_that_matches_more_weight_wins) {
  world w;
  add_nodes(w, "a", 1);
  add_nodes(w, "b", 1);
  add_nodes(w, "c", 1);
  auto job = make_job("j");
  job.affinities.push_back({"${meta.rack}", "a", "=", 100});
  job.task_groups[0].affinities.push_back({"${meta.rack}", "[bc]", "regexp", 40});
  job.task_groups[0].tasks[0].affinities.push_back({"${attr.unique.hostname}", "host-a-0", "=", -50});
  w.put(job);
  w.run("j");
  EXPECT_EQ(w.live("j")[0]->node_id, "a-0");  // 100 - 50 against 40
  EXPECT_DOUBLE_EQ(score_of(w, "j").scores.at("node-affinity"), 50.0 / 190);
  double packing = score_of(w, "j").scores.at("binpack");
  EXPECT_DOUBLE_EQ(score_of(w, "j").norm_score, (packing + 50.0 / 190) / 2);
}

TEST(affinity, a_negative_weight_repels) {
  world w;
  add_nodes(w, "a", 1);
  add_nodes(w, "b", 1);
  auto job = make_job("j");
  job.affinities.push_back({"${meta.rack}", "a", "=", -10});
  w.put(job);
  w.run("j");
  EXPECT_EQ(w.live("j")[0]->node_id, "b-0");
  auto metrics = *w.live("j")[0]->metrics;
  ASSERT_EQ(metrics.score_meta_data.size(), 2u);
  EXPECT_DOUBLE_EQ(metrics.score_meta_data[1].scores.at("node-affinity"), -1);
}

TEST(spread, targets_share_by_percent_and_the_rest_gets_the_remainder) {
  world w;
  for (const char* rack : {"a", "b", "c"}) add_nodes(w, rack, 4);
  auto job = make_job("j", "service", 10);
  job.spreads.push_back({"${meta.rack}", 100, {{"a", 50}, {"b", 30}}});
  w.put(job);
  w.run("j");
  auto found = by_meta(w, "j", "rack");
  EXPECT_EQ(found["a"], 5);
  EXPECT_EQ(found["b"], 3);
  EXPECT_EQ(found["c"], 2);
  EXPECT_DOUBLE_EQ(score_of(w, "j").scores.at("allocation-spread"), (5.0 - 1) / 5);
}

TEST(spread, without_targets_values_are_used_evenly) {
  world w;
  add_nodes(w, "a", 6);
  add_nodes(w, "b", 2);
  add_nodes(w, "c", 1);
  auto job = make_job("j", "service", 9);
  job.task_groups[0].spreads.push_back({"${meta.rack}", 50, {}});
  w.put(job);
  w.run("j");
  for (const auto& [rack, n] : by_meta(w, "j", "rack")) EXPECT_EQ(n, 3) << rack;
  EXPECT_FALSE(score_of(w, "j").scores.contains("allocation-spread")) << "the first has nothing to be compared with";
  EXPECT_DOUBLE_EQ(score_of(w, "j", 1).scores.at("allocation-spread"), 1);
}

TEST(spread, a_node_without_the_attribute_comes_last) {
  world w;
  add_nodes(w, "none", 3);
  add_nodes(w, "a", 1);
  auto job = make_job("j", "service", 2);
  job.spreads.push_back({"${meta.rack}", 50, {{"a", 100}}});
  w.put(job);
  w.run("j");
  EXPECT_EQ(by_meta(w, "j", "rack")["a"], 2);
}

TEST(spread, existing_allocations_count) {
  world w;
  add_nodes(w, "a", 2);
  auto job = make_job("j", "service", 2);
  job.spreads.push_back({"${meta.rack}", 50, {{"a", 50}, {"b", 50}}});
  w.put(job);
  w.run("j");
  w.settle("j");
  add_nodes(w, "b", 2);
  job.task_groups[0].count = 4;
  w.put(job);
  w.run("j");
  EXPECT_EQ(by_meta(w, "j", "rack")["b"], 2);
}

// Scores by the words of the rule, without any structure.
class oracle {
 public:
  oracle(const world& w, const schema::job& job) : w_(w), job_(job), group_(job.task_groups[0]) {
    for (const auto& [id, node] : w.nodes) usage_.emplace(id, node_usage(*node));
    for (const auto& [id, alloc] : w.allocs)
      if (alloc->job_id != job.id) usage_.at(alloc->node_id).add(*alloc);
  }

  // Placed in order of name. Every one must be on a node that nobody beats.
  void check(const std::vector<ref<schema::allocation>>& placed) {
    auto order = placed;
    std::ranges::sort(order, {}, [](const auto& a) { return std::stoi(a->name.substr(a->name.find('[') + 1)); });
    for (const auto& alloc : order) {
      double best = -1e9;
      for (const auto& [id, node] : w_.nodes)
        if (fits(*node)) best = std::max(best, score(*node));
      EXPECT_NEAR(score(*w_.nodes.at(alloc->node_id)), best, 1e-9) << alloc->name << " on " << alloc->node_id;
      EXPECT_NEAR(alloc->metrics->score_meta_data.at(0).norm_score, best, 1e-9);
      usage_.at(alloc->node_id).add(*alloc);
      there_.push_back(alloc);
    }
  }

 private:
  amounts wanted() const {
    const auto& r = *group_.tasks[0].resources;
    return {r.cpu, r.memory_mb, 300};
  }
  bool fits(const schema::node& node) const {
    auto free = usage_.at(node.id).free();
    return free.cpu >= wanted().cpu && free.memory >= wanted().memory && free.disk >= wanted().disk;
  }
  double score(const schema::node& node) {
    const auto& usage = usage_.at(node.id);
    double sum = packing_score(packing::binpack, usage.capacity(), usage.used() + wanted());
    int terms = 1;
    auto same = std::ranges::count(there_, node.id, [](const auto& a) { return a->node_id.str(); });
    if (same > 0) {
      sum -= static_cast<double>(same + 1) / static_cast<double>(group_.count);
      ++terms;
    }
    double weights = 0;
    double matched = 0;
    for (const auto& a : job_.affinities) {
      weights += std::abs(a.weight);
      if (operators_.holds(a, node)) matched += a.weight;
    }
    if (weights > 0) {
      sum += matched / weights;
      ++terms;
    }
    if (double boost = spread(node); boost != 0) {
      sum += boost;
      ++terms;
    }
    return sum / terms;
  }
  double spread(const schema::node& node) {
    double total = 0;
    double weights = 0;
    for (const auto& s : job_.spreads) weights += s.weight;
    for (const auto& s : job_.spreads) total += one(s, node, s.weight / weights);
    return total;
  }
  double one(const schema::spread& s, const schema::node& node, double share) {
    auto mine = resolve_target(s.attribute, node);
    std::map<std::string, double> used;
    for (const auto& alloc : there_)
      if (auto text = resolve_target(s.attribute, *w_.nodes.at(alloc->node_id))) ++used[std::string(*text)];
    if (s.spread_target.empty()) {
      if (there_.empty()) return 0;
      if (!mine) return -1;
      if (used.empty()) return 1;
      auto [least, most] = std::ranges::minmax_element(used, {}, [](const auto& u) { return u.second; });
      double low = least->second;
      double high = most->second;
      double now = used.contains(std::string(*mine)) ? used[std::string(*mine)] : 0;
      if (now != low) return (low - now) / low;
      return low == high ? -1 : (high - low) / low;
    }
    if (!mine) return -1;
    double rest = static_cast<double>(group_.count);
    std::optional<double> desired;
    for (const auto& t : s.spread_target) {
      double part = t.percent / 100.0 * static_cast<double>(group_.count);
      rest -= part;
      if (t.value == *mine) desired = part;
    }
    if (!desired && rest > 1e-9) desired = rest;
    if (!desired) return -1;
    return (*desired - (used[std::string(*mine)] + 1)) / *desired * share;
  }

  const world& w_;
  const schema::job& job_;
  const schema::task_group& group_;
  std::map<std::string, node_usage> usage_;
  std::vector<ref<schema::allocation>> there_;
  operator_set operators_;
};

schema::job preferring_job(std::mt19937_64& g) {
  auto job = make_job("j", "batch", static_cast<int64_t>(g() % 40 + 1));
  job.task_groups[0].tasks[0].resources->cpu = static_cast<int64_t>(g() % 500 + 1);
  const char* attributes[] = {"${meta.rack}", "${meta.zone}", "${node.unique.id}", "${node.datacenter}"};
  for (uint64_t i = g() % 3; i > 0; --i)
    job.affinities.push_back({attributes[g() % 2], std::string("r") + std::to_string(g() % 4), "=", static_cast<int8_t>(g() % 200)});
  std::erase_if(job.affinities, [](const auto& a) { return a.weight == 0 || a.weight < -100; });
  for (uint64_t i = g() % 3; i > 0; --i) {
    schema::spread s{attributes[g() % 4], static_cast<int8_t>(g() % 100 + 1), {}};
    if (g() % 2 == 0) s.spread_target.push_back({"r1", static_cast<uint8_t>(g() % 50 + 1)});
    if (g() % 2 == 0) s.spread_target.push_back({"r2", static_cast<uint8_t>(g() % 50 + 1)});
    job.spreads.push_back(std::move(s));
  }
  return job;
}

TEST(rank_property, nobody_beats_the_chosen_node) {
  for (uint64_t seed = 1; seed <= 300 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 g(seed);
    world w;
    for (uint64_t i = g() % 15 + 1; i > 0; --i) {
      auto node = make_node("n" + std::to_string(i), static_cast<int64_t>(g() % 3000 + 500), static_cast<int64_t>(g() % 4000 + 500));
      if (g() % 5 != 0) node.meta["rack"] = "r" + std::to_string(g() % 4);
      if (g() % 5 != 0) node.meta["zone"] = "r" + std::to_string(g() % 3);
      node.computed_class = computed_class(node);
      w.add(std::move(node));
    }
    auto job = preferring_job(g);
    if (seed % 3 == 0) {
      job.spreads.clear();
      job.task_groups[0].count = static_cast<int64_t>(g() % 6 + 1);
    }
    if (seed % 2 == 0) w.view.keep_load_index();
    for (int64_t other = 0; other < static_cast<int64_t>(g() % 4); ++other) {  // some load
      auto load = make_job("load" + std::to_string(other), "batch", static_cast<int64_t>(g() % 5));
      load.task_groups[0].tasks[0].resources->cpu = static_cast<int64_t>(g() % 300 + 1);
      w.put(load);
      w.run(load.id);
    }
    w.put(job);
    w.run("j");
    oracle(w, job).check(w.live("j"));
  }
}

}  // namespace
}  // namespace drover::sched::testing
