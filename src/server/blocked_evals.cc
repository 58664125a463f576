#include "server/blocked_evals.h"

#include <algorithm>

#include "base/ensure.h"
#include "server/limits.h"

namespace drover::server {
namespace {

bool class_may_help(const schema::evaluation& eval, const std::string& computed_class) {
  if (eval.escaped_computed_class) return true;
  if (!eval.missing_non_node_resources.empty() && eval.class_eligibility.empty()) return false;
  auto it = eval.class_eligibility.find(computed_class);
  return it == eval.class_eligibility.end() || it->second;
}

std::string key_of(const std::string& ns, const std::string& job_id) { return ns + '\0' + job_id + '\0'; }

}  // namespace

std::string blocked_evals::key(const schema::evaluation& eval) {
  // System jobs block per node: each of their nodes is a matter of its own.
  return key_of(eval.namespace_, eval.job_id) + (eval.type == "system" || eval.type == "sysbatch" ? eval.node_id : "");
}

bool blocked_evals::on_one_node(const schema::evaluation& eval) { return !eval.node_id.empty() && (eval.type == "system" || eval.type == "sysbatch"); }

blocked_evals::urgency blocked_evals::urgency_of(const schema::evaluation& eval) { return {-eval.priority, eval.create_index, key(eval)}; }

void blocked_evals::set_enabled(bool enabled) {
  enabled_ = enabled;
  if (enabled) return;
  by_job_.clear();
  on_nodes_ = 0;
  waking_.clear();
  awake_.clear();
  awaited_.clear();
  unblocked_at_.clear();
  changed_at_.clear();
  forgotten_at_ = 0;
  duplicates_.clear();
}

bool blocked_evals::missed_unblock(const schema::evaluation& eval) const {
  for (const auto& resource : eval.missing_non_node_resources) {
    auto it = changed_at_.find(resource);
    if ((it == changed_at_.end() ? forgotten_at_ : it->second) > eval.snapshot_index) return true;
  }
  return std::ranges::any_of(unblocked_at_, [&](const auto& entry) { return entry.second > eval.snapshot_index && class_may_help(eval, entry.first); });
}

void blocked_evals::note_waits(const std::string& place, const schema::evaluation& eval) {
  on_nodes_ += on_one_node(eval);
  for (const auto& resource : eval.missing_non_node_resources) awaited_[resource].insert(place);
}

void blocked_evals::drop_waits(const std::string& place, const schema::evaluation& eval) {
  on_nodes_ -= on_one_node(eval);
  for (const auto& resource : eval.missing_non_node_resources) {
    auto it = awaited_.find(resource);
    if (it == awaited_.end()) continue;
    it->second.erase(place);
    if (it->second.empty()) awaited_.erase(it);
  }
}

void blocked_evals::put(const std::string& place, ref<schema::evaluation> eval) {
  auto [it, fresh] = by_job_.try_emplace(place);
  auto& here = it->second;
  if (!fresh) {
    bool other = here.eval->id != eval->id;
    // The newer one wins: it knows the newer job.
    if (other && here.eval->create_index >= eval->create_index) return duplicates_.push_back(std::move(eval));
    drop_waits(place, *here.eval);
    if (other && std::exchange(here.wakes, false)) waking_.erase(urgency_of(*here.eval));
    if (other) duplicates_.push_back(std::move(here.eval));
  }
  here.eval = std::move(eval);
  note_waits(place, *here.eval);
}

void blocked_evals::block(ref<schema::evaluation> eval) {
  if (!enabled_) return;
  const auto id = eval->id;
  const auto place = key(*eval);
  put(place, std::move(eval));
  auto& here = by_job_.at(place);
  if (!here.wakes && missed_unblock(*here.eval)) {
    here.wakes = true;
    waking_.insert(urgency_of(*here.eval));
  }
  awake_.erase(id);
  wake_some();
}

void blocked_evals::settled(const std::string& eval_id) {
  if (awake_.erase(eval_id) > 0) wake_some();
}

void blocked_evals::untrack(const std::string& ns, const std::string& job_id) {
  auto forget = [&](decltype(by_job_)::iterator it) {
    if (it->second.wakes) waking_.erase(urgency_of(*it->second.eval));
    drop_waits(it->first, *it->second.eval);
    return by_job_.erase(it);
  };
  const auto prefix = key_of(ns, job_id);
  if (auto it = by_job_.find(prefix); it != by_job_.end()) forget(it);
  if (on_nodes_ == 0) return;
  for (auto it = by_job_.begin(); it != by_job_.end();) it = it->first.starts_with(prefix) ? forget(it) : std::next(it);
}

void blocked_evals::wake_all(const std::function<bool(const schema::evaluation&)>& which) {
  std::vector<std::string> places;
  for (const auto& [place, each] : by_job_)
    if (!each.wakes && which(*each.eval)) places.push_back(place);
  wake(places);
}

void blocked_evals::wake(const std::vector<std::string>& places) {
  for (const auto& place : places) {
    auto& each = by_job_.at(place);
    if (std::exchange(each.wakes, true)) continue;
    waking_.insert(urgency_of(*each.eval));
  }
  wake_some();
}

void blocked_evals::wake_some() {
  while (!waking_.empty() && awake_.size() < blocked_awake_max) {
    const auto next = waking_.extract(waking_.begin()).value();
    auto it = by_job_.find(std::get<std::string>(next));
    ENSURE(it != by_job_.end(), "what wakes is blocked");
    auto eval = std::move(it->second.eval);
    drop_waits(it->first, *eval);
    by_job_.erase(it);
    awake_.insert(eval->id);
    wake_(std::move(eval));
  }
}

void blocked_evals::unblock(const std::string& computed_class, uint64_t index) {
  if (!enabled_) return;
  constexpr size_t classes_max = 10'000;
  if (unblocked_at_.size() >= classes_max) unblocked_at_.clear();
  unblocked_at_[computed_class] = index;
  wake_all([&](const schema::evaluation& eval) { return class_may_help(eval, computed_class); });
}

void blocked_evals::unblock_node(const std::string& node_id, uint64_t) {
  if (!enabled_ || on_nodes_ == 0) return;
  wake_all([&](const schema::evaluation& eval) { return eval.node_id == node_id && on_one_node(eval); });
}

void blocked_evals::note_change(const std::string& resource, uint64_t index) {
  if (changed_at_.size() >= changed_resources_max) {
    changed_at_.clear();
    forgotten_at_ = index;
  }
  changed_at_[resource] = index;
}

void blocked_evals::unblock_resource(const std::string& resource, uint64_t index, const std::function<bool(const schema::evaluation&)>& which) {
  if (!enabled_) return;
  note_change(resource, index);
  auto waiting = awaited_.find(resource);
  if (waiting == awaited_.end()) return;
  std::vector<std::string> jobs;
  for (const auto& job : waiting->second)
    if (!which || which(*by_job_.at(job).eval)) jobs.push_back(job);
  wake(jobs);
}

void blocked_evals::unblock_jobs(const std::string& resource, uint64_t index, const std::string& ns, const std::vector<std::string>& job_ids) {
  if (!enabled_) return;
  note_change(resource, index);
  auto waiting = awaited_.find(resource);
  if (waiting == awaited_.end()) return;
  std::vector<std::string> jobs;
  for (const auto& id : job_ids)
    // From the key of a job on: a system job has one for each of its nodes.
    for (auto it = waiting->second.lower_bound(key_of(ns, id)); it != waiting->second.end() && it->starts_with(key_of(ns, id)); ++it) jobs.push_back(*it);
  wake(jobs);
}

void blocked_evals::retry_all() {
  wake_all([](const schema::evaluation&) { return true; });
}

void blocked_evals::unblock_failed() {
  wake_all([](const schema::evaluation& eval) { return eval.triggered_by == "max-plan-attempts"; });
}

size_t blocked_evals::escaped() const {
  return static_cast<size_t>(std::ranges::count_if(by_job_, [](const auto& entry) { return entry.second.eval->escaped_computed_class; }));
}

}  // namespace drover::server
