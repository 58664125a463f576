// The cluster as it would be with the plan so far: a node_view plus stops and placements, copied row by row on first change.
// One belongs to one scheduling (not thread-safe); the view must outlive it and stay unchanged.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "sched/node_view.h"

namespace drover::sched {

class proposed {
 public:
  using row = node_view::row;
  // `job_allocs`: the job's existing allocations, for the counts below.
  proposed(const node_view& view, const std::vector<ref<schema::allocation>>& job_allocs);

  const node_view& view() const { return view_; }
  const amounts& used(row r) const { return slot_[r] == none ? view_.used(r) : changed_[slot_[r]].used(); }
  const node_usage& usage(row r) const { return slot_[r] == none ? view_.usage(r) : changed_[slot_[r]]; }

  // An existing allocation goes, or comes back (its replacement found no place).
  void stop(const schema::allocation& alloc);
  void unstop(const schema::allocation& alloc);
  // A new allocation, or the changed version of one that was stopped here before.
  void place(row r, const schema::allocation& alloc);

  // Allocations of this job that occupy the node.
  struct job_load {
    int64_t job = 0;
    std::map<std::string, int64_t, std::less<>> groups;
    int64_t group(std::string_view name) const {
      auto it = groups.find(name);
      return it == groups.end() ? 0 : it->second;
    }
  };
  // Null: none.
  const job_load* load(row r) const;
  const std::map<row, job_load>& loads() const { return loads_; }

  // Every row that changed, in order, with repetitions: readers remember how far they have read.
  const std::vector<row>& changes() const { return changes_; }

 private:
  static constexpr uint32_t none = UINT32_MAX;
  node_usage& edit(row r);
  void count(row r, const schema::allocation& alloc, int sign);

  const node_view& view_;
  std::vector<uint32_t> slot_;
  std::vector<node_usage> changed_;
  std::map<row, job_load> loads_;
  std::vector<row> changes_;
};

}  // namespace drover::sched
