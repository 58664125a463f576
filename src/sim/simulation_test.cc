// Whole clusters from a seed: nodes that are lost, drained and come back, tasks that fail, jobs that change, depend on each other and take
// turns. After every step the invariants; in the end, when nothing is left to happen, that everything has its place and nothing moves any more.
//
// A failing seed is in the message: DROVER_SIM_SEEDS=17 runs that one alone, DROVER_SIM_SEEDS=1-500 many, DROVER_SIM_STEPS how many steps each has.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/text.h"
#include "sim/fleet.h"
#include "sim/invariants.h"
#include "sim/workload.h"

namespace drover::sim {
namespace {

constexpr int default_steps = 400;
constexpr uint64_t default_seeds = 5;
// Rounds in which a cluster that is left alone has to come to rest.
constexpr int rest_rounds_max = 3000;
// Pieces of work that the servers may find without any news.
constexpr int work_pieces_max = 20'000;

struct run {
  explicit run(uint64_t s) : seed(s), cluster(s), clients({.seed = s}), work(s, cluster, clients) {
    work.make_nodes(40 + static_cast<int>(s % 5) * 60);
    work.make_jobs(20);
  }

  void expect_none(const problems& found, const std::string& after) {
    for (const auto& each : found) ADD_FAILURE() << "seed " << seed << ", step " << step << " (" << after << "): " << each;
    failed = failed || !found.empty();
  }
  void check_commits(const std::string& after) {
    for (const auto& each : cluster.take_commits()) expect_none(check_commit(each, cluster.state()), after);
  }

  void go(int steps) {
    for (step = 1; step <= steps && !failed; ++step) {
      auto what = work.event();
      check_commits(what);
      if (step % 20 == 0) expect_none(check_state(cluster.state()), what);
    }
  }

  std::string newest_eval() const {
    ref<schema::evaluation> newest;
    cluster.state().visit_evals("", [&](const auto& eval) {
      if (newest == nullptr || eval->modify_index > newest->modify_index) newest = eval;
      return true;
    });
    if (newest == nullptr) return "none";
    return fmt::format("{} of {}, {}: {} (waits for {})", newest->triggered_by, newest->job_id, newest->status, newest->status_description,
                       join(newest->missing_non_node_resources, ", "));
  }

  // Until nothing happens, and nothing is due later.
  void rest() {
    work.calm_down();
    for (int round = 0; !failed; ++round) {
      if (round == rest_rounds_max) {
        ADD_FAILURE() << "seed " << seed << ": the cluster does not come to rest";
        return;
      }
      bool busy = false;
      for (int pieces = 0; cluster.work(work.choice()); ++pieces) {
        if (pieces == work_pieces_max) {
          ADD_FAILURE() << "seed " << seed << ": the servers keep each other busy; the newest evaluation: " << newest_eval();
          return;
        }
        busy = true;
        check_commits("on the way to rest");
      }
      for (const auto& id : clients.nodes()) busy = clients.turn(cluster, id) || busy;
      if (busy) continue;
      auto next = cluster.next_deadline();
      if (next.is_zero()) break;
      cluster.pass(next - cluster.now());
    }
    expect_none(check_state(cluster.state()), "at rest");
    if (!failed) expect_none(check_rest(cluster), "at rest");
  }

  uint64_t seed;
  servers cluster;
  fleet clients;
  workload work;
  int step = 0;
  bool failed = false;
};

std::vector<uint64_t> seeds() {
  const char* wanted = std::getenv("DROVER_SIM_SEEDS");
  uint64_t first = 1, last = default_seeds;
  if (wanted != nullptr) {
    std::string_view text = wanted;
    auto dash = text.find('-');
    first = parse_uint(text.substr(0, dash)).value_or(1);
    last = dash == std::string_view::npos ? first : parse_uint(text.substr(dash + 1)).value_or(first);
  }
  std::vector<uint64_t> all;
  for (auto seed = first; seed <= last; ++seed) all.push_back(seed);
  return all;
}

int steps() {
  const char* wanted = std::getenv("DROVER_SIM_STEPS");
  return wanted == nullptr ? default_steps : static_cast<int>(parse_int(wanted).value_or(default_steps));
}

TEST(simulation, invariants_hold_and_the_cluster_comes_to_rest) {
  for (auto seed : seeds()) {
    run r(seed);
    r.go(steps());
    r.rest();
    if (HasFailure()) return;
  }
}

TEST(simulation, the_same_seed_has_the_same_history) {
  run a(99), b(99), other(100);
  for (auto* each : {&a, &b, &other}) each->go(150);
  EXPECT_EQ(a.cluster.history(), b.cluster.history());
  EXPECT_EQ(a.cluster.entries(), b.cluster.entries());
  EXPECT_NE(a.cluster.history(), other.cluster.history());
}

}  // namespace
}  // namespace drover::sim
