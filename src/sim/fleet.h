// The clients of a simulated cluster: they start what they are given, say how it goes, stop what they are told to stop. Some are away for a while.
// One thread; everything follows from the seed.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "sched/random_stream.h"
#include "sim/servers.h"

namespace drover::sim {

struct fleet_settings {
  uint64_t seed = 1;
  // In percent, each time that a client looks at an allocation.
  uint32_t start_fails = 5;
  uint32_t fails_later = 2;
  uint32_t unhealthy = 5;
  uint32_t completes = 40;
};

class fleet {
 public:
  explicit fleet(fleet_settings how) : how_(how), random_(sched::random_stream::mix(how.seed, "fleet")) {}

  void add(std::string node_id) { nodes_.push_back(std::move(node_id)); }
  const std::vector<std::string>& nodes() const { return nodes_; }
  bool away(const std::string& node_id) const { return away_.contains(node_id); }
  void leave(servers& to, const std::string& node_id);
  void come_back(servers& to, const std::string& node_id);
  // Nothing fails any more, and what should end does.
  void be_good() {
    how_.start_fails = how_.fails_later = how_.unhealthy = 0;
    how_.completes = 100;
  }

  // One client says what is new. False: nothing is.
  bool turn(servers& to, const std::string& node_id);

 private:
  bool chance(uint32_t percent) { return random_.below(100) < percent; }
  // Null: nothing new.
  ref<schema::allocation> news_of(const schema::allocation& alloc, timestamp now);

  fleet_settings how_;
  sched::random_stream random_;
  std::vector<std::string> nodes_;
  std::set<std::string> away_;
};

}  // namespace drover::sim
