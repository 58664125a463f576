// Random clusters and what happens to them. Everything follows from the seed.
#pragma once

#include <string>
#include <vector>

#include "sched/random_stream.h"
#include "sim/fleet.h"
#include "sim/servers.h"

namespace drover::sim {

class workload {
 public:
  workload(uint64_t seed, servers& to, fleet& clients) : random_(sched::random_stream::mix(seed, "workload")), to_(to), clients_(clients) {}

  void make_nodes(int count);
  void make_jobs(int count);
  // Something happens: to nodes, jobs, tasks, or time goes on. Says what, for a failing test.
  std::string event();
  // Everybody is back, nothing is drained, every job as it was last asked for.
  void calm_down();
  uint64_t choice() { return random_.next(); }

 private:
  int64_t between(int64_t low, int64_t high) { return low + static_cast<int64_t>(random_.below(static_cast<uint32_t>(high - low + 1))); }
  bool chance(uint32_t percent) { return random_.below(100) < percent; }
  template <class List>
  const auto& some(const List& list) {
    return list[random_.below(static_cast<uint32_t>(list.size()))];
  }
  schema::node random_node(int number);
  schema::job random_job(int number);
  void change_job(const std::string& id);
  std::string node_event();
  std::string job_event();

  sched::random_stream random_;
  servers& to_;
  fleet& clients_;
  std::vector<std::string> jobs_;
  std::vector<std::string> parents_;
  int dispatched_ = 0;
};

}  // namespace drover::sim
