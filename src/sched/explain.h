// Why does a group wait, and what would make it run? The record that the scheduler fills for a group it could not place, and its plain
// words. Ours; Nomad's counters are in AllocMetric. Pure values.
//
// options.explain asks schedule() for it: one look at every node per waiting group. To explain a job now, schedule an evaluation of it on
// the newest snapshot, as `job plan` does, and store nothing.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sched/fit.h"

namespace drover::sched {

// Nodes that fail one check.
struct failed_check {
  std::string check;  // as AllocMetric names it: "${meta.rack} = r1", "missing drivers", "memory"
  int64_t nodes = 0;
  // What those nodes have instead, by number of nodes: a value, a missing driver. Empty text: nothing.
  std::map<std::string, int64_t> found;
};

// A node that is suited and lacks room.
struct near_miss {
  std::string node_id;
  std::string node_name;
  std::string check;  // what runs out first
  amounts missing;    // 0 or less: enough of it
  int64_t cores_missing = 0;
};

struct group_explanation {
  std::string group;
  int64_t waiting = 0;  // allocations without a node
  // Not empty: no node was asked, because this has to happen first.
  std::vector<std::string> waits_for;
  amounts wanted;  // by one of them
  int64_t cores_wanted = 0;
  std::string node_pool;
  std::vector<std::string> datacenters;
  std::vector<std::string> host_volumes;  // that it asks for, and what binds it to one
  std::vector<std::string> held_volumes;  // CSI volumes for one writer, and who holds them

  // Each node is counted once, where it drops out first.
  int64_t nodes = 0;
  std::map<std::string, int64_t> in_other_pools;        // by pool
  std::map<std::string, int64_t> in_other_datacenters;  // of the pool, by datacenter
  std::map<std::string, int64_t> not_ready;             // "down", "draining", "not eligible", ...
  std::vector<failed_check> unsuited;                   // most nodes first
  std::vector<failed_check> full;                       // most nodes first
  std::vector<near_miss> nearest;                       // smallest shortage first
  amounts largest;                                      // the most that one suited node has of each when empty
  bool too_large = false;                               // suited nodes exist, and none has room enough even when empty
};

// Before the texts of what a group waits for, where AllocMetric.ConstraintFiltered has them.
inline constexpr std::string_view waiting_mark = "waiting: ";

// One sentence a fact, the most useful first; the last says what would help.
std::vector<std::string> sentences(const group_explanation& why);

}  // namespace drover::sched
