// The cluster as it would be with the plan so far: a node_view plus stops and placements, copied row by row on first change.
// One belongs to one scheduling (not thread-safe); the view must outlive it and stay unchanged.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "sched/node_view.h"
#include "sched/row_map.h"

namespace drover::sched {

class proposed {
 public:
  using row = node_view::row;
  // `job_allocs`: the job's existing allocations, for the counts below.
  proposed(const node_view& view, const std::vector<ref<schema::allocation>>& job_allocs);

  const node_view& view() const { return view_; }
  const amounts& used(row r) const {
    const auto* changed = changed_.find(r);
    return changed == nullptr ? view_.used(r) : changed->used();
  }
  const node_usage& usage(row r) const {
    const auto* changed = changed_.find(r);
    return changed == nullptr ? view_.usage(r) : *changed;
  }

  // An existing allocation goes, or comes back (its replacement found no place).
  void stop(const schema::allocation& alloc);
  void unstop(const schema::allocation& alloc);
  // An allocation of another job makes room.
  void evict(ref<schema::allocation> alloc);
  const std::vector<ref<schema::allocation>>& evicted() const { return evicted_; }
  // Those of the view that would still be on a node.
  std::vector<ref<schema::allocation>> occupants(row r) const;
  // A new allocation, or the changed version of one that was stopped here before.
  void place(row r, const schema::allocation& alloc);

  // Allocations of this job that occupy a node, whole or by group.
  using counts = row_map<int64_t>;
  int64_t of_job(row r) const { return at(job_, r); }
  int64_t of_group(size_t group, row r) const { return at(groups_[group].counts, r); }
  const counts& rows_of_job() const { return job_; }
  const counts& rows_of_group(size_t group) const { return groups_[group].counts; }
  // Groups by name as numbers, made on first use.
  size_t group(std::string_view name);

  // Every row that changed, in order, with repetitions: readers remember how far they have read.
  const std::vector<row>& changes() const { return changes_; }

 private:
  struct group_counts {
    std::string name;
    proposed::counts counts;
  };
  static int64_t at(const counts& all, row r) {
    const auto* found = all.find(r);
    return found == nullptr ? 0 : *found;
  }
  node_usage& edit(row r);
  void count(row r, const schema::allocation& alloc, int sign);

  const node_view& view_;
  row_map<node_usage> changed_;
  counts job_;
  std::vector<group_counts> groups_;
  std::vector<row> changes_;
  std::set<std::string, std::less<>> gone_;  // ids
  std::vector<ref<schema::allocation>> evicted_;
};

}  // namespace drover::sched
