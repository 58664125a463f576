// Chooses nodes for one group. For the first few allocations it searches the view's load index, if the view keeps one: it finds a node that
// nobody beats without looking at all of them (metrics then count as exhausted only those it saw). From then on, or where the group asks
// for what the index cannot answer, it looks at every node once and keeps the feasible ones in a ranking, so that each further
// placement costs the logarithm of their number. Changes of the proposed cluster (stops, placements of other groups) are caught up with row by row.
// One belongs to one scheduling (not thread-safe).
#pragma once

#include <algorithm>
#include <array>
#include <expected>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "sched/explain.h"
#include "sched/feasible/group_checks.h"
#include "sched/feasible/volumes.h"
#include "sched/granted.h"
#include "sched/limits.h"
#include "sched/ports.h"
#include "sched/proposed.h"
#include "sched/rank/affinity.h"
#include "sched/rank/preemption.h"
#include "sched/rank/ranking.h"
#include "sched/rank/scorer.h"
#include "sched/rank/spread.h"

namespace drover::sched {

struct job_facts;

// Which nodes a job may use at all.
struct job_scope {
  job_scope(const node_view& view, const schema::job& job);
  bool contains(const node_view& view, node_view::row row) const { return view.ready(row) && in_pool(view, row) && datacenters[view.datacenter_of(row)] != 0; }
  bool in_pool(const node_view& view, node_view::row row) const { return pool == interned::none || view.pool_of(row) == pool; }
  std::vector<uint8_t> datacenters;  // by datacenter id: a glob of the job matches
  uint32_t pool = 0;                 // interned::none: all; one past the last pool where the job's has no nodes
  std::string pool_name;
};

// Flat costs of one allocation of a group.
struct group_demand {
  explicit group_demand(const schema::task_group& group);
  amounts on(const node_usage& usage) const;
  amounts fixed;
  int64_t cores = 0;
};

class ranker {
 public:
  using row = node_view::row;
  struct settings {
    packing algorithm = packing::binpack;
    uint64_t seed = 0;      // decides between equal scores
    bool preempts = false;  // others may have to make room
  };
  // The references must outlive it.
  ranker(proposed& cluster, const job_scope& scope, const schema::job& job, const schema::task_group& group, operator_set& operators, const job_facts& facts,
         settings how);
  ranker(const ranker&) = delete;
  ranker& operator=(const ranker&) = delete;

  struct ask {
    std::span<const row> penalized;     // where the allocation failed before
    row preferred = node_view::no_row;  // where its data is
    uint64_t number = 0;                // of its name: some volumes differ by it
  };
  struct choice {
    row node;
    chosen_parts parts;
    ref<schema::alloc_metric> metrics;             // one record for all that would say the same
    std::vector<ref<schema::allocation>> evicted;  // who makes room
  };
  // The best node, or nothing: then metrics() says why. Others are asked to make room only where no node has any.
  std::optional<choice> select(const ask& wanted, random_stream& random);
  // This node or nothing (system jobs).
  std::optional<choice> select_on(row node, random_stream& random);
  // Constraints, drivers and volumes alone: may what runs there go on?
  bool accepts(row node) { return checks_.refuse(cluster_.view(), node) == nullptr; }
  enum class state : uint8_t { out_of_scope, filtered, exhausted, candidate };
  state state_of(row node);
  // Of every node that was looked at.
  schema::alloc_metric metrics();
  // The same in more detail, with the nodes that nearly do.
  group_explanation explain();

  const group_checks& checks() const { return checks_; }
  const volume_checks& volumes() const { return volumes_; }
  const schema::task_group& group() const { return group_; }
  const group_demand& demand() const { return demand_; }

 private:
  struct status {
    ranker::state state = state::out_of_scope;
    const std::string* reason = nullptr;
    bool judged = false;
  };
  struct tally {
    const std::string* reason;
    int64_t count;
  };
  // How often each value of a distinct_property is used, and which nodes have it.
  struct property_use {
    const distinct_property* rule;
    std::vector<uint32_t> value_of;      // by row; interned::none: no such attribute
    std::vector<int64_t> counted;        // by row
    std::vector<int64_t> used;           // by value
    std::vector<std::vector<row>> rows;  // by value
    interned values;
    std::string missing;
    std::string full;
  };
  // A node's own terms. All but the collision always count (where the group asks for them at all).
  struct terms {
    double packing = 0;
    double collision = 0;
    double affinity = 0;
    double devices = 0;
    bool collides = false;
    double sum() const { return packing + collision + affinity + devices; }
  };
  using seen_nodes = std::vector<std::pair<row, double>>;

