// Spread blocks of a group: how its allocations should be divided over the values of a node attribute. One belongs to one scheduling (not
// thread-safe).
//
// Nodes with the same values for all spreads of the group are one bucket: they always have the same boost. A placement changes the count of
// one value per spread, and with it the boost of the buckets that share the value, so that nobody has to score every node again.
//
// The rule, as clients see it in metrics ("allocation-spread"). Per spread, where `used` counts the group's allocations with the value:
//  - with targets: (desired - (used + 1)) / desired * weight / sum of weights. Desired is percent of the group's count; what the targets
//    leave over belongs to all other values together. A value without a share: -1. A share of nothing: the lowest boost any value has, at
//    most -1.
//  - without: values used less than the least used get (least - used) / least; the least used (most - least) / least; all even: -1;
//    nothing placed yet: 0.
//  - a node without the attribute: -1.
// The boosts are added up and join a node's mean where the sum is not 0.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sched/proposed.h"
#include "schema/job.h"

namespace drover::sched {

class spread_set {
 public:
  using row = node_view::row;
  spread_set(const schema::job& job, const schema::task_group& group);

  bool empty() const { return rules_.empty(); }
  // Before anything else is asked: looks at every node once.
  void build(const proposed& cluster, size_t group);
  uint32_t bucket_of(row r) const { return empty() ? 0 : bucket_of_[r]; }
  size_t buckets() const { return empty() ? 1 : boosts_.size(); }
  double boost(uint32_t bucket) const { return empty() ? 0 : boosts_[bucket]; }
  // The group's allocations on a node changed. Returns the buckets whose boost is another now, valid until the next call.
  const std::vector<uint32_t>& recount(const proposed& cluster, size_t group, row r);

 private:
  static constexpr uint32_t missing = 0;  // the value of nodes without the attribute
  struct rule {
    std::string attribute;
    bool unique = false;  // differs within a class
    double share = 0;     // weight / sum of weights
    std::map<std::string, double, std::less<>> targets;
    double remainder = -1;                       // desired of all other values; negative: they have none
    bool has_zero = false;                       // some target is to have nothing
    interned values;                             // text of value v is values.text(v - 1)
    std::vector<double> desired;                 // by value; negative: no share
    std::vector<int64_t> used;                   // by value
    std::vector<double> boost;                   // by value
    std::vector<std::vector<uint32_t>> buckets;  // by value
    std::map<int64_t, int64_t> histogram;        // used (above 0) → number of values
    int64_t total = 0;
  };
  static rule make_rule(const schema::spread& spread, int64_t count, double weights);
  static uint32_t value_of(rule& r, const schema::node& node);
  void place_row(const node_view& view, row r, std::map<std::vector<uint32_t>, uint32_t>& known);
  static void count(rule& r, uint32_t value, int64_t change);
  static void boost_all(rule& r);
  static double boost_of(const rule& r, uint32_t value, double lowest);
  void sum_up(uint32_t bucket);

  std::vector<rule> rules_;
  bool unique_ = false;
  std::vector<uint32_t> bucket_of_;          // by row
  std::vector<uint32_t> bucket_of_class_;    // by class id, where no rule is unique
  std::vector<std::vector<uint32_t>> keys_;  // by bucket: the value for each rule
  std::vector<double> boosts_;               // by bucket
  row_map<int64_t> counted_;
  std::vector<uint32_t> changed_;
};

}  // namespace drover::sched
