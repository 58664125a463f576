// Evaluations that could not place everything, kept until something that they need was freed.
//
// One a job: a newer one replaces the older, which the leader writes as canceled. An evaluation knows which computed classes cannot help
// (class_eligibility false); any other class that frees capacity wakes it. One that depends on more than classes ("escaped") wakes on
// every class. Those that wake do so a few at a time, most urgent first: the next when one of them is settled (stored as something else, or
// blocked again), so that thousands of waiting jobs never stand between a new job and its scheduler. What is no matter of nodes (another job, a
// turn, a volume) is named in missing_non_node_resources, and whoever sees it change wakes those that wait for it; an evaluation that names only
// such things and no class is not woken by capacity.
// Loop thread only; memory only, rebuilt from the state by a new leader.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "schema/eval.h"
#include "schema/fwd.h"

namespace drover::server {

using schema::ref;

class blocked_evals {
 public:
  // `wake` gives an evaluation back to the broker.
  explicit blocked_evals(std::function<void(ref<schema::evaluation>)> wake) : wake_(std::move(wake)) {}

  void set_enabled(bool enabled);
  void block(ref<schema::evaluation> eval);
  // The job was stopped, or planned without anything missing: nothing of it is blocked any more.
  void untrack(const std::string& ns, const std::string& job_id);
  // This evaluation was stored, whatever it is now: if it was awake, the next may wake.
  void settled(const std::string& eval_id);
  // Capacity of this class was freed or added by the command at `index`.
  void unblock(const std::string& computed_class, uint64_t index);
  // A node changed: system jobs that are blocked on this node, and those on no particular node.
  void unblock_node(const std::string& node_id, uint64_t index);
  // What evaluations wait for by this name has changed: those of which `which` says so try again. Null: all of them.
  void unblock_resource(const std::string& resource, uint64_t index, const std::function<bool(const schema::evaluation&)>& which = {});
  // The same, but those of these jobs alone try again.
  void unblock_jobs(const std::string& resource, uint64_t index, const std::string& ns, const std::vector<std::string>& job_ids);
  // Does any evaluation wait for it? Cheap: asked for every change of a job.
  bool awaits_anything() const { return !awaited_.empty(); }
  bool awaited(const std::string& resource) const { return awaited_.contains(resource); }
  // Each of them once, a few at a time.
  void retry_all();
  // Evaluations whose plans were refused too often are tried again from time to time.
  void unblock_failed();

  // Replaced by newer ones; empties the list.
  std::vector<ref<schema::evaluation>> take_duplicates() { return std::exchange(duplicates_, {}); }
  bool has_duplicates() const { return !duplicates_.empty(); }
  // Also those that are about to wake.
  size_t size() const { return by_job_.size(); }
  size_t awake() const { return awake_.size(); }
  size_t escaped() const;

 private:
  static std::string key(const schema::evaluation& eval);
  // Was something freed after the evaluation looked at the state, which it therefore missed?
  bool missed_unblock(const schema::evaluation& eval) const;
  void note_waits(const std::string& place, const schema::evaluation& eval);
  void drop_waits(const std::string& place, const schema::evaluation& eval);
  void put(const std::string& place, ref<schema::evaluation> eval);
  void note_change(const std::string& resource, uint64_t index);
  void wake(const std::vector<std::string>& places);
  void wake_all(const std::function<bool(const schema::evaluation&)>& which);
  void wake_some();
  static bool on_one_node(const schema::evaluation& eval);

  std::function<void(ref<schema::evaluation>)> wake_;
  bool enabled_ = false;
  struct entry {
    ref<schema::evaluation> eval;
    bool wakes = false;  // it stands in waking_
  };
  // Most urgent first; the key of the entry last.
  using urgency = std::tuple<int64_t, uint64_t, std::string>;
  static urgency urgency_of(const schema::evaluation& eval);

  std::unordered_map<std::string, entry> by_job_;
  size_t on_nodes_ = 0;  // entries that depend on one node
  std::set<urgency> waking_;
  std::unordered_set<std::string> awake_;  // ids
  // Newest index at which each class freed something.
  std::unordered_map<std::string, uint64_t> unblocked_at_;
  // The same for resources. What was forgotten is taken to have changed last at forgotten_at_.
  std::unordered_map<std::string, uint64_t> changed_at_;
  uint64_t forgotten_at_ = 0;
  std::unordered_map<std::string, std::set<std::string>> awaited_;  // by resource: keys of by_job_
  std::vector<ref<schema::evaluation>> duplicates_;
};

}  // namespace drover::server
