// What wakes blocked evaluations: capacity that was freed or added, another job that they wait for (depends_on), a turn among the instances of a
// parameterized job (max_parallel). Follows commits; no waiting, no clock: the leader's on the loop thread, or a simulation's.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>

#include "fsm/machine.h"
#include "sched/quota.h"
#include "server/blocked_evals.h"

namespace drover::server {

class wakeups {
 public:
  explicit wakeups(blocked_evals& blocked) : blocked_(blocked) {}

  // Forgets which plans are being committed.
  void start_over() {
    starting_.clear();
    committing_.clear();
  }
  void note(const fsm::commit_event& event);

  // The planner's question: may this plan start its job? Evaluations run at the same time on older states, so that each may have seen the same
  // free turn. A plan that may go is counted until the state shows it.
  bool may_start(const schema::plan& plan, const state::snapshot& state);
  // This much of it is on its way into the log: it counts for its quota before the state shows it.
  void note_accepted(const schema::job* job, const schema::plan_result& accepted, const state::snapshot& state);
  // Some of what was accepted could not be written.
  void forget_accepted() { committing_.clear(); }

 private:
  using key = std::pair<std::string, std::string>;
  void note_eval(const ref<schema::evaluation>& eval, const state::snapshot& state);
  // Nodes on which one commit freed or added something.
  using freed_nodes = std::map<std::string, ref<schema::node>>;
  static void note_node(const ref<schema::node>& before, const ref<schema::node>& after, freed_nodes& freed);
  void note_alloc(const schema::allocation* before, const schema::allocation* after, const state::snapshot& state, freed_nodes& freed);
  void unblock(const freed_nodes& freed);
  void note_job(const schema::job* before, const schema::job* after, const state::snapshot& state);
  void note_csi_volume(const schema::csi_volume& volume);
  static void note_host_volume(const schema::host_volume& volume, const state::snapshot& state, freed_nodes& freed);
  void note_quota(const std::string& name);
  static void note_released(const schema::task_group_host_volume_claim& claim, const state::snapshot& state, freed_nodes& freed);
  // While an evaluation that is blocked now was scheduled, its time may have come.
  void look_again(const schema::evaluation& eval, const state::snapshot& state);
  void wake_dependents(const std::string& namespace_, const std::string& id, const state::snapshot& state);
  void wake_next_in_line(const std::string& namespace_, const std::string& parent_id, const state::snapshot& state);

  blocked_evals& blocked_;
  uint64_t index_ = 0;
  std::set<key> changed_jobs_;                     // in this commit: others may wait for them
  std::set<std::string> lighter_namespaces_;       // where allocations ended in this commit
  std::map<key, std::set<std::string>> starting_;  // by parent: instances whose first plan is being committed
  bool is_within_quota(const schema::plan& plan, const state::snapshot& state);
  using demands = std::unordered_map<std::string, sched::quota_amounts>;  // by allocation
  std::map<std::string, demands> committing_;                             // by quota: what is accepted and not seen in the state yet
};

}  // namespace drover::server
