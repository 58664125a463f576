// One group of a service or batch job: what must change so that it is what the job asks for. Part of reconcile(); used once.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sched/reconcile/deployment_of.h"
#include "sched/reconcile/disconnect.h"
#include "sched/reconcile/names.h"
#include "sched/reconcile/reconciler.h"

namespace drover::sched {

using alloc_list = std::vector<ref<schema::allocation>>;

// At least one is stopped and replaced at a time.
bool rolls(const schema::task_group& group);

class group_reconciler {
 public:
  // `deployment`: the one of this version of the job, or null. `earlier`: one of another version, or null.
  group_reconciler(const reconcile_input& in, const schema::task_group& group, const schema::deployment* deployment, const schema::deployment* earlier,
                   reconciliation& out);

  void run(const alloc_list& all);

  // A deployment should watch what happens here.
  bool wants_deployment() const;
  // Nothing is left to do and everybody is healthy.
  bool complete() const;
  // Canaries that a new deployment of this group has.
  int64_t desired_canaries() const { return starts_canaries_ ? group_.update->canary.value_or(0) : 0; }

 private:
  // The group's allocations by what has to become of them.
  struct buckets {
    alloc_list keep;  // running, waiting, done (batch), unknown and not replaced, or failed without a replacement
    alloc_list migrate;
    alloc_list lost;
    alloc_list taken;  // ended by the loss, drain or preemption of their place, and not replaced yet
    alloc_list reschedule_now;
    alloc_list reconnecting;
    alloc_list canaries;                  // of the current deployment, whatever else they are
    std::vector<later> reschedule_later;  // these are in `keep` too
  };

  bool canarying() const { return state_ && state_->desired_canaries > 0 && !state_->promoted; }
  bool held() const { return paused_ || failed_; }
  bool is_canary(const schema::allocation& alloc) const;
  schema::reschedule_policy policy() const { return group_.reschedule_policy.value_or(schema::reschedule_policy{}); }

  void retire_canaries(alloc_list& all);
  void sort_out(const ref<schema::allocation>& alloc);
  void sort_ended(const ref<schema::allocation>& alloc);
  bool was_taken(const schema::allocation& alloc) const;
  void sort_kept(const ref<schema::allocation>& alloc);
  void sort_failed(const ref<schema::allocation>& alloc, timestamp since);
  void disconnect(const ref<schema::allocation>& alloc);
  void settle_reconnecting(const alloc_list& all);
  bool loses_to_a_replacement(const ref<schema::allocation>& original, const alloc_list& all, std::set<std::string>& stopped);
  void stop_lost();
  void stop_excess();
  void stop_doubles_of_canaries(int64_t& excess);
  void split_updates();
  void place_canaries();
  int64_t update_limit(const alloc_list& all) const;
  int64_t place_missing();
  int64_t place_taken(int64_t missing, name_index& names);
  int64_t waiting_for_clients(const alloc_list& all) const;
  void replace_updated(int64_t limit);
  void migrate();

  void stop(const ref<schema::allocation>& alloc, std::string_view why, std::string_view client_status = {});
  placement& place(std::string name, const ref<schema::allocation>& previous);
  // Says that a replacement is of the version that it replaces, if that has to stay until canaries are promoted.
  void keep_version(placement& made) const;

  const reconcile_input& in_;
  const schema::job& job_;
  const schema::task_group& group_;
  const schema::deployment* deployment_;
  const schema::deployment* earlier_;
  reconciliation& out_;
  schema::desired_updates& updates_;
  disconnect_rule disconnect_;
  bool batch_;
  bool paused_ = false;
  bool failed_ = false;
  bool had_version_ = false;
  bool starts_canaries_ = false;
  std::optional<schema::deployment_state> state_;
  buckets b_;
  alloc_list destructive_;
  int64_t waiting_ = 0;  // lost ones whose clients may still be stopping them
  int64_t in_place_ = 0;
  int64_t changes_ = 0;
};

}  // namespace drover::sched
