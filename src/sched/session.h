// One call of schedule(): what both kinds of scheduler share. Collects the plan and turns failures into the evaluation's explanation.
// Lives for one call, on one thread.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "sched/feasible/group_checks.h"
#include "sched/rank/ranker.h"
#include "sched/reconcile/reconciler.h"
#include "sched/scheduler.h"

namespace drover::sched {

class session {
 public:
  session(const job_facts& facts, const node_view& view, const schema::evaluation& eval, timestamp now, uint64_t seed, const options& how);
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  const job_facts& facts() const { return facts_; }
  const node_view& view() const { return view_; }
  const schema::evaluation& eval() const { return eval_; }
  const schema::job& job() const { return *facts_.job; }
  timestamp now() const { return now_; }
  bool stopped() const { return facts_.job == nullptr || facts_.job->stop; }
  proposed& cluster() { return cluster_; }
  random_stream& random() { return random_; }
  std::string eval_id() { return eval_ids_.uuid(); }
  std::string deployment_id() const { return deployment_id_; }
  // Requires: not stopped.
  ranker& ranker_of(const schema::task_group& group) { return ranker_of(job(), group); }
  ranker& ranker_of(const placement& what) { return ranker_of(what.job ? *what.job : job(), *what.group); }
  const job_scope& scope();

  // How an allocation of another version becomes one of this version; node constraints that hold no longer replace it too.
  update_kind update_of(const schema::allocation& alloc, const schema::task_group& group);

  // Plan.
  void stop(const schema::allocation& alloc, std::string_view why, std::string_view client_status = {});
  void update_in_place(const schema::allocation& alloc, const std::string& deployment_id);
  void annotate(schema::allocation changed);  // an existing allocation gets a changed bookkeeping field
  // `made` came from the ranker for this placement.
  void place(const placement& what, ranker::choice made, const std::string& deployment_id);
  // An allocation's resources are free before its stop is certain: then record_stop() if it is, restore() if not.
  void record_stop_for(const schema::allocation& alloc, std::string_view why) {
    replaced_.insert(alloc.id);
    record_stop(alloc, why);
  }
  void record_stop(const schema::allocation& alloc, std::string_view why, std::string_view client_status = {});
  void release(const schema::allocation& alloc) {
    cluster_.stop(alloc);
    count_quota(alloc, -1);
  }
  void restore(const schema::allocation& alloc) {
    cluster_.unstop(alloc);
    count_quota(alloc, +1);
  }
  void fail(const schema::task_group& group, ranker& ranks);
  // The group must not start yet; null: it may.
  const std::vector<wait_reason>* waits(const schema::task_group& group) const;
  void hold_back(const schema::task_group& group, const std::vector<wait_reason>& why);
  // The namespace's quota has no room for one more of this group: counts it as waiting. False: go on.
  bool over_quota(const schema::task_group& group);
  // All or nothing: takes back every placement of this plan and what was stopped or evicted for it.
  void withdraw();
  bool failed(const schema::task_group& group) const { return out_.eval.failed_tg_allocs.contains(group.name); }
  void add_eval(schema::evaluation made) { out_.created.push_back(std::move(made)); }
  schema::evaluation next_eval(std::string trigger, std::string why);

  schema::plan& plan() { return out_.plan; }
  schema::evaluation& result() { return out_.eval; }
  // Status, blocked evaluation, annotations. Ends the session.
  outcome finish(const std::map<std::string, schema::desired_updates>& updates, const std::string& deployment_id);

 private:
  ranker& ranker_of(const schema::job& job, const schema::task_group& group);
  bool replaces(const schema::job& before, const schema::task_group& group);
  void preempt(const ref<schema::allocation>& victim, schema::allocation& by);
  void block();
  void fill_eligibility(schema::evaluation& blocked);
  void fill_missing(schema::evaluation& blocked);
  std::string why_blocked() const;
  void count_quota(const schema::allocation& alloc, int64_t times);

  const job_facts& facts_;
  const node_view& view_;
  const schema::evaluation& eval_;
  timestamp now_;
  uint64_t seed_;
  random_stream random_;
  random_stream eval_ids_;
  std::string deployment_id_;
  proposed cluster_;
  operator_set operators_;
  std::optional<job_scope> scope_;
  // By group, also of an older version that has to stay a while.
  struct group_ranker {
    const schema::task_group* group;
    std::unique_ptr<ranker> ranks;
    // Given to each allocation that gets nothing of its own; made for the first of them.
    ref<schema::allocated_resources> granted{};
  };
  ref<schema::allocated_resources> granted(const placement& what, node_view::row row, chosen_parts parts);
  std::vector<group_ranker> rankers_;
  std::set<std::string> missing_;    // what groups that must not start yet wait for
  std::optional<quota_room> quota_;  // as the plan so far leaves it
  bool over_quota_ = false;
  std::vector<const schema::task_group*> placed_;  // of every placement
  std::set<std::string, std::less<>> replaced_;    // ids of those that stop only because a placement replaces them
  std::vector<schema::alloc_list_stub> preempted_;
  std::map<std::string, uint64_t> preemptions_;  // by group that gains
  std::map<std::pair<const schema::job*, const schema::task_group*>, bool> replaces_;
  // Where the plan keeps a node's allocations, and the node's texts: a large plan asks for the same nodes again and again.
  struct node_place {
    std::vector<ref<schema::allocation>>* list = nullptr;
    schema::shared_text id{}, name{};
  };
  node_place& place_of(node_view::row row);
  row_map<node_place> places_;
  // What all new allocations say.
  struct {
    schema::shared_text namespace_, job_id, eval_id, group, deployment_id, run, pending;
  } texts_;
  bool explain_ = false;
  bool preempts_ = false;
  bool oversubscription_ = false;
  packing algorithm_ = packing::binpack;
  outcome out_;
};

// Service and batch.
outcome schedule_counted(session& s);
// System and sysbatch.
outcome schedule_everywhere(session& s);

}  // namespace drover::sched