  // Search (search.cc).
  struct survey;
  bool may_search();
  void note_special_rows();
  survey look_around();
  void consider(row node, double value, seen_nodes& seen) const;
  void consider_special(const ask& wanted, seen_nodes& seen);
  void consider_group(const load_index::group& g, double affinity, const ask& wanted, seen_nodes& seen, schema::alloc_metric& metrics);
  std::optional<choice> search(const ask& wanted, random_stream& random);

  void build();
  void catch_up();
  void judge(row node);
  const std::string* refuse_by_others(row node);
  const std::string* refuse_by_capacity(row node, const node_usage& usage);
  // Null: all of them suffice.
  static const std::string* exhausted_dimension(const amounts& capacity, const amounts& used);
  static bool is_penalized(std::span<const row> penalized, row node) { return std::ranges::find(penalized, node) != penalized.end(); }
  void set(row node, ranker::state now, const std::string* reason);
  void count(row node, const status& s, int sign);
  static void add_to(std::vector<tally>& tallies, const std::string* reason, int sign);
  void add_property(const distinct_property& rule);
  void recount_properties(row node);
  terms score(row node, const node_usage& usage);
  terms score(row node) { return score(node, cluster_.usage(node)); }
  uint32_t tie_of(row node) const;
  size_t least_terms() { return size_t{1} + !affinities_.empty() + checks_.devices().ranked(); }
  double rank(row node, const terms& own, bool penalized) const;
  // Ports, cores and devices; or the reason why there are none after all.
  std::expected<chosen_parts, std::string> parts_on(row node, const node_usage& usage, random_stream& random);
  std::optional<choice> take(row node, const node_usage& usage, random_stream& random);
  // What a node could offer if others went. Kept until something changes on it.
  struct eviction {
    bool known = false;
    std::optional<preemption> way;
    terms own;
  };
  const eviction& eviction_on(row node);
  void forget_evictions_of_kin();
  double rank(row node, const eviction& e, const ask& wanted) const;
  std::optional<choice> take_by_force(row node, const ask& wanted, random_stream& random);
  std::optional<choice> select_by_force(const ask& wanted, random_stream& random);
  near_miss miss_of(row node);
  // How many of the best nodes are looked for.
  size_t scores_kept() const { return scored_ < limits::score_meta_allocs_max ? limits::score_meta_max : 1; }
  // What differs by the allocation's number, or by what the plan has placed elsewhere; null: the node will do.
  const std::string* refuse_late(row node, uint64_t number);
  bool numbered_ok(row node, const ask& wanted) { return refuse_late(node, wanted.number) == nullptr; }
  row best(const ask& wanted, seen_nodes& seen);
  schema::node_score_meta score_meta(row node, double value, const terms& own, const ask& wanted) const;
  // What an allocation keeps of this: `looked` is the look at the nodes that found it, if it was not the ranking's.
  ref<schema::alloc_metric> metrics_of(const seen_nodes& seen, const ask& wanted, std::optional<schema::alloc_metric> looked = {});

  proposed& cluster_;
  const job_scope& scope_;
  const schema::job& job_;
  const schema::task_group& group_;
  size_t group_number_;
  group_checks checks_;
  volume_checks volumes_;
  port_plan ports_;
  group_demand demand_;
  settings how_;
  affinity_set affinities_;
  spread_set spreads_;
  std::vector<property_use> properties_;
  std::string distinct_hosts_ = "distinct_hosts";

  bool built_ = false;
  int searches_ = 0;
  int scored_ = 0;  // allocations whose metrics got scores
  // By what is said of the allocation's own node, once only that is kept: nodes that are alike give the same.
  std::map<std::array<double, 7>, ref<schema::alloc_metric>> said_;
  row_map<bool> special_;  // rows that are not what the index says, or that count differently
  size_t special_read_ = 0;
  std::set<row> unsearched_;  // rows whose ports could not be assigned after all
  size_t changes_read_ = 0;
  std::vector<status> status_;
  ranking ranking_;
  std::vector<eviction> evictions_;  // by row, from the first need on
  size_t evicted_read_ = 0;
  std::set<std::string, std::less<>> late_reasons_;  // of ports that looked free and were not
  std::optional<uint64_t> unsuited_number_;          // of the last allocation that found no node with its numbered volumes
  schema::alloc_metric base_;                        // what does not change: pool, nodes available
  int64_t counts_[4] = {};                           // nodes by state
  std::vector<tally> filtered_;
  std::vector<tally> exhausted_;
  // By class id; the computed class implies the node class.
  std::vector<int64_t> class_filtered_;
  std::vector<int64_t> class_exhausted_;
};

}  // namespace drover::sched
